"""The copy itself: a process that is the service's child, not the server's.

The service waits for its kernels and they outlive the server, so they must be its own children: ``clone3`` with
``CLONE_PARENT``. Where the system refuses ``clone3`` (older sandboxes do), two forks do the same if the service is a
subreaper: the process between them ends, and the kernel falls to the service.
"""

import ctypes
import os
import signal
import socket
from collections.abc import Callable

_PR_GET_TID_ADDRESS = 40
_SYS_CLONE3 = 435  # the same on every architecture
# What the process between two forks says: a pid, or why there is none.
_SAID_MAX_BYTES = 256
_CLONE_PIDFD = 0x0000_1000
_CLONE_PARENT = 0x0000_8000
_CLONE_CHILD_CLEARTID = 0x0020_0000
_CLONE_CHILD_SETTID = 0x0100_0000
_CLONE_INTO_CGROUP = 0x2_0000_0000
# The namespaces that a request may ask for: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
NEWNET = 0x4000_0000
NAMESPACES = 0x0002_0000 | 0x0200_0000 | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0x2000_0000 | NEWNET

# PyDLL keeps the interpreter's lock: no other thread may run between the calls around the copy.
_c = ctypes.PyDLL(None, use_errno=True)
_c.syscall.restype = ctypes.c_long


class _Arguments(ctypes.Structure):
    """``struct clone_args`` of the system's ``sched.h``."""

    _fields_ = [
        (name, ctypes.c_uint64)
        for name in (
            "flags", "pidfd", "child_tid", "parent_tid", "exit_signal", "stack", "stack_size", "tls", "set_tid",
            "set_tid_size", "cgroup",
        )
    ]  # fmt: skip


class _Session:
    """Has the caller wait until the child leads a session of its own: signals to its process group reach it then."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()

    def lead(self) -> None:
        """In the child, before anything else, because the caller waits. Python is not ready yet: plain calls."""
        _c.setsid()
        _c.close(self._writer)
        _c.close(self._reader)

    def wait(self) -> None:
        """In the caller; comes back when the child is dead, too, or was never there."""
        os.close(self._writer)
        os.read(self._reader, 1)
        os.close(self._reader)


Copy = Callable[[int, int | None], tuple[int, int] | None]


def by_clone3(flags: int, cgroup: int | None = None, *, own_child: bool = False) -> tuple[int, int] | None:
    """Copies this process. Gives the child's pid and a pidfd, and ``None`` in the child, which leads a session.

    ``flags`` are namespaces, ``cgroup`` is the descriptor of a folder of cgroup v2. libc's own steps around a fork are
    left out, which is right for one thread: they hold and release locks that nobody else can have. What libc keeps of
    the thread's id is written by the system (``CLONE_CHILD_SETTID``).
    """
    pidfd = ctypes.c_int(-1)
    arguments = _Arguments(
        flags=flags | _CLONE_PIDFD | _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID,
        pidfd=ctypes.addressof(pidfd),
        child_tid=_tid_address(),
    )
    if own_child:
        arguments.exit_signal = signal.SIGCHLD
    else:
        # The exit signal is then the server's own, as the system demands.
        arguments.flags |= _CLONE_PARENT
    if cgroup is not None:
        arguments.flags |= _CLONE_INTO_CGROUP
        arguments.cgroup = cgroup
    address, size = ctypes.byref(arguments), ctypes.sizeof(arguments)
    session = _Session()
    _c.PyOS_BeforeFork()
    pid = _c.syscall(_SYS_CLONE3, address, ctypes.c_size_t(size))
    if pid == 0:
        session.lead()
        _c.PyOS_AfterFork_Child()
        return None
    error = ctypes.get_errno()
    _c.PyOS_AfterFork_Parent()
    session.wait()
    if pid < 0:
        raise OSError(error, f"clone3: {os.strerror(error)}")
    return pid, pidfd.value


def by_two_forks(flags: int, cgroup: int | None = None) -> tuple[int, int] | None:
    """The same with two forks: the service must be a subreaper (``PR_SET_CHILD_SUBREAPER``)."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    go_reader, go_writer = os.pipe()
    session = _Session()
    try:
        between = os.fork()
    except OSError:
        theirs.close()
        os.close(go_reader)
        _let_go(ours, go_writer, session)
        raise
    if between == 0:
        ours.close()
        os.close(go_writer)
        _between(flags, cgroup, theirs, go_reader)
        session.lead()
        return None
    theirs.close()
    os.close(go_reader)
    try:
        said, descriptors, _, _ = socket.recv_fds(ours, _SAID_MAX_BYTES, 1)
        os.waitpid(between, 0)
        if not descriptors:
            raise OSError(said.decode("utf-8", "replace") or "the process between two forks ended")
        # Only now has the kernel its new parent, whose death it will ask to be told of.
        os.write(go_writer, b"g")
        return int(said), descriptors[0]
    finally:
        _let_go(ours, go_writer, session)


def _let_go(ours: socket.socket, go_writer: int, session: _Session) -> None:
    """Closes the server's ends. A kernel that was not told to go on ends by that."""
    ours.close()
    os.close(go_writer)
    session.wait()


def _between(flags: int, cgroup: int | None, theirs: socket.socket, go_reader: int) -> None:
    """Forks the kernel and ends; returns in the kernel only."""
    try:
        if cgroup is not None:
            procs = os.open("cgroup.procs", os.O_WRONLY | os.O_CLOEXEC, dir_fd=cgroup)
            os.write(procs, b"0")
            os.close(procs)
        if flags and _c.unshare(ctypes.c_int(flags)) != 0:
            error = ctypes.get_errno()
            raise OSError(error, f"unshare: {os.strerror(error)}")
        pid = os.fork()
        if pid == 0:
            theirs.close()
            if os.read(go_reader, 1) != b"g":
                os._exit(1)
            os.close(go_reader)
            return
        socket.send_fds(theirs, [str(pid).encode()], [os.pidfd_open(pid)])
    except BaseException as error:  # noqa: BLE001  nothing may go on as a second server
        theirs.send(str(error).encode()[:_SAID_MAX_BYTES])
    os._exit(0)


def _tid_address() -> int:
    address = ctypes.c_size_t(0)
    if _c.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(address), 0, 0, 0) != 0 or not address.value:
        error = ctypes.get_errno()
        raise OSError(error, f"PR_GET_TID_ADDRESS: {os.strerror(error)}")
    return address.value


def choose() -> tuple[str, Copy]:
    """Finds by trying what the system allows: ``"clone3"`` or ``"double-fork"``, and the function."""
    try:
        # The first process of a namespace may not give children to its parent.
        if os.getpid() == 1:
            raise OSError("clone3 is refused to the first process of a namespace")
        made = by_clone3(0, own_child=True)
    except OSError:
        return "double-fork", by_two_forks
    if made is None:
        os._exit(0)
    pid, pidfd = made
    os.close(pidfd)
    _, status = os.waitpid(pid, 0)
    return ("clone3", by_clone3) if status == 0 else ("double-fork", by_two_forks)
