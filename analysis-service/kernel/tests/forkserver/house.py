"""Plays the service: starts a fork server, and asks it for kernels."""

import atexit
import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from forkserver.talk import LIMIT_SECS, ROOT, Folder, Talk

PR_SET_CHILD_SUBREAPER = 36
PACKET_BYTES = 4096
PROXY_PORT = 3128

# Kernels that fall to us from a server with two forks.
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wait_until(condition, what="it does not happen"):
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < LIMIT_SECS, what
        time.sleep(0.005)


def remove_group(folder):
    """Removes a control group, which counts as used for a moment after its last process has been waited for."""

    def gone():
        with contextlib.suppress(OSError):
            os.rmdir(folder)
        return not os.path.isdir(folder)

    wait_until(gone, f"{folder} stays in use")


# A server without libraries, for what is no library's matter: it is ready in a second.
LIGHT = (
    "-c",
    "import sys\n"
    "from fenxi_kernel.forkserver import __main__, preload\n"
    "preload._LIBRARIES = preload._LATE = ()\n"
    "sys.exit(__main__.main(sys.argv[1:]))",
)


class Failed(Exception):
    """The server refused a request."""


class Server:
    """A fork server."""

    def __init__(self, mode="deep", *arguments, program=("-m", "fenxi_kernel.forkserver"), files=None):
        self.home = tempfile.mkdtemp(prefix="f", dir="/tmp")
        folder = os.path.join(self.home, "server")
        os.mkdir(folder)
        for name, text in (files or {}).items():
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(LIMIT_SECS)
        # As a service makes them that never waits.
        theirs.setblocking(False)
        env = {"PATH": f"{os.path.dirname(sys.executable)}:/usr/bin:/bin", "PYTHONPATH": ROOT, "LANG": "C.UTF-8"}
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        command = [sys.executable, *program, "--control-fd", str(theirs.fileno()), "--mode", mode, *arguments]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, env=env, cwd=folder, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log,
        )  # fmt: skip
        theirs.close()
        self.kernels, self.next_id = [], 1

    def ready(self):
        packet = self.control.recv(PACKET_BYTES)
        assert packet, f"the server is not ready: {self.said()}"
        return json.loads(packet)

    def said(self):
        # Without moving the place in the file, at which the server goes on writing.
        return os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, 0).decode()

    def receive(self):
        packet, descriptors, _, _ = socket.recv_fds(self.control, PACKET_BYTES, 4)
        return json.loads(packet), descriptors

    def request(self, descriptors, **fields):
        """Sends a request and gives the answer."""
        request = {"op": "fork", "id": self.next_id, "flags": 0, **fields}
        self.next_id += 1
        socket.send_fds(self.control, [json.dumps(request).encode()], descriptors)
        answer, descriptors = self.receive()
        assert answer["id"] == request["id"], answer
        return answer, descriptors

    def fork(self, **options):
        kernel = Kernel(self, **options)
        self.kernels.append(kernel)
        return kernel

    def stop(self):
        for kernel in self.kernels:
            kernel.end()
        self.control.close()
        try:
            self.process.wait(LIMIT_SECS)
        finally:
            self.process.kill()
            self.process.wait()
            self.log.close()
            shutil.rmtree(self.home, ignore_errors=True)


def memfd(content: bytes) -> int:
    descriptor = os.memfd_create("body", os.MFD_CLOEXEC)
    os.write(descriptor, content)
    return descriptor


class Kernel(Talk, Folder):
    """A forked kernel."""

    def __init__(
        self, server, *, env=None, flags=0, cgroup=None, limits=None, isolation=None, name="kernel", files=None,
        connection=None, listener=None,
    ):  # fmt: skip
        super().__init__(server.home, name, env)
        self.connection = connection or self.connection
        for path, text in (files or {}).items():
            path = os.path.join(self.work, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
        bounds = {"data_bytes": None, "open_files": 4096, "file_bytes": 1 << 30, "processes": None} | (limits or {})
        order = {
            "connection": self.connection, "connection_file": self.connection_file,
            "work_dir": self.work, "env": self.env, "limits": bounds, "name": name, "isolation": isolation,
            "proxy_port": PROXY_PORT,
        }  # fmt: skip
        body = memfd(json.dumps(order).encode())
        self.output, writer = os.pipe()
        self.client = self.pidfd = self.ended = None
        descriptors = [body, writer] + ([] if cgroup is None else [cgroup])
        descriptors += [] if listener is None else [listener.fileno()]
        try:
            answer, received = server.request(descriptors, flags=flags, listens=listener is not None)
        finally:
            os.close(body)
            os.close(writer)
        if answer["op"] != "forked":
            os.close(self.output)
            raise Failed(answer["error"])
        self.pid, (self.pidfd,) = answer["pid"], received
        self.log = []
        self.reader = threading.Thread(target=self._follow, daemon=True)
        self.reader.start()

    def _follow(self):
        while taken := os.read(self.output, 65536):
            self.log.append(taken)
        os.close(self.output)

    def said(self):
        """What the process wrote itself, once it has ended."""
        self.reader.join(LIMIT_SECS)
        return self.so_far()

    def so_far(self):
        """What the process wrote itself until now."""
        return b"".join(self.log).decode("utf-8", "replace")

    def start(self):
        """Waits until it answers."""
        self.open(self.connection)
        return self.ready()

    def signal(self, number):
        signal.pidfd_send_signal(self.pidfd, number)

    def wait(self, limit=LIMIT_SECS):
        """Waits for its end: the exit code, or the negative number of the signal."""
        if self.ended is None:
            poll = select.poll()
            poll.register(self.pidfd, select.POLLIN)
            assert poll.poll(limit * 1000), "the kernel does not end"
            info = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
            self.ended = info.si_status if info.si_code == os.CLD_EXITED else -info.si_status
            os.close(self.pidfd)
        return self.ended

    def end(self):
        if self.client is not None:
            self.client.stop_channels()
            self.client = None
        if self.pidfd is not None and self.ended is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.wait()


def private_kib(pid) -> int:
    """Memory that the process shares with nobody (USS)."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private_"))


_servers: dict[str, Server] = {}


def shared_server(mode) -> Server:
    """A server of the mode for all tests that do it no harm: its start takes seconds. "light" is one without libraries."""
    if mode not in _servers:
        _servers[mode] = server = Server(program=LIGHT) if mode == "light" else Server(mode)
        atexit.register(server.stop)
        server.greeting = server.ready()
    return _servers[mode]


class Housed(unittest.TestCase):
    """Tests with a shared server of a mode and, for what leaves no trace, a shared kernel of it."""

    mode = "deep"
    kernel: Kernel

    @classmethod
    def setUpClass(cls):
        cls.server = shared_server(cls.mode)
        cls.kernel = cls.server.fork().start()
        cls.addClassCleanup(cls.kernel.end)

    def fork(self, **options):
        """A kernel of the test's own."""
        kernel = self.server.fork(**options)
        self.addCleanup(kernel.end)
        return kernel

    def run_ok(self, code, kernel=None):
        """Runs code that must succeed; gives what it printed."""
        reply = (kernel or self.kernel).run(code)
        self.assertEqual(reply.content["status"], "ok", reply.content.get("traceback"))
        return reply.text
