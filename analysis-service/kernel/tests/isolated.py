"""Runs a function inside an isolated process, as the fork server starts kernels: a server process forks a child into
the namespaces of a plan, the child enters the plan's layers. Used by the tests of isolation; has no tests itself."""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import sys
import traceback
from dataclasses import dataclass

from fenxi_kernel import isolation
from fenxi_kernel.isolation import linux, mounts, trial, users

LIMIT_SECS = 60
ROOT = os.getuid() == 0
# Whom the tests that are run by root play: a service's plain user, and the users of two kernels.
PLAIN_UID = 20_000
KERNEL_UID = 100_123
OTHER_UID = 100_124
TMP_BYTES = 64 << 20
PROBE = isolation.probe(KERNEL_UID)

# The same place in the server and in its child; what is in it differs.
MEMORY = ctypes.create_string_buffer(b"in the child", 32)
SECRET_OF_SERVER = b"in the server"


@dataclass(frozen=True)
class Set:
    """A set of layers, and who enters it."""

    name: str
    namespaces: tuple[str, ...]
    # The user of the service and its fork server, and that of the kernel if it gets one of its own.
    service_uid: int
    uid: int | None = None
    # Entered by a program of its own, which was not born into it.
    unshare: bool = False

    @property
    def kernel_uid(self) -> int:
        return self.service_uid if self.uid is None else self.uid

    @property
    def other_uid(self) -> int:
        return self.service_uid if self.uid is None else OTHER_UID

    def missing(self) -> str | None:
        """Why this machine, or who runs the tests, cannot have this set."""
        if self.service_uid == 0 and not ROOT:
            return "only root starts kernels as other users"
        wanted = [f"{name}_namespace" for name in self.namespaces] + ["seccomp", "landlock_abi"]
        wanted += ["hidden_processes"] * ("mount" in self.namespaces and "pid" not in self.namespaces)
        wanted += ["uid"] * (self.uid is not None) + ["proc"] * ("pid" in self.namespaces)
        lacking = [name for name in wanted if not PROBE[name]]
        return f"this machine lacks {', '.join(lacking)}: {PROBE['why']}" if lacking else None


_PLAIN = PLAIN_UID if ROOT else os.getuid()
_APART = ("mount", "pid", "ipc", "uts", "net")
ALL = Set("all layers, root", _APART, 0, KERNEL_UID)
# As the service starts kernels as root: a kernel's own user hides its processes, and it is the first process of nothing.
OWN_USER = Set("own user without a pid namespace, root", ("mount", "ipc", "uts", "net"), 0, KERNEL_UID)
PLAIN_START = Set("a program of its own, root", OWN_USER.namespaces, 0, KERNEL_UID, unshare=True)
# No plan of the service's: such a kernel would not reach its own folders.
NO_NAMESPACES = Set("no namespaces, root", (), 0, KERNEL_UID)
SHARED_USER = Set("no namespaces, plain user", (), _PLAIN)
IN_USER_NAMESPACE = Set("all layers, plain user", ("user", *_APART), _PLAIN)
SETS = (ALL, OWN_USER, PLAIN_START, SHARED_USER, IN_USER_NAMESPACE)


def plan(which: Set, read=(), data=(), write=(), **changed) -> dict:
    """A plan of a set. Only what is named here and what the interpreter needs can be reached."""
    layers = {
        "namespaces": list(which.namespaces), "uid": which.uid, "gid": which.uid,
        "landlock": True, "seccomp": True, "drop_capabilities": True,
    }  # fmt: skip
    made = {
        "layers": layers, "read": [*PROBE["read"], *read], "read_files": list(data), "write": list(write),
        "tmp_bytes": TMP_BYTES, "processes": None, "network": False, "unshare": which.unshare,
    }  # fmt: skip
    return made | changed


def flags(which: Set) -> int:
    return 0 if which.unshare else sum(linux.NAMESPACES[name] for name in which.namespaces)


class Failed(Exception):
    """What a function raised in another process."""


