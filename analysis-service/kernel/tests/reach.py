"""What code in a kernel may try. Each function is one attempt at the world that ``World`` lays out: it returns what
shows that it succeeded, and raises or gives something false where it is refused. ``ask`` asks the world outside."""

import ctypes
import fcntl
import mmap
import os
import secrets
import socket
import stat
import struct
import subprocess

import isolated
from fenxi_kernel.isolation import linux
from fenxi_kernel.isolation.numbers import NUMBERS

_UDP_TRIES = 200
_libc = ctypes.CDLL(None, use_errno=True)


def _read(path):
    with open(path, errors="replace") as opened:
        return opened.read()


def read_another_kernels_file(world, ask):
    return _read(world.other_file) == world.secret


def read_a_file_of_the_service(world, ask):
    return _read(world.service_file) == world.secret


def read_a_file_by_going_up(world, ask):
    return _read("/.." * 9 + world.other_file) == world.secret


def read_a_file_by_another_root(world, ask):
    return _read(f"/proc/{world.other}/root{world.other_file}") == world.secret


def see_that_a_file_exists(world, ask):
    return os.stat(world.other_file).st_size == len(world.secret)


def change_the_mode_of_a_file(world, ask):
    os.chmod(world.other_file, 0o640)
    return ask("mode") == 0o640


def change_the_mode_of_a_file_of_the_service(world, ask):
    os.chmod(world.service_file, 0o4755)
    return ask("mode of the service's") == 0o4755


def read_etc_shadow(world, ask):
    return "root:" in _read("/etc/shadow")


def list_the_folder_of_the_service(world, ask):
    return "control" in os.listdir(world.folder)


def list_control_groups(world, ask):
    return os.listdir("/sys/fs/cgroup")


def write_into_a_library(world, ask):
    with open(f"{world.library}/planted.py", "w") as planted:
        planted.write("x = 1")
    return ask("planted")


def write_into_a_dataset(world, ask):
    with open(world.dataset, "r+b") as opened:
        opened.write(b"changed")
    return True


def write_into_the_real_tmp(world, ask):
    open(world.tmp_file, "w").close()
    return ask("tmp file")


