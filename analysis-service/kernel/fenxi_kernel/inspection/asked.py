"""Whose ``__repr__`` is being asked, and which classes' are not asked again in an answer, because one took too long."""

import threading

from fenxi_kernel.inspection.budget import TooSlow

_here = threading.local()


class Asked:
    """Of one answer. Its worker asks; whoever watches it reads whom."""

    def __init__(self, slow: dict[int, type]):
        # By number: the class of a class may be the user's, with a ``__hash__`` of its own.
        self._slow = dict(slow)
        self._kind: type | None = None

    def begin(self, kind: type, name: str) -> None:
        """Refuses a class that was too slow."""
        if id(kind) in self._slow:
            raise TooSlow(f"the text of another {name} took too long")
        self._kind = kind

    def end(self) -> None:
        """None is being asked."""
        self._kind = None

    def was_slow(self) -> type | None:
        """Takes note of the class that is being asked, and gives it."""
        kind = self._kind
        if kind is not None:
            self._slow[id(kind)] = kind
        return kind


def watch(asked: Asked) -> None:
    """From here on it is told whom this thread asks."""
    _here.asked = asked


def text_of(value: object, name: str) -> str:
    """``repr(value)``, which may be the user's code."""
    asked = getattr(_here, "asked", None)
    if asked is None:
        return repr(value)
    asked.begin(type(value), name)
    text = repr(value)
    asked.end()
    return text