def inside(which: Set, entered: dict | None, function, answer=None, uid: int | None = None):
    """Gives what ``function(ask)`` returns in a kernel of a set, or raises :class:`Failed` with what it raised.

    Without a plan to enter it is the same process, not isolated, as the service's user or as ``uid``. ``ask(question)``
    asks this process: it returns what ``answer(question)`` gives here.
    """
    from_server, to_us = os.pipe()
    from_us, to_server = os.pipe()
    server = os.fork()
    if server == 0:
        os.close(from_server)
        os.close(to_server)
        _serve(which, entered, function, to_us, from_us, which.service_uid if uid is None else uid)
    os.close(to_us)
    os.close(from_us)
    try:
        return _listen(from_server, to_server, lambda question: server if question == "server" else answer(question))
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
        os.close(from_server)
        os.close(to_server)


def _listen(reader: int, writer: int, answer):
    with open(reader, "rb", buffering=0, closefd=False) as lines:
        while True:
            if not select.select([reader], [], [], LIMIT_SECS)[0]:
                raise Failed(f"nothing within {LIMIT_SECS} s")
            line = lines.readline()
            if not line:
                raise Failed("it ended without a word")
            message = json.loads(line)
            if "ask" in message:
                os.write(writer, json.dumps(answer(message["ask"])).encode() + b"\n")
            elif "raised" in message:
                raise Failed(message["raised"])
            else:
                return message["returned"]


def _serve(which: Set, entered, function, writer: int, reader: int, uid: int) -> None:
    """The fork server's part. It ends when it is killed."""
    try:
        os.setpgid(0, 0)
        linux.prctl("PR_SET_PDEATHSIG", 1, signal.SIGKILL)
        if ROOT and (entered is None or which is not ALL):
            _reachable_interpreter()
        if uid != os.getuid():
            users.become(uid, uid)
        users.remember_user()
        written, may_begin = os.pipe()
        kernel = linux.fork(flags(which) if entered is not None else 0)
        if kernel == 0:
            os.read(written, 1)
            os.close(written)
            os.close(may_begin)
            _kernel(entered, function, writer, reader)
        MEMORY.value = SECRET_OF_SERVER
        os.write(may_begin, b".")
        # A kernel that is killed says nothing.
        _, status = os.waitpid(kernel, 0)
        if os.WIFSIGNALED(status):
            os.write(writer, json.dumps({"raised": f"killed by {os.WTERMSIG(status)}"}).encode() + b"\n")
    except BaseException:
        os.write(writer, json.dumps({"raised": traceback.format_exc()}).encode() + b"\n")
    finally:
        os._exit(0)


def _kernel(entered, function, writer: int, reader: int) -> None:
    def ask(question):
        os.write(writer, json.dumps({"ask": question}).encode() + b"\n")
        return json.loads(os.read(reader, 65536))

    try:
        os.setsid()
        if entered is not None:
            os.environ["HOME"] = next(iter(entered["write"]), "/")
            with contextlib.suppress(OSError):
                os.chdir(os.environ["HOME"])
            isolation.enter(entered)
        said = {"returned": function(ask)}
    except isolation.IsolationError as error:
        said = {"raised": f"IsolationError: {error}"}
    except BaseException as error:
        said = {"raised": "".join(traceback.format_exception(error))}
    try:
        os.write(writer, json.dumps(said).encode() + b"\n")
    finally:
        os._exit(0)


def _reachable_interpreter() -> None:
    """Kernels of other users need an interpreter that is not in a private folder, such as root's home. Where it is, the
    server gets a view of the machine in which that folder shows the interpreter and nothing else."""
    prefix = os.path.realpath(sys.base_prefix)
    parts = prefix.strip("/").split("/")
    for count in range(1, len(parts)):
        private = "/" + "/".join(parts[:count])
        if os.stat(private).st_mode & 0o001:
            continue
        reason = trial.trial(lambda: None, linux.CLONE_NEWNS)
        assert reason is None, f"{prefix} cannot be read by kernels: {reason}"
        linux.call("unshare", linux.CLONE_NEWNS)
        linux.mount("none", "/", None, mounts.REC | mounts.PRIVATE)
        tree = linux.call("open_tree", -100, os.fsencode(prefix), 1 | os.O_CLOEXEC | 0x8000)
        linux.mount("tmpfs", private, "tmpfs", 0, "mode=755,size=1m")
        os.makedirs(prefix)
        linux.call("move_mount", tree, b"", -100, os.fsencode(prefix), 4)
        os.close(tree)
        return


def listener(family: int, address, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """A socket of the machine, to be reached or not."""
    made = socket.socket(family, kind)
    made.bind(address)
    if kind == socket.SOCK_STREAM:
        made.listen()
    return made
