"""System calls that the standard library has no functions for. Everything here raises :class:`OSError` that names the
call; nothing here decides anything."""

import ctypes
import errno
import os

from fenxi_kernel.isolation.numbers import MACHINE, NUMBERS

CLONE_NEWTIME = 0x80
CLONE_NEWNS = 0x20000
CLONE_NEWCGROUP = 0x2000000
CLONE_NEWUTS = 0x4000000
CLONE_NEWIPC = 0x8000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_PARENT = 0x8000

# What a plan calls them, in the order in which they are worth having.
NAMESPACES = {
    "user": CLONE_NEWUSER,
    "mount": CLONE_NEWNS,
    "pid": CLONE_NEWPID,
    "ipc": CLONE_NEWIPC,
    "uts": CLONE_NEWUTS,
    "net": CLONE_NEWNET,
}

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
PR_CAPBSET_DROP = 24
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

# The interpreter's lock is kept during the calls: in a child of a fork there is nobody to give it to.
_libc = ctypes.PyDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
_prctl = _libc.prctl
_mount = _libc.mount


def _failed(name: str) -> OSError:
    code = ctypes.get_errno()
    return OSError(code, f"{name}: {errno.errorcode.get(code, code)} ({os.strerror(code)})")


def describe(error: BaseException) -> str:
    """One line that says which error it is by its usual name."""
    if not isinstance(error, OSError) or error.errno is None:
        return f"{error}" if isinstance(error, (OSError, ValueError)) else f"{type(error).__name__}: {error}"
    text = error.strerror or ""
    name = errno.errorcode.get(error.errno, str(error.errno))
    text = text if name in text else f"{name} ({text})"
    return text if error.filename is None else f"{os.fsdecode(error.filename)}: {text}"


def call(name: str, *arguments) -> int:
    """Makes a system call by its name. Integers are passed as longs; bytes, structures and ``None`` as pointers."""
    number = NUMBERS.get(name)
    if number is None:
        raise OSError(errno.ENOSYS, f"{name}: its number on {MACHINE} is not known")
    made = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = _syscall(ctypes.c_long(number), *made)
    if result == -1:
        raise _failed(name)
    return result


def prctl(name: str, option: int, *arguments) -> int:
    """``prctl``, with all its five arguments: those not given are 0, as many options demand."""
    made = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in arguments]
    made += [ctypes.c_ulong(0)] * (4 - len(made))
    result = _prctl(ctypes.c_int(option), *made)
    if result == -1:
        raise _failed(f"prctl {name}")
    return result


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """``mount(2)``."""
    names = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    extra = None if data is None else data.encode()
    if _mount(*names, ctypes.c_ulong(flags), extra) == -1:
        raise _failed(f"mount {kind or ''} on {target}")


class _CloneArguments(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in (
        "flags", "pidfd", "child_tid", "parent_tid", "exit_signal", "stack", "stack_size", "tls",
    )]  # fmt: skip


_SIGCHLD = 17


def fork(flags: int = 0) -> int:
    """``os.fork`` into new namespaces, by clone3: gives 0 in the child, its pid in the parent.

    The handlers that the C library keeps for forks do not run; a process of one thread needs none of them.
    """
    if flags == 0:
        return os.fork()
    arguments = _CloneArguments(flags=flags, exit_signal=0 if flags & CLONE_PARENT else _SIGCHLD)
    api = ctypes.pythonapi
    api.PyOS_BeforeFork()
    try:
        pid = call("clone3", ctypes.byref(arguments), ctypes.sizeof(arguments))
    except OSError:
        api.PyOS_AfterFork_Parent()
        raise
    if pid == 0:
        api.PyOS_AfterFork_Child()
    else:
        api.PyOS_AfterFork_Parent()
    return pid
