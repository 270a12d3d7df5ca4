"""Which layers this machine gives, each really entered by a child that ends with the trial."""

import os
import platform
import shutil
import signal
import tempfile

from fenxi_kernel.isolation import cgroups, interpreter, landlock, layers, linux, mounts, network, seccomp, users
from fenxi_kernel.isolation.levels import levels
from fenxi_kernel.isolation.numbers import MACHINE
from fenxi_kernel.isolation.trial import trial

# The first user of the range that is tried unless another is named.
UID = 100_000
_TMP_BYTES = 1 << 20
_PROCESSES_MAX = 2


class _Probe:
    def __init__(self, uid: int, folder: str) -> None:
        self.uid, self.folder = uid, folder
        self.found: dict = {"machine": MACHINE, "system": platform.release(), "user": os.getuid()}
        self.why: dict[str, str] = {}
        # A user that may not make namespaces gets them in a user namespace of its own.
        self.user_flag = 0 if trial(lambda: None, linux.CLONE_NEWNS) is None else linux.CLONE_NEWUSER

    def note(self, name: str, reason: str | None) -> bool:
        self.found[name] = reason is None
        if reason is not None:
            self.why[name] = reason
        return reason is None

    def inside(self, step, flags: int) -> str | None:
        def both() -> None:
            if self.user_flag:
                users.write_maps()
            step()

        return trial(both, self.user_flag | flags)

    def plan(self) -> dict:
        """Of all that was found."""
        names = [name for name in linux.NAMESPACES if name != "user" and self.found[f"{name}_namespace"]]
        if not self.found["proc"]:
            # Without a new /proc the old one would show the others, and nothing of the kernel itself.
            names = [name for name in names if name != "pid"]
        if self.user_flag and names:
            names.insert(0, "user")
        own = self.uid if self.found["uid"] and "user" not in names else None
        return {
            "layers": {
                "namespaces": names, "uid": own, "gid": own, "landlock": self.found["landlock_abi"] > 0,
                "seccomp": self.found["seccomp"], "drop_capabilities": True,
            },
            "read": interpreter.read_paths(), "read_files": [], "write": [self.folder], "tmp_bytes": _TMP_BYTES,
            "processes": None, "network": False,
        }  # fmt: skip

    def always(self) -> None:
        self.note("no_new_privs", trial(users.forbid_new_privileges))
        self.note("seccomp", trial(_try_seccomp))
        reason = trial(lambda: _try_landlock(self.folder))
        self.found["landlock_abi"] = landlock.abi() if reason is None else 0
        if reason is not None:
            self.why["landlock_abi"] = reason
        reason = trial(lambda: users.become(self.uid, self.uid))
        self.note("uid", reason and f"setgroups, setresgid and setresuid to {self.uid}: {reason}")

    def namespaces(self) -> None:
        self.note("user_namespace", trial(users.write_maps, linux.CLONE_NEWUSER))
        self.found["needs_user_namespace"] = bool(self.user_flag)
        plan = {"read": ["/usr"], "read_files": [], "write": [self.folder], "tmp_bytes": _TMP_BYTES}
        build = lambda: mounts.build(plan, os.getuid(), os.getgid(), own_pids=False)  # noqa: E731
        self.note("mount_namespace", self.inside(build, linux.CLONE_NEWNS))
        self.note("pid_namespace", self.inside(_try_pid, linux.CLONE_NEWPID))
        self.note("ipc_namespace", self.inside(lambda: None, linux.CLONE_NEWIPC))
        self.note("uts_namespace", self.inside(layers.own_host_name, linux.CLONE_NEWUTS))
        self.note("net_namespace", self.inside(network.loopback_up, linux.CLONE_NEWNET))
        hidden = lambda: _try_hidden(self.folder, self.uid)  # noqa: E731
        self.note("hidden_processes", self.inside(hidden, linux.CLONE_NEWNS))
        self.note("proc", self.inside(lambda: _try_proc(self.folder), linux.CLONE_NEWPID | linux.CLONE_NEWNS))

    def together(self) -> None:
        """The layers found, all at once, as a kernel enters them; and a limit on processes of its own."""
        plan = self.plan()
        names = plan["layers"]["namespaces"]
        flags = 0
        for name in names:
            flags |= linux.NAMESPACES[name]
        if plan["layers"]["uid"] is not None:
            os.chown(self.folder, self.uid, self.uid)
        self.found["namespaces"] = names
        self.note("together", trial(lambda: layers.enter(plan), flags))

        def limited() -> None:
            layers.enter({**plan, "processes": _PROCESSES_MAX})
            _try_processes()

        if plan["layers"]["uid"] is None and "user" not in names:
            self.note("processes", "they would be counted with those of the service, which has the same user")
        else:
            self.note("processes", trial(limited, flags))