def make_a_device(world, ask):
    os.mknod(f"{world.work}/device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    os.unlink(f"{world.work}/device")
    return True


def become_root_by_a_program(world, ask):
    return subprocess.run([world.set_uid_program, "-u"], capture_output=True, text=True).stdout.strip() == "0"


def list_other_processes(world, ask):
    return str(world.other) in os.listdir("/proc") and "sleep" in _read(f"/proc/{world.other}/cmdline")


def count_other_processes(world, ask):
    try:
        os.kill(world.other, 0)
    except PermissionError:
        # Which says that there is one.
        pass
    return True


def wait_for_the_end_of_another(world, ask):
    os.close(os.pidfd_open(world.other))
    return True


def read_anothers_environment(world, ask):
    return world.secret in _read(f"/proc/{world.other}/environ")


def _signal(pid):
    os.kill(pid, 23)  # SIGURG, which nobody minds
    return True


def signal_another_kernel(world, ask):
    return _signal(world.other)


def signal_the_service(world, ask):
    return _signal(world.service)


def signal_the_fork_server(world, ask):
    return _signal(ask("server"))


def trace_another_kernel(world, ask):
    if _libc.ptrace(16, world.other, None, None) == -1:  # PTRACE_ATTACH
        raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(world.other, 0x40000000)
    _libc.ptrace(17, world.other, None, None)
    return True


def read_memory_of_the_server(world, ask):
    pid, size = ask("server"), len(isolated.SECRET_OF_SERVER)
    into = ctypes.create_string_buffer(size)
    vectors = [struct.pack("=QQ", ctypes.addressof(at), size) for at in (into, isolated.MEMORY)]
    linux.call("process_vm_readv", pid, vectors[0], 1, vectors[1], 1, 0)
    return into.raw == isolated.SECRET_OF_SERVER


def read_memory_of_the_server_by_proc(world, ask):
    with open(f"/proc/{ask('server')}/mem", "rb", buffering=0) as memory:
        memory.seek(ctypes.addressof(isolated.MEMORY))
        return memory.read(len(isolated.SECRET_OF_SERVER)) == isolated.SECRET_OF_SERVER


def limit_another_kernel(world, ask):
    # RLIMIT_NOFILE; the old values come back as they are set.
    linux.call("prlimit64", world.other, 7, struct.pack("=QQ", 64, 64), None)
    return ask("open files") == 64


def pin_another_kernel(world, ask):
    # Its processors stay the same.
    os.sched_setaffinity(world.other, os.sched_getaffinity(0))
    return True


def connect_by_tcp(world, ask):
    return not socket.create_connection(world.tcp, 5).close()


def listen_by_tcp(world, ask):
    with isolated.listener(socket.AF_INET, ("127.0.0.1", 0)) as made:
        return ask(["connect", made.getsockname()[1]])


def send_by_udp(world, ask):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        # A busy machine may deliver it later. The word is this attempt's own: one of another may come late, too.
        word = secrets.token_hex(8)
        for _ in range(_UDP_TRIES):
            made.sendto(word.encode(), world.udp)
            if ask(["udp", word]):
                return True
    return False


def _connect(address):
    with socket.socket(socket.AF_UNIX) as made:
        made.connect(address)
    return True


def connect_to_an_abstract_socket(world, ask):
    return _connect(world.abstract)


def connect_to_an_open_socket(world, ask):
    return _connect(world.open_socket)


def connect_to_the_control_socket(world, ask):
    return _connect(world.control_socket)


def read_anothers_shared_memory(world, ask):
    return _read(world.shared_memory) == world.secret


def list_shared_memory(world, ask):
    return os.path.basename(world.shared_memory) in os.listdir("/dev/shm")


def attach_system_v_memory(world, ask):
    return linux.call("shmget", world.system_v_key, 0, 0) >= 0


def _descriptor(name, *arguments):
    os.close(linux.call(name, *arguments))
    return True


def use_io_uring(world, ask):
    return _descriptor("io_uring_setup", 1, bytes(120))


def use_keys(world, ask):
    return linux.call("keyctl", 0, -3, 1) and linux.call("add_key", b"user", b"fenxi-test", b"x", 1, -1) > 0


def make_a_user_namespace(world, ask):
    return linux.call("unshare", linux.CLONE_NEWUSER) == 0


def make_a_namespace_by_clone(world, ask):
    pid = _libc.syscall(
        ctypes.c_long(NUMBERS["clone"]), ctypes.c_long(linux.CLONE_NEWUSER | 17), None, None, None, None
    )
    if pid == 0:
        os._exit(0)
    if pid == -1:
        raise OSError(ctypes.get_errno(), "clone")
    return os.waitpid(pid, 0)


def make_a_namespace_by_clone3(world, ask):
    pid = linux.fork(linux.CLONE_NEWUSER)
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)


def mount_something(world, ask):
    linux.mount("tmpfs", world.work, "tmpfs", 0)
    linux.call("umount2", os.fsencode(world.work), 2)
    return True


def use_bpf(world, ask):
    # BPF_MAP_CREATE of an array with one entry.
    return _descriptor("bpf", 0, struct.pack("=5I", 2, 4, 4, 1, 0) + bytes(100), 120)


def use_perf(world, ask):
    attributes = struct.pack("=IIQ", 1, 112, 0) + bytes(96)
    return _descriptor("perf_event_open", attributes, 0, -1, -1, 0)


def use_userfaultfd(world, ask):
    return _descriptor("userfaultfd", os.O_CLOEXEC)


def open_by_handle(world, ask):
    handle, mount_id = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0) + bytes(128)), ctypes.c_int()
    linux.call("name_to_handle_at", -100, os.fsencode(os.getcwd()), handle, ctypes.byref(mount_id), 0)
    folder = os.open(".", os.O_RDONLY)
    return _descriptor("open_by_handle_at", folder, handle, os.O_RDONLY)


def read_the_kernels_log(world, ask):
    return linux.call("syslog", 10, None, 0) > 0


def change_the_personality(world, ask):
    return linux.call("personality", 0x0040000) >= 0


def make_a_packet_socket(world, ask):
    return not socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()


def type_into_a_terminal(world, ask):
    controller, terminal = os.openpty()
    fcntl.ioctl(terminal, 0x540E, 1)  # TIOCSCTTY
    fcntl.ioctl(terminal, 0x5412, b"x")  # TIOCSTI
    return True


def call_as_32_bit(world, ask):
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20 (getpid); int 0x80; ret
    at = ctypes.addressof(ctypes.c_char.from_buffer(code))
    return ctypes.CFUNCTYPE(ctypes.c_int)(at)() == os.getpid()


def start_many_processes(world, ask):
    started = []
    try:
        while len(started) < world.processes + 20:
            pid = os.fork()
            if pid == 0:
                os.read(world.never, 1)
                os._exit(0)
            started.append(pid)
    finally:
        for pid in started:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
    return True
