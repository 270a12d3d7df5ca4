"""A kernel's own tree of files: only what its plan names, read-only but for its own folders, with /tmp, /dev/shm, /dev
and /proc of its own. Made in a fresh mount namespace, as its root; the machine's tree is not there any more."""

import ctypes
import os

from fenxi_kernel.isolation import linux
from fenxi_kernel.isolation.places import Place, arrange, within

_RDONLY, _NOSUID, _NODEV, _NOEXEC = 1, 2, 4, 8
REC, PRIVATE = 0x4000, 0x40000
_MNT_DETACH = 2
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 4

# Beside what a plan gives to /tmp and /dev/shm: folders to mount on, links and a few lines of text.
_TREE_BYTES = 1 << 20
# Files in /tmp and /dev/shm together: each takes memory of the system, however empty.
_FILES_MAX = 100_000
_TERMINALS_MAX = 64

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEVICE_LINKS = {
    "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}  # fmt: skip
# What libraries ask about processors; nothing else of /sys.
SYS = ("/sys/devices/system/cpu", "/sys/devices/system/node")
_OLD = "/.old"


class _Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def _bind(source: str, target: str, attributes: int) -> None:
    """Shows ``source`` and all mounted below it at ``target``, never for an instant with more rights than asked."""
    tree = linux.call(
        "open_tree", _AT_FDCWD, os.fsencode(source), _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_RECURSIVE
    )
    try:
        if attributes:
            _restrict(tree, attributes, _AT_RECURSIVE)
        linux.call("move_mount", tree, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH)
    finally:
        os.close(tree)


def _restrict(tree: int, attributes: int, recursive: int = 0) -> None:
    wanted = _Attributes(set=attributes)
    linux.call("mount_setattr", tree, b"", _AT_EMPTY_PATH | recursive, ctypes.byref(wanted), ctypes.sizeof(wanted))


def _new_root(at: str, size: int) -> None:
    """Makes an empty tree the root, with the machine's below ``/.old``. It is mounted for a moment on ``at``."""
    linux.mount("none", "/", None, REC | PRIVATE)
    limits = f"mode=755,size={size + _TREE_BYTES},nr_inodes={_FILES_MAX}"
    linux.mount("fenxi", at, "tmpfs", _NOSUID | _NODEV, limits)
    os.chdir(at)
    os.mkdir(_OLD[1:])
    linux.call("pivot_root", b".", os.fsencode(_OLD[1:]))
    os.chdir("/")


def _devices() -> None:
    os.makedirs("/dev/pts")
    for name in DEVICES:
        if os.path.exists(f"{_OLD}/dev/{name}"):
            _touch(f"/dev/{name}")
            _bind(f"{_OLD}/dev/{name}", f"/dev/{name}", 0)
    for name, target in _DEVICE_LINKS.items():
        os.symlink(target, f"/dev/{name}")
    options = f"newinstance,ptmxmode=0666,mode=0620,max={_TERMINALS_MAX}"
    linux.mount("devpts", "/dev/pts", "devpts", _NOSUID | _NOEXEC, options)


def _temporary() -> None:
    """/tmp and /dev/shm: two writable views of the tree's own file system, so that one limit holds for both."""
    for path in ("/tmp", "/dev/shm"):
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o1777)
        _bind(path, path, 0)


def mount_proc(at: str, own_pids: bool) -> None:
    """A /proc that shows the processes of a pid namespace; without one, of whom it may, or else the machine's own."""
    if own_pids:
        linux.mount("proc", at, "proc", _NOSUID | _NODEV | _NOEXEC)
        return
    try:
        mount_hidden_proc(at)
    except OSError:
        _bind(f"{_OLD}/proc", at, _NOSUID | _NODEV | _NOEXEC)


def mount_hidden_proc(at: str) -> None:
    """A /proc in which a user sees the processes that it may trace, which are its own."""
    linux.mount("proc", at, "proc", _NOSUID | _NODEV | _NOEXEC, "hidepid=2")


def _touch(path: str) -> None:
    if not os.path.lexists(path):
        os.mknod(path, 0o644)


def _show(place: Place, outer: Place | None) -> None:
    """Binds a place where it is on the machine. Within another, the folder to bind on is there already."""
    if outer is None:
        if place.is_folder:
            os.makedirs(place.path, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(place.path), exist_ok=True)
            _touch(place.path)
    attributes = _NOSUID | _NODEV | (0 if place.writable else _RDONLY)
    _bind(_OLD + place.path, place.path, attributes)


def _write_names(uid: int, gid: int, home: str) -> None:
    """The names that programs look up: the kernel's own user, and its own machine."""
    os.makedirs("/etc", exist_ok=True)
    texts = {
        "passwd": f"kernel:x:{uid}:{gid}::{home}:/bin/sh\n",
        "group": f"kernel:x:{gid}:\n",
        "hosts": "127.0.0.1 localhost kernel\n::1 localhost\n",
    }
    for name, text in texts.items():
        if not os.path.lexists(f"/etc/{name}"):
            made = os.open(f"/etc/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            os.write(made, text.encode())
            os.close(made)


def build(plan: dict, uid: int, gid: int, own_pids: bool) -> None:
    """Makes the tree and moves into it. The working directory stays the same if the tree has it."""
    mask, here = os.umask(0o022), os.getcwd()
    places, links = arrange([*plan["read"], *plan["read_files"]], plan["write"])
    _new_root(os.path.realpath(plan["write"][0]), plan["tmp_bytes"])
    _devices()
    _temporary()
    os.mkdir("/proc")
    mount_proc("/proc", own_pids)
    shown: list[Place] = []
    for place in [*places, *(Place(path, False, True) for path in SYS if os.path.isdir(_OLD + path))]:
        _show(place, next((outer for outer in shown if within(place.path, outer.path)), None))
        shown.append(place)
    for link, target in links:
        if not os.path.lexists(link):
            os.makedirs(os.path.dirname(link), exist_ok=True)
            os.symlink(target, link)
    _write_names(uid, gid, plan["write"][0])
    linux.call("umount2", _OLD.encode(), _MNT_DETACH)
    os.rmdir(_OLD)
    root = os.open("/", os.O_PATH | os.O_CLOEXEC)
    _restrict(root, _RDONLY)
    os.close(root)
    os.chdir(here if os.path.isdir(here) else plan["write"][0])
    os.umask(mask)
