"""Kernels of one server have nothing of each other, and nothing of the server but its libraries."""

import array
import contextlib
import os
import resource
import secrets
import signal
import socket
import unittest

from forkserver.house import PROXY_PORT, Housed

CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = 0x0400_0000, 0x0800_0000, 0x2000_0000, 0x4000_0000
PAGE_BYTES = resource.getpagesize()


def resident(pid, begin, end):
    """The parts of a range of addresses that are in memory: libraries reserve a lot and do not use it."""
    with open(f"/proc/{pid}/pagemap", "rb") as file:
        file.seek(begin // PAGE_BYTES * 8)
        pages = array.array("Q", file.read((end - begin) // PAGE_BYTES * 8))
    there = False
    for number, page in enumerate((*pages, 0)):
        if (page >> 62 != 0) != there:
            there, place = not there, begin + number * PAGE_BYTES
            if there:
                start = place
            else:
                yield start, place - start


@contextlib.contextmanager
def halted(pid):
    """Has a child of ours stand still, so that its memory stays where it is."""
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def found_in_memory(pid, *needles: str) -> list[int]:
    """How often each text is in the memory that a process may write to."""
    with halted(pid):
        return _found_in_memory(pid, needles)


def _found_in_memory(pid, needles) -> list[int]:
    counts = [0] * len(needles)
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            place, rights, *_ = line.split()
            if not rights.startswith("rw"):
                continue
            for start, length in resident(pid, *(int(number, 16) for number in place.split("-"))):
                memory.seek(start)
                part = memory.read(length)
                counts = [count + part.count(needle.encode()) for count, needle in zip(counts, needles, strict=True)]
    return counts


class Deep(Housed):
    """With the application built before the fork."""

    def test_random_numbers_and_keys_are_a_kernels_own(self):
        code = """[
            __import__('random').random(), __import__('numpy').random.rand(), str(__import__('uuid').uuid4()),
            str(__import__('uuid').uuid1()), __import__('secrets').token_hex(), __import__('ssl').RAND_bytes(8).hex(),
            __import__('numpy').random.default_rng().random(), __import__('tempfile').mktemp(dir='/'),
            bytes(__import__('multiprocessing').current_process().authkey).hex(),
            __import__('scipy.stats').stats.norm.rvs(), get_ipython().kernel.session.session,
            get_ipython().kernel.ident, __import__('os').getpid(),
        ]"""
        first, second = (self.fork().start().value(code) for _ in range(2))
        self.assertEqual([a for a, b in zip(first, second, strict=True) if a == b], [])

    def test_the_environment_is_what_was_asked_for(self):
        kernel = self.fork(env={"ASKED": "数据", "MPLBACKEND": "agg", "PLOTLY_RENDERER": "json"}).start()
        has = kernel.value("dict(__import__('os').environ)")
        # Beside it, what a cold kernel sets for itself (compared in test_settings).
        own = {name for name in has if name not in kernel.env}
        shell = {"TERM", "CLICOLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "PAGER", "GIT_PAGER"}
        libraries = {"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "PYDEVD_USE_FRAME_EVAL"}
        self.assertEqual(own, shell | libraries | {"MPLCONFIGDIR", "JE_ARROW_MALLOC_CONF"})
        self.assertEqual({name: has[name] for name in kernel.env}, kernel.env)
        given = self.run_ok("import subprocess\nx = subprocess.run(['printenv', 'ASKED', 'HOME'])", kernel)
        self.assertEqual(given, f"数据\n{kernel.work}\n")
        libraries = "[__import__('matplotlib').get_backend(), __import__('plotly.io').io.renderers.default]"
        self.assertEqual(kernel.value(libraries), ["agg", "json"])

    def test_settings_of_its_own_folder_hold(self):
        files = {
            "matplotlibrc": "lines.linewidth: 7\n",
            ".config/matplotlib/stylelib/broken.mplstyle": "no: such: thing\n",
            ".config/matplotlib/stylelib/mine.mplstyle": "axes.titlesize: 20\n",
            ".ipython/profile_default/startup/first.py": "started = 'yes'\n",
        }
        kernel = self.fork(files=files).start()
        code = """
            import matplotlib.pyplot as plt
            plt.style.use('mine')
            print(plt.rcParams['lines.linewidth'], plt.rcParams['axes.titlesize'], started)
        """
        self.assertEqual(self.run_ok(code, kernel), "7.0 20.0 yes\n")

    def test_a_broken_file_of_settings_is_passed_over(self):
        files = {"matplotlibrc": "\udcff: 7\n", ".ipython/profile_default/startup/a.py": "1/0"}
        kernel = self.fork(files=files).start()
        self.assertEqual(kernel.value("__import__('matplotlib').get_backend()[:6]"), "module")

    def test_it_is_shown_by_its_own_name_and_mark(self):
        kernel = self.fork(name="kernel of tests", env={"LONG": "x" * 10_000}).start()
        with open(f"/proc/{kernel.pid}/cmdline", "rb") as file:
            self.assertEqual(file.read().rstrip(b"\0"), b"kernel of tests")
        with open(f"/proc/{kernel.pid}/comm", "rb") as file:
            self.assertEqual(file.read(), b"kernel of tests\n")
        with open(f"/proc/{kernel.pid}/environ", "rb") as file:
            shown = [entry.decode() for entry in file.read().split(b"\0") if entry]
        self.assertIn("FENXI_KERNEL=kernel of tests-1", shown)
        self.assertEqual([entry for entry in shown if entry not in {f"{k}={v}" for k, v in kernel.env.items()}], [])

    def test_no_secret_of_a_kernel_is_in_a_later_one(self):
        secret = secrets.token_hex(24)
        first = self.fork(env={"SECRET": secret}).start()
        self.assertEqual(first.value("__import__('os').environ['SECRET']"), secret)
        needles = (secret, first.connection["key"])
        self.assertNotIn(0, found_in_memory(first.pid, *needles))
        for pid in (self.fork().start().pid, self.server.process.pid):
            self.assertEqual(found_in_memory(pid, *needles), [0, 0])

    def test_no_descriptor_is_inherited(self):
        def descriptors(pid):
            return {os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")}

        kernel = self.fork().start()
        self.assertEqual(descriptors(kernel.pid) & descriptors(self.server.process.pid), {"/dev/null"})
        # Its own: what it says is kept there.
        said = kernel.connection["ip"] + "-said"
        kinds = {link.partition("[")[0] for link in descriptors(kernel.pid)} - {"anon_inode:"}
        self.assertEqual(kinds, {"/dev/null", "pipe:", "socket:", said})

    def test_it_is_confined(self):
        kernel = self.fork(limits={"open_files": 300, "file_bytes": 1 << 20, "data_bytes": 4 << 30}).start()
        limits = "[__import__('resource').getrlimit(getattr(__import__('resource'), 'RLIMIT_' + name)) for name in %r]"
        names = ("NOFILE", "FSIZE", "DATA", "CORE")
        self.assertEqual(kernel.value(limits % (names,)), [[n, n] for n in (300, 1 << 20, 4 << 30, 0)])
        reply = kernel.run("open('big', 'wb').write(bytes(2 << 20))")
        self.assertEqual(reply.content["ename"], "OSError")
        self.assertEqual(kernel.run("bytearray(5 << 30)").content["ename"], "MemoryError")
        self.assertEqual(kernel.value("__import__('os').stat('big').st_size"), 1 << 20)
        self.assertEqual(kernel.value("__import__('os').umask(0o77)"), 0o77)
        with open(f"/proc/{kernel.pid}/status", encoding="ascii") as file:
            self.assertIn("NoNewPrivs:\t1", file.read())
        self.assertEqual([os.getsid(kernel.pid), os.getpgid(kernel.pid)], [kernel.pid] * 2)
        self.assertEqual(os.stat(kernel.connection_file).st_mode & 0o777, 0o600)

    def test_limits_are_never_raised(self):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        kernel = self.fork(limits={"open_files": most * 2}).start()
        self.assertEqual(kernel.value("__import__('resource').getrlimit(7)"), [most, most])

    @unittest.skipUnless(os.geteuid() == 0, "only root may make namespaces")
    def test_it_has_the_namespaces_that_were_asked_for(self):
        kernel = self.fork(flags=CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS).start()
        self.assertEqual(kernel.value("__import__('os').getpid()"), 1)
        for name in ("pid", "ipc", "uts", "net"):
            mine, its = (os.readlink(f"/proc/{pid}/ns/{name}") for pid in ("self", kernel.pid))
            self.assertEqual(mine == its, name == "net", name)
        left = "import subprocess\nprint(subprocess.Popen(['sleep', '600'], start_new_session=True).pid)"
        self.assertEqual(kernel.run(left).content["status"], "ok")
        kernel.client.shutdown()
        self.assertEqual(kernel.wait(), 0)

    @unittest.skipUnless(os.geteuid() == 0, "only root may make namespaces")
    def test_it_gives_away_the_listener_of_its_network(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            kernel = self.fork(flags=CLONE_NEWNET, listener=theirs).start()
            _, (number,), _, _ = socket.recv_fds(ours, 16, 1)
        with socket.socket(fileno=number) as listener:
            kept = {os.readlink(f"/proc/{kernel.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{kernel.pid}/fd")}
            self.assertNotIn(f"socket:[{os.fstat(number).st_ino}]", kept)
            connect = f"import socket\nwith socket.create_connection(('127.0.0.1', {PROXY_PORT})) as s: s.sendall(b'out')"
            self.assertEqual(kernel.run(connect).content["status"], "ok")
            connection, _ = listener.accept()
            with connection:
                self.assertEqual(connection.recv(16), b"out")


class Warm(Deep):
    """With the libraries only."""

    mode = "warm"


if __name__ == "__main__":
    unittest.main()
