"""A kernel's way into its control groups. Into those of version 1 the process goes by itself, at once: to move another one
the system waits until no process of the machine is about to start or end a thread. Into that of version 2 it is born, or the
service moves it, beside its start; what it started before would stay outside for good."""

import os
import time
from collections.abc import Iterable

_WAIT_SECS = 20
_PAUSE_SECS = 0.001


def enter(doors: Iterable[str]) -> None:
    """Moves this process, which has one thread, into the groups whose ``tasks`` files these are.

    :raises OSError: it is not let in.
    """
    for door in doors:
        opened = os.open(door, os.O_WRONLY | os.O_CLOEXEC)
        try:
            # Who writes it. Only a move of oneself, and not by its number, needs to wait for nobody.
            os.write(opened, b"0")
        finally:
            os.close(opened)


def wait(name: str, trees: int) -> None:
    """Waits until this process is in groups of this name in so many trees.

    :raises OSError: it is not moved there.
    """
    until = time.monotonic() + _WAIT_SECS
    while (found := _found(name)) < trees:
        if time.monotonic() >= until:
            raise OSError(f"the process is in {found} of {trees} groups {name}")
        time.sleep(_PAUSE_SECS)


def _found(name: str) -> int:
    with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as lines:
        return sum(line.rstrip("\n").endswith(f"/{name}") for line in lines)
