"""The system calls that a kernel is refused: a filter of about 80 of them, as a BPF program made here.

A list of what is refused, not of what is allowed: any library that users bring works, and most of the kernel's surface
stays reachable. It closes what undoes the other layers, what belongs to the machine, and what has been the way in most
often (io_uring, bpf, perf, userfaultfd, keys, namespaces, rare socket families).
"""

import ctypes
import errno
import socket
import struct

from fenxi_kernel.isolation import linux
from fenxi_kernel.isolation.numbers import MACHINE, NUMBERS

_PR_SET_SECCOMP = 22
_MODE_FILTER = 2

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}.get(MACHINE)
_X32_BIT = 0x40000000

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_AT_NUMBER, _AT_ARCH, _AT_ARGUMENTS = 0, 4, 16
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000

_REFUSED = (
    "mount", "umount2", "pivot_root", "chroot", "open_tree", "open_tree_attr", "move_mount", "fsopen", "fsconfig",
    "fsmount", "fspick", "mount_setattr", "name_to_handle_at", "open_by_handle_at", "fanotify_init", "quotactl",
    "quotactl_fd", "unshare", "setns", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp",
    "pidfd_getfd", "move_pages", "migrate_pages", "bpf", "perf_event_open", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "userfaultfd", "add_key", "request_key", "keyctl", "kexec_load", "kexec_file_load",
    "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff", "acct", "syslog", "sethostname",
    "setdomainname", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "vhangup", "personality", "iopl",
    "ioperm", "modify_ldt", "uselib", "_sysctl", "lookup_dcookie", "nfsservctl",
)  # fmt: skip
_SYSTEM_V = (
    "shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl", "msgget", "msgsnd", "msgrcv", "msgctl",
    "mq_open", "mq_unlink",
)  # fmt: skip
# Their first argument names the process that is changed; 0 is the caller.
_CHANGES_A_PROCESS = ("prlimit64", "sched_setaffinity", "sched_setattr")
# Their second one does, if the first says that it is a process (PRIO_PROCESS, IOPRIO_WHO_PROCESS): 0 may be all of a user.
_CHANGES_A_PRIORITY = {"setpriority": 0, "ioprio_set": 1}

_NAMESPACE_FLAGS = (
    linux.CLONE_NEWNS | linux.CLONE_NEWCGROUP | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC | linux.CLONE_NEWUSER
    | linux.CLONE_NEWPID | linux.CLONE_NEWNET
)  # fmt: skip
# Put characters into a terminal's input, or words into a console's.
_TERMINAL_INPUT = (0x5412, 0x541C)
_NETLINK_ROUTE = 0
# Says where a process has its arguments and environment: whoever reads those would read as much as it likes.
_PR_SET_MM = 35
_SCHED_OTHER = 0


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _refuse(code: int) -> bytes:
    return _step(_RETURN, _ERRNO | code)


_PASS = _step(_RETURN, _ALLOW)


def _argument(index: int) -> bytes:
    """Loads the lower half of an argument. The system looks at no more of any argument that is judged here."""
    return _step(_LOAD, _AT_ARGUMENTS + 8 * index)


def _none_of(names, code: int) -> bytes:
    """Refuses the calls named."""
    numbers = [NUMBERS[name] for name in names if name in NUMBERS]
    last = len(numbers) - 1
    jumps = [_step(_JUMP_EQUAL, number, last - at, at == last) for at, number in enumerate(numbers)]
    return b"".join([*jumps, _refuse(code)])


def _judge(name: str, *steps: bytes) -> bytes:
    """For one call, ``steps`` that decide about it."""
    return _step(_JUMP_EQUAL, NUMBERS[name], 0, len(steps)) + b"".join(steps)


