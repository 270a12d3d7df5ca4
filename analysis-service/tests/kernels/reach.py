"""What code in a kernel may try, run in a cell: each line of docs/isolation.md's table as one attempt, which gives what shows
that it succeeded, and raises or gives something false where it is refused. `world` says where everything is."""

import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import tempfile

libc = ctypes.CDLL(None, use_errno=True)


def read(path):
    with open(path, errors="replace") as opened:
        return opened.read()


def call(number, *arguments):
    """A system call by its number, the same on all machines of today for these."""
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return True


def connect(family, kind, address):
    with socket.socket(family, kind) as opened:
        opened.settimeout(5)
        opened.connect(address)
        return True


def chmod(path):
    before = os.stat(path).st_mode & 0o7777
    os.chmod(path, 0o640)
    os.chmod(path, before)
    return True


def write(path):
    with open(path, "x"):
        pass
    os.remove(path)
    return True


def make_device():
    folder = tempfile.mkdtemp()
    try:
        os.mknod(f"{folder}/device", 0o20600, os.makedev(1, 3))
        os.remove(f"{folder}/device")
    finally:
        os.rmdir(folder)
    return True


def trace(pid):
    # PTRACE_SEIZE: it goes on meanwhile, and is let go when this process ends.
    return libc.ptrace(0x4206, pid, 0, 0) == 0


def unshare():
    pid = os.fork()
    if pid == 0:
        os._exit(0 if libc.unshare(0x20000) == 0 else 1)
    return os.waitpid(pid, 0)[1] == 0


def mount():
    folder = tempfile.mkdtemp()
    done = libc.mount(b"none", folder.encode(), b"tmpfs", 0, None) == 0
    if done:
        libc.umount2(folder.encode(), 2)
    os.rmdir(folder)
    return done


def become_root():
    """By a program with the bit that says so: what counts is only whether it could."""
    with open("/proc/self/status") as status:
        return os.getuid() == 0 or "NoNewPrivs:\t0" in status.read()


def taken(pid):
    with contextlib.suppress(PermissionError):
        os.kill(pid, 0)
    return True


def signal_it(pid):
    os.kill(pid, 0)
    return True


ATTEMPTS = {
    "read another kernel's file": lambda: read(world["other_file"]) == "secret",
    "read a file of the service": lambda: read(world["service_file"]) == "secret",
    "read it by another root": lambda: read(f"/proc/{world['other']}/root{world['other_file']}") == "secret",
    "read /etc/shadow": lambda: "root:" in read("/etc/shadow"),
    "list the service's folder": lambda: "service-secret" in os.listdir(world["folder"]),
    "list control groups": lambda: os.listdir("/sys/fs/cgroup"),
    "see that a file exists": lambda: os.stat(world["other_file"]).st_size == 6,
    "change the mode of another kernel's file": lambda: chmod(world["other_file"]),
    "change the mode of the service's file": lambda: chmod(world["service_file"]),
    "write into a library": lambda: write(f"{os.path.dirname(json.__file__)}/planted.py"),
    "write into the machine's /tmp": lambda: write("/tmp/planted") and os.stat("/tmp").st_ino == world["tmp"],
    "make a device": make_device,
    "become root": become_root,
    "list other processes": lambda: read(f"/proc/{world['service']}/cmdline"),
    "count other processes": lambda: taken(world["service"]),
    "read another's environment": lambda: read(f"/proc/{world['other']}/environ"),
    "read another's memory": lambda: open(f"/proc/{world['other']}/mem", "rb").close() or True,
    "trace another": lambda: trace(world["other"]),
    "signal another kernel": lambda: signal_it(world["other"]),
    "signal the service": lambda: signal_it(world["service"]),
    "limit another": lambda: resource.prlimit(world["other"], resource.RLIMIT_CORE, (0, 0)) is not None,
    "connect to TCP": lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", world["tcp"])),
    "connect to an abstract socket": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + world["abstract"]),
    "connect to an open socket": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, world["socket"]),
    "packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close() or True,
    "read another's shared memory": lambda: read(f"/dev/shm/{world['shared']}") == "secret",
    "unshare": unshare,
    "mount": mount,
    "io_uring": lambda: call(425, 1, ctypes.create_string_buffer(120)),
    "keys": lambda: call({"x86_64": 250, "aarch64": 219}[os.uname().machine], 0, -3, 1),
}


def attempted(attempt):
    """Whether it succeeds; in a process of its own, so that what it does to itself ends with it."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            done = bool(attempt())
        except BaseException:
            done = False
        os.write(writer, b"1" if done else b"0")
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(writer)
    said = os.read(reader, 1)
    os.close(reader)
    os.waitpid(pid, 0)
    return said == b"1"


def report():
    print(json.dumps(sorted(name for name, attempt in ATTEMPTS.items() if attempted(attempt))))
