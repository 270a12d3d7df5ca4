"""Which threads print into nothing: what code says while somebody only looks is no output of the cell that runs.

They also leave the filters of warnings as they are. These are one list of the process: code that sets them for a moment, as
pandas does whenever it is asked for the type of a column, and a cell that does so at the same time, would each put back what
the other had set, and the kernel would be left with it.
"""

import functools
import threading
import warnings

_here = threading.local()


def enter() -> None:
    """From here on this thread is quiet."""
    _here.quiet = True


def is_here() -> bool:
    """Whether this thread is quiet."""
    return getattr(_here, "quiet", False)


def drop(_message):
    """A hook of the display publisher, which has its hooks by thread: sends nothing on."""


def keep_filters() -> None:
    """Has code in quiet threads set the filters of warnings in vain. Called once."""
    caught, wrap = warnings.catch_warnings, functools.wraps
    enter, leave, add, reset = caught.__enter__, caught.__exit__, warnings._add_filter, warnings.resetwarnings

    @wrap(enter)
    def enter_unless_quiet(self):
        self._is_quiet = is_here()
        if not self._is_quiet:
            return enter(self)
        return [] if self._record else None

    @wrap(leave)
    def leave_unless_quiet(self, *raised):
        # By where it was entered: what is collected may be left in any thread.
        if not getattr(self, "_is_quiet", False):
            leave(self, *raised)

    @wrap(add)
    def add_unless_quiet(*item, **where):
        if not is_here():
            add(*item, **where)

    @wrap(reset)
    def reset_unless_quiet():
        if not is_here():
            reset()

    caught.__enter__, caught.__exit__ = enter_unless_quiet, leave_unless_quiet
    warnings._add_filter, warnings.resetwarnings = add_unless_quiet, reset_unless_quiet
