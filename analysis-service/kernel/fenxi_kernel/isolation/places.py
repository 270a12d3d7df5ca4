"""Where a path of the machine is found again in a kernel's own tree of files: symbolic links are made again, what they
lead to is bound where it really is."""

import os
import stat
from dataclasses import dataclass, field

_LINKS_MAX = 40


@dataclass
class Place:
    """Something to show in a kernel's tree."""

    path: str
    writable: bool
    is_folder: bool
    # Symbolic links on the way to it: (where, to what).
    links: list[tuple[str, str]] = field(default_factory=list)


class _Links:
    """What was found to be a symbolic link, so that no folder is asked twice."""

    def __init__(self) -> None:
        self._known: dict[str, str | None] = {}

    def target(self, path: str) -> str | None:
        if path not in self._known:
            try:
                self._known[path] = os.readlink(path)
            except OSError:
                self._known[path] = None
        return self._known[path]

    def walk(self, path: str) -> tuple[list[tuple[str, str]], str]:
        """The symbolic links on the way of an absolute path, and where it ends."""
        links: list[tuple[str, str]] = []
        done, rest = "/", path.split("/")
        while rest:
            part = rest.pop(0)
            if part in ("", "."):
                continue
            if part == "..":
                done = os.path.dirname(done)
                continue
            here = f"{done.rstrip('/')}/{part}"
            target = self.target(here)
            if target is None:
                done = here
                continue
            links.append((here, target))
            if len(links) > _LINKS_MAX:
                raise OSError(f"{path}: too many symbolic links")
            done = "/" if target.startswith("/") else done
            rest = target.split("/") + rest
        return links, done


def _place(path: str, writable: bool, known: _Links) -> Place | None:
    """``None`` if there is nothing at ``path``."""
    if not path.startswith("/"):
        raise ValueError(f"{path} is not an absolute path")
    links, real = known.walk(path)
    try:
        mode = os.stat(real).st_mode
    except FileNotFoundError:
        return None
    return Place(real, writable, stat.S_ISDIR(mode), links)


def within(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def arrange(read: list[str], write: list[str]) -> tuple[list[Place], list[tuple[str, str]]]:
    """What to bind, outer folders first, without what another one shows already; and the links to make after that.

    A path to read that does not exist is passed over: a list can name what only some machines have.
    """
    places: dict[str, Place] = {}
    links: dict[str, str] = {}
    known = _Links()
    for path, writable in [*((path, False) for path in read), *((path, True) for path in write)]:
        place = _place(path, writable, known)
        if place is None:
            if writable:
                raise FileNotFoundError(f"{path} does not exist")
            continue
        if place.path == "/":
            raise ValueError(f"{path} is the whole machine")
        links.update(place.links)
        places[place.path] = place
    kept: list[Place] = []
    for place in sorted(places.values(), key=lambda place: place.path):
        around = [outer for outer in kept if within(place.path, outer.path)]
        if not around or around[-1].writable != place.writable:
            kept.append(place)
    return kept, list(links.items())
