"""Which limits control groups can set here, tried on a child. Version 2 first; version 1, where memory, pids and cpu
each have a tree of their own, as many containers still have it."""

import contextlib
import errno
import os
import time

from fenxi_kernel.isolation.linux import describe
from fenxi_kernel.isolation.trial import trial

CONTROLLERS = ("memory", "pids", "cpu")
_LIMIT_BYTES = 16 << 20
_ABOVE_LIMIT_BYTES = 48 << 20
_KILLED = "ended by signal 9"
_REMOVE_WAIT_SECS = 2

# What to write for each limit, by version. A file that may be missing ends in "?".
_SETTINGS = {
    2: {
        "memory": (("memory.max", _LIMIT_BYTES), ("memory.swap.max?", 0), ("memory.oom.group?", 1)),
        "pids": (("pids.max", 1),),
        "cpu": (("cpu.max", "50000 100000"),),
    },
    1: {
        "memory": (("memory.limit_in_bytes", _LIMIT_BYTES), ("memory.memsw.limit_in_bytes?", _LIMIT_BYTES)),
        "pids": (("pids.max", 1),),
        "cpu": (("cpu.cfs_quota_us", 50000),),
    },
}


def _mounts() -> list[tuple[str, str, str, set[str]]]:
    """The trees of groups: (type, root, where, options)."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8") as lines:
        for line in lines:
            before, _, after = line.partition(" - ")
            fields, rest = before.split(), after.split()
            if rest[0] in ("cgroup", "cgroup2"):
                found.append((rest[0], fields[3], fields[4], set(rest[2].split(","))))
    return found


def _own_group(controller: str) -> str:
    with open("/proc/self/cgroup", encoding="utf-8") as lines:
        for line in lines:
            _, names, path = line.rstrip("\n").split(":", 2)
            if controller in names.split(",") or controller == names == "":
                return path
    return "/"


def _folder(where: str, root: str, group: str) -> str:
    """Where our group is in a mounted tree; the tree's top if it shows another part."""
    below = os.path.relpath(group, root) if root != "/" else group.strip("/")
    folder = os.path.normpath(os.path.join(where, below))
    return folder if not below.startswith("..") and os.path.isdir(folder) else where


def _write(path: str, value) -> None:
    if path.endswith("?"):
        path = path[:-1]
        if not os.path.exists(path):
            return
    with open(path, "w", encoding="ascii") as opened:
        opened.write(str(value))


@contextlib.contextmanager
def _leaf(folder: str):
    leaf = os.path.join(folder, f"fenxi-probe-{os.getpid()}")
    os.mkdir(leaf)
    try:
        yield leaf
    finally:
        # A group counts as used for a moment after its last process has been waited for.
        end = time.monotonic() + _REMOVE_WAIT_SECS
        while True:
            try:
                os.rmdir(leaf)
                break
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > end:
                    raise
                time.sleep(0.005)


def _try_memory() -> None:
    b"x" * _ABOVE_LIMIT_BYTES
    raise OSError("the limit on memory did not hold")


def _try_pids() -> None:
    try:
        if os.fork() == 0:
            os._exit(0)
    except BlockingIOError:
        return
    raise OSError("the limit on processes did not hold")


_TRIES = {"memory": _try_memory, "pids": _try_pids, "cpu": lambda: None}


def _limit(version: int, controller: str, leaf: str) -> str | None:
    """Sets one limit on a group and sees it hold: ``None``, or why not."""

    def join() -> None:
        _write(os.path.join(leaf, "cgroup.procs"), 0)
        _TRIES[controller]()

    try:
        for name, value in _SETTINGS[version][controller]:
            _write(os.path.join(leaf, name), value)
    except OSError as error:
        return describe(error)
    reason = trial(join)
    if controller == "memory":
        return None if reason == _KILLED else reason or "the limit on memory did not hold"
    return reason


@contextlib.contextmanager
def _enabled(folder: str, controllers: list[str]):
    """Hands controllers of version 2 down to the groups of a folder, for the time of the trial if they were not."""
    control = os.path.join(folder, "cgroup.subtree_control")
    with open(control, encoding="ascii") as opened:
        added = [name for name in controllers if name not in opened.read().split()]
    if added:
        _write(control, " ".join(f"+{name}" for name in added))
    try:
        yield
    finally:
        if added:
            _write(control, " ".join(f"-{name}" for name in added))


def _version_2(where: str, root: str) -> tuple[str | None, dict[str, str | None], str]:
    """(folder in which groups can be made, what holds of each controller it has, why there is no folder)."""
    own, refused = _folder(where, root, _own_group("")), ""
    # A manager may have put the service into a group below the one that it was given.
    for folder in dict.fromkeys([own, os.path.dirname(own) if own != where else own]):
        try:
            with open(os.path.join(folder, "cgroup.controllers"), encoding="ascii") as opened:
                controllers = [name for name in opened.read().split() if name in CONTROLLERS]
            with _enabled(folder, controllers), _leaf(folder) as leaf:
                reason = trial(lambda leaf=leaf: _write(os.path.join(leaf, "cgroup.procs"), 0))
                if reason is not None:
                    refused = reason
                    continue
            held = {}
            for name in controllers:
                with _enabled(folder, controllers), _leaf(folder) as leaf:
                    held[name] = _limit(2, name, leaf)
            return folder, held, ""
        except OSError as error:
            refused = describe(error)
    return None, {}, refused


def probe() -> tuple[dict, dict[str, str]]:
    """What was found, and why the rest was not: see :func:`fenxi_kernel.isolation.probe`."""
    found: dict = {"cgroup_v2": None, "cgroups": {}}
    why: dict[str, str] = {}
    mounts = _mounts()
    for kind, root, where, _ in mounts:
        if kind == "cgroup2" and found["cgroup_v2"] is None:
            found["cgroup_v2"], held, refused = _version_2(where, root)
            if refused:
                why["cgroup_v2"] = refused
            for name, reason in held.items():
                if reason is None:
                    found["cgroups"][name] = {"version": 2, "path": found["cgroup_v2"]}
                else:
                    why[f"cgroup_{name}"] = reason
    if all(kind != "cgroup2" for kind, *_ in mounts):
        why["cgroup_v2"] = "no cgroup2 file system is mounted"
    for name in CONTROLLERS:
        for kind, root, where, options in mounts:
            if kind == "cgroup" and name in options and name not in found["cgroups"]:
                _version_1(name, _folder(where, root, _own_group(name)), found, why)
        found[f"cgroup_{name}"] = name in found["cgroups"]
        if found[f"cgroup_{name}"]:
            why.pop(f"cgroup_{name}", None)
        else:
            why.setdefault(f"cgroup_{name}", why.get("cgroup_v2") or "no group hands this controller down")
    return found, why


def _version_1(name: str, folder: str, found: dict, why: dict[str, str]) -> None:
    try:
        with _leaf(folder) as leaf:
            reason = _limit(1, name, leaf)
    except OSError as error:
        reason = describe(error)
    if reason is None:
        found["cgroups"][name] = {"version": 1, "path": folder}
    else:
        why[f"cgroup_{name}"] = reason
