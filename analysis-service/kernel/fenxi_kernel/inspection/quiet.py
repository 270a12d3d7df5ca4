"""Which threads print into nothing: what code says while somebody only looks is no output of the cell that runs."""

import threading

_here = threading.local()


def enter() -> None:
    """From here on this thread is quiet."""
    _here.quiet = True


def is_here() -> bool:
    """Whether this thread is quiet."""
    return getattr(_here, "quiet", False)


def drop(_message):
    """A hook of the display publisher, which has its hooks by thread: sends nothing on."""
