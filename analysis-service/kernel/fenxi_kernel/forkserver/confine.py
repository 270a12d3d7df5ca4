"""What the system holds a kernel to, set by the kernel itself before any code runs in it."""

import ctypes
import os
import resource
import select
import signal
from collections.abc import Mapping

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_SYS_CLOSE_RANGE = 436  # the same on every architecture
_FIRST_FOREIGN_FD = 3
_FD_MAX = 0xFFFF_FFFF

_c = ctypes.PyDLL(None, use_errno=True)


def stdio(null: int, output: int) -> None:
    """Makes ``output`` the standard output and error, and an empty file the standard input."""
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)


def close_others(kept: int | None = None) -> int | None:
    """Closes every descriptor but the standard ones and one, whose new number is given."""
    first = _FIRST_FOREIGN_FD
    if kept is not None:
        if kept != first:
            os.dup2(kept, first, inheritable=False)
        kept, first = first, first + 1
    if _c.syscall(_SYS_CLOSE_RANGE, ctypes.c_uint(first), ctypes.c_uint(_FD_MAX), ctypes.c_uint(0)) != 0:
        os.closerange(first, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    return kept


def signals() -> None:
    """Signals as in a program that was just started."""
    signal.set_wakeup_fd(-1)
    for default in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(default, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A write above RLIMIT_FSIZE is an error in the program and not its death.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def limits(wanted: Mapping[str, int | None]) -> None:
    """Lowers the limits for good; above what we may have ourselves, ours is the limit."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, wanted["open_files"])
    _limit(resource.RLIMIT_FSIZE, wanted["file_bytes"])
    _limit(resource.RLIMIT_DATA, wanted.get("data_bytes"))
    _limit(resource.RLIMIT_NPROC, wanted.get("processes"))


def _limit(what: int, value: int | None) -> None:
    if value is None:
        return
    most = resource.getrlimit(what)[1]
    if most != resource.RLIM_INFINITY:
        value = min(value, most)
    resource.setrlimit(what, (value, value))


def no_new_privileges() -> None:
    """No program that the kernel starts gets more rights than it has."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def die_with(service: int) -> None:
    """Has the system kill this process when the service ends, whose pidfd is given.

    A change of identity takes it back, so that it is called again after one.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    poll = select.poll()
    poll.register(service, select.POLLIN)
    if poll.poll(0):
        # It ended before the line above.
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    if _c.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl {option}: {os.strerror(error)}")