def _sockets(families) -> bytes:
    steps = [_argument(0)]
    for family in families:
        steps += [_step(_JUMP_EQUAL, family, 0, 1), _PASS]
    # Of netlink, the list of addresses and routes: ZeroMQ ends the process that may not read it.
    steps += [_step(_JUMP_EQUAL, socket.AF_NETLINK, 0, 3), _argument(2)]
    steps += [_step(_JUMP_EQUAL, _NETLINK_ROUTE, 0, 1), _PASS]
    return _judge("socket", *steps, _refuse(errno.EAFNOSUPPORT))


def _others_alone() -> list[bytes]:
    """Limits and priorities of the caller only."""
    itself = [_step(_JUMP_EQUAL, 0, 1, 0), _refuse(errno.EPERM), _PASS]
    parts = [_judge(name, _argument(0), *itself) for name in _CHANGES_A_PROCESS]
    for name, which in _CHANGES_A_PRIORITY.items():
        of_a_process = [_argument(0), _step(_JUMP_EQUAL, which, 1, 0), _refuse(errno.EPERM)]
        parts.append(_judge(name, *of_a_process, _argument(1), *itself))
    # The ordinary policy may be set for anyone: the C library names threads by their number, and ZeroMQ ends the
    # process that may not set it for its own.
    ordinary = [_argument(1), _step(_JUMP_EQUAL, _SCHED_OTHER, 0, 1), _PASS]
    return [*parts, _judge("sched_setscheduler", *ordinary, _argument(0), *itself)]


def program(*, internet: bool, ipc_namespace: bool, others_apart: bool) -> bytes:
    """The filter.

    ``internet``: sockets of IP may be made, because they reach nothing or because that is granted. ``ipc_namespace``:
    System V objects are the kernel's own. ``others_apart``: other processes have another user or are not seen; if not,
    a kernel may change limits and priorities of itself only.
    """
    if _AUDIT_ARCH is None:
        raise OSError(errno.ENOSYS, f"seccomp: the numbers of system calls on {MACHINE} are not known")
    parts = [_step(_LOAD, _AT_ARCH), _step(_JUMP_EQUAL, _AUDIT_ARCH, 1, 0), _step(_RETURN, _KILL)]
    parts.append(_step(_LOAD, _AT_NUMBER))
    if MACHINE == "x86_64":
        parts += [_step(_JUMP_AT_LEAST, _X32_BIT, 0, 1), _refuse(errno.ENOSYS)]
    refused = _REFUSED if ipc_namespace else _REFUSED + _SYSTEM_V
    parts.append(_none_of(refused, errno.EPERM))
    # The C library then uses clone, whose flags can be looked at.
    parts.append(_none_of(["clone3"], errno.ENOSYS))
    parts.append(
        _judge("clone", _argument(0), _step(_JUMP_ANY_BIT, _NAMESPACE_FLAGS, 0, 1), _refuse(errno.EPERM), _PASS)
    )
    terminal = [_step(_JUMP_EQUAL, _TERMINAL_INPUT[0], 1, 0), _step(_JUMP_EQUAL, _TERMINAL_INPUT[1], 0, 1)]
    parts.append(_judge("ioctl", _argument(1), *terminal, _refuse(errno.EPERM), _PASS))
    memory = [_argument(0), _step(_JUMP_EQUAL, _PR_SET_MM, 0, 1), _refuse(errno.EPERM), _PASS]
    parts.append(_judge("prctl", *memory))
    families = [socket.AF_UNIX, *([socket.AF_INET, socket.AF_INET6] if internet else [])]
    parts.append(_sockets(families))
    pairs = [_argument(0), _step(_JUMP_EQUAL, socket.AF_UNIX, 1, 0), _refuse(errno.EAFNOSUPPORT), _PASS]
    parts.append(_judge("socketpair", *pairs))
    if not others_apart:
        parts += _others_alone()
    return b"".join([*parts, _PASS])


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


def install(steps: bytes) -> None:
    """Puts a filter in force for this process and all it starts, for good. Needs no_new_privs."""
    linux.prctl("PR_SET_SECCOMP", _PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(_Program(len(steps) // 8, steps)))