def probe(uid: int = UID) -> dict:
    """The layers by name, each with whether it is to be had, and ``why`` with the error and the step for those that
    are not. ``uid`` is the user that a kernel would become.

    Beside these: ``landlock_abi`` (0: none) · ``needs_user_namespace``: the other namespaces come only together with a
    user namespace · ``hidden_processes``: a /proc can be had in which a user sees its own processes alone ·
    ``namespaces``: what a plan may name, all of which together with the other layers was entered as a
    trial if ``together`` · ``processes``: a plan may limit them · ``cgroup_v2``: the folder in which groups can be
    made, or ``None`` · ``cgroups``: for memory, pids and cpu the version and the folder · ``read`` and
    ``network_read``: paths for the plan · ``levels``: what is missing for which level.
    """
    folder = tempfile.mkdtemp(prefix="fenxi-probe-")
    try:
        made = _Probe(uid, folder)
        made.always()
        made.namespaces()
        made.together()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    limits, why = cgroups.probe()
    found = {**made.found, **limits, "why": {**made.why, **why}}
    found["read"], found["network_read"] = interpreter.read_paths(), interpreter.network_read_paths()
    found["levels"] = levels(found)
    return found


def _try_seccomp() -> None:
    users.forbid_new_privileges()
    seccomp.install(seccomp.program(internet=False, ipc_namespace=False, others_apart=False))
    try:
        linux.call("unshare", linux.CLONE_NEWUSER)
    except PermissionError:
        return
    raise OSError("the filter is not in force")


def _try_landlock(folder: str) -> None:
    users.forbid_new_privileges()
    rules = landlock.Rules(refuse_tcp=True)
    rules.allow(folder, landlock.WRITE)
    rules.enforce()
    os.listdir(folder)
    try:
        os.listdir("/")
    except PermissionError:
        return
    raise OSError("the rules are not in force")


def _try_pid() -> None:
    if os.getpid() != 1:
        raise OSError("the process is not the first of its namespace")


def _try_proc(folder: str) -> None:
    linux.mount("none", "/", None, mounts.REC | mounts.PRIVATE)
    mounts.mount_proc(folder, own_pids=True)
    seen = [name for name in os.listdir(folder) if name.isdigit()]
    if seen != ["1"]:
        raise OSError("the new /proc shows other processes")


def _try_hidden(folder: str, uid: int) -> None:
    linux.mount("none", "/", None, mounts.REC | mounts.PRIVATE)
    mounts.mount_hidden_proc(folder)
    parent = str(os.getppid())
    if parent not in os.listdir(folder):
        raise OSError("the new /proc does not show the processes of this machine")
    users.become(uid, uid)
    if parent in os.listdir(folder):
        raise OSError("the new /proc shows other users' processes")


def _try_processes() -> None:
    """One child may be, a second may not: so the count is the kernel's own, and the limit holds."""
    first = os.fork()
    if first == 0:
        signal.pause()
    try:
        if os.fork() == 0:
            os._exit(0)
    except BlockingIOError:
        return
    finally:
        os.kill(first, signal.SIGKILL)
    raise OSError("the limit on processes does not hold")
