"""A kernel's way into its control group. Where a process is not born there the service moves it, beside its start; what it
started before would stay outside for good."""

import time

_WAIT_SECS = 20
_PAUSE_SECS = 0.001


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
