"""The layers in the order in which each can still be put in force.

A namespace's own things are made while the process is privileged in it; Landlock's rules are written while every path
can be opened; then the user changes and privileges go; last come the filters that would forbid all of that.
"""

import contextlib
import itertools
import os
import socket

from fenxi_kernel.isolation import descriptors, joining, landlock, linux, mounts, network, seccomp, users
from fenxi_kernel.isolation.linux import describe
from fenxi_kernel.isolation.numbers import MACHINE, NUMBERS

_HOST_NAME = "kernel"
# joblib reads them wherever they exist, and fails if it may not.
_PROCESSOR_LIMITS = tuple(
    f"/sys/fs/cgroup/{name}" for name in ("cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")
)


class IsolationError(Exception):
    """A layer is not in force. The process must end: it may be half isolated."""


@contextlib.contextmanager
def _layer(name: str):
    try:
        yield
    except Exception as error:
        raise IsolationError(f"isolation: {name}: {describe(error)}") from error


def enter(plan: dict) -> None:
    """Puts the layers of a plan in force in this process, for good.

    To be called in a process of one thread, in its own session, with nothing open but what it may keep, and with the
    namespaces that the plan names just entered (by the flags of clone3), unless it is to enter them itself. The plan::

        {"layers": {"namespaces": ["user", "mount", "pid", "ipc", "uts", "net"],
                    "uid": 100123 or None, "gid": as uid, "landlock": bool, "seccomp": bool,
                    "drop_capabilities": bool},
         "read": [folders and files to read and run], "read_files": [files or folders with data to read],
         "write": [own work folder, own folder of sockets], "tmp_bytes": of /tmp and /dev/shm together,
         "processes": most processes and threads or None, "network": bool,
         "group": {"name": of control groups, "trees": in so many it has to be, "doors": [files by which it enters those
                   that it was not born into and is not moved into]}, or None,
         "unshare": bool (enter the namespaces here; by default they are entered)}

    All paths are absolute. Paths to read that do not exist are passed over. ``"user"`` is the way of a service that is
    not root: the process maps its one user to itself. ``processes`` holds for all processes of one user in one user
    namespace, so it takes an own ``uid`` or ``"user"``. ``unshare`` is the way of a program that root starts, which was not
    born into namespaces; one of process ids it cannot enter. Nobody is root with a plan: without any privilege root still
    owns the machine's files.

    The caller should know that a changed user clears PR_SET_PDEATHSIG, and that a process that is first in its pid
    namespace is ended by SIGKILL only, unless it handles the signal.

    :raises IsolationError: one line that names the layer. The caller must then end the process.
    """
    with _layer("plan"):
        layers = plan["layers"]
        names = set(layers["namespaces"])
        uid, gid = users.current()
        if layers["uid"] is not None:
            uid, gid = layers["uid"], layers.get("gid") or layers["uid"]
            if "user" in names:
                raise ValueError("a user namespace of one user leaves no other user to become")
        elif plan.get("processes") and "user" not in names:
            raise ValueError("processes would be counted with those of the service, which has the same user")
        if uid == 0:
            raise ValueError("a kernel is not root: the service is, and a user of its own is missing")
    group = plan.get("group")
    if group:
        # First, so that all memory that it takes and all that it starts is counted there; later they are out of sight.
        with _layer("control group"):
            joining.enter(group["doors"])
    if plan.get("unshare"):
        _unshare(names)
    _enter_namespaces(plan, names, uid, gid)
    with _layer("keyring"), contextlib.suppress(OSError):
        # A system without keys has none to keep apart; the filter refuses the calls in any case.
        users.own_keyring()
    rules = None
    if layers["landlock"]:
        with _layer("landlock"):
            rules = _rules(plan, names)
    _become(plan, layers, uid, gid)
    with _layer("no_new_privs"):
        users.forbid_new_privileges()
    if rules is not None:
        with _layer("landlock"):
            rules.enforce()
    if layers["seccomp"]:
        with _layer("seccomp"):
            seccomp.install(_filter(plan, names))
    if group:
        with _layer("control group"):
            joining.wait(group["name"], group["trees"])


def _unshare(names: set[str]) -> None:
    """Leaves the machine's namespaces, as a fork does that is born into its own."""
    with _layer("namespaces"):
        if names & {"user", "pid"}:
            raise ValueError("a process does not enter a user or pid namespace by itself")
        linux.call("unshare", sum(linux.NAMESPACES[name] for name in names))


def own_host_name() -> None:
    """Gives a fresh uts namespace a name that tells nothing of the machine."""
    socket.sethostname(_HOST_NAME)


def _enter_namespaces(plan: dict, names: set[str], uid: int, gid: int) -> None:
    with _layer("descriptors"):
        os.umask(0o077)
        descriptors.refuse_folders()
    if "user" in names:
        with _layer("user namespace"):
            users.write_maps()
    if "uts" in names:
        with _layer("uts namespace"):
            own_host_name()
    if "net" in names:
        with _layer("net namespace"):
            network.loopback_up()
    if "mount" in names:
        with _layer("mount namespace"):
            mounts.build(plan, uid, gid, own_pids="pid" in names)


def _become(plan: dict, layers: dict, uid: int, gid: int) -> None:
    if plan.get("processes"):
        with _layer("processes"):
            users.limit_processes(plan["processes"])
    if layers["drop_capabilities"]:
        with _layer("capabilities"):
            users.bound_capabilities()
    if layers["uid"] is not None:
        with _layer("uid"):
            users.become(uid, gid)
    if layers["drop_capabilities"]:
        with _layer("capabilities"):
            users.drop_capabilities()


def _rules(plan: dict, names: set[str]) -> landlock.Rules:
    rules = landlock.Rules(refuse_tcp="net" not in names and not plan["network"])
    if "mount" in names:
        # All that is there was named by the plan; its folders to write were bound so.
        rules.allow("/", landlock.RUN)
        rules.allow("/dev", landlock.USE_DEVICES)
        rules.allow("/dev/shm", landlock.WRITE)
        rules.allow("/tmp", landlock.WRITE)
    else:
        for path in plan["read"]:
            rules.allow(path, landlock.RUN, required=False)
        for path in plan["read_files"]:
            rules.allow(path, landlock.READ, required=False)
        for path in ("/proc", *mounts.SYS, *_PROCESSOR_LIMITS):
            rules.allow(path, landlock.READ, required=False)
        for name in mounts.DEVICES:
            rules.allow(f"/dev/{name}", landlock.USE_DEVICES, required=False)
        for name in ("ptmx", "pts"):
            rules.allow(f"/dev/{name}", landlock.USE_DEVICES, required=False)
        rules.allow("/dev/shm", landlock.NAMED_ONLY, required=False)
    for path in plan["write"]:
        rules.allow(path, landlock.WRITE)
    return rules


# Made before the fork, so that no kernel makes one.
_FILTERS = {
    key: seccomp.program(internet=key[0], ipc_namespace=key[1], others_apart=key[2])
    for key in itertools.product((False, True), repeat=3)
    if NUMBERS
}


def _filter(plan: dict, names: set[str]) -> bytes:
    internet = "net" in names or bool(plan["network"])
    others_apart = "pid" in names or plan["layers"]["uid"] is not None
    try:
        return _FILTERS[internet, "ipc" in names, others_apart]
    except KeyError:
        raise OSError(f"the numbers of system calls on {MACHINE} are not known") from None
