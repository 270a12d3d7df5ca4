"""Kernels as a client sees them, by the real jupyter_client, and what they are given; a kernel that is started cold."""

import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from jupyter_client import BlockingKernelClient

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMIT_SECS = 60
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def connection(folder):
    """What the service writes into a connection file."""
    return {
        "transport": "ipc", "ip": os.path.join(folder, "s"), "key": os.urandom(32).hex(), "shell_port": 1,
        "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5, "signature_scheme": "hmac-sha256",
        "kernel_name": "python3",
    }  # fmt: skip


def until_it_may_ask(path, limit=LIMIT_SECS):
    """Waits until somebody listens at the path of a kernel's stdin.

    libzmq tries a refused connection again after 100 ms only, and what a kernel asks of a client that is not connected
    is dropped; that its other sockets answer says nothing of this one.
    """
    deadline = time.monotonic() + limit
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(path) == 0:
                return
        assert time.monotonic() < deadline, f"nobody listens at {path}"
        time.sleep(0.005)


def once_it_says(line, act):
    """For :meth:`Talk.run`: calls ``act()`` once, when the line is there with its end. It may come in pieces."""
    said, acted = [], []

    def meanwhile(message):
        if message["msg_type"] == "stream" and not acted:
            said.append(message["content"]["text"])
            if f"{line}\n" in "".join(said):
                acted.append(True)
                act()

    return meanwhile


class Reply(NamedTuple):
    """What came of a piece of code."""

    content: dict
    text: str
    messages: list

    def of(self, *kinds):
        return [message["content"] for message in self.messages if message["msg_type"] in kinds]


class Talk:
    """A client's side of a kernel whose process somebody else has started."""

    def open(self, connection):
        until_it_may_ask(f"{connection['ip']}-{connection['stdin_port']}")
        self.client = BlockingKernelClient()
        self.client.load_connection_info(connection)
        self.client.start_channels()

    def ask(self, request):
        """Sends a request by ``request(client)`` and gives the reply on shell."""
        asked = request(self.client)
        while True:
            reply = self.client.get_shell_msg(timeout=LIMIT_SECS)
            if reply["parent_header"].get("msg_id") == asked:
                return reply["content"]

    def ready(self):
        """Waits until the kernel answers and what it publishes is heard."""
        deadline = time.monotonic() + LIMIT_SECS
        while True:
            assert time.monotonic() < deadline, "the kernel does not answer"
            asked = self.client.kernel_info()
            try:
                message = self.client.get_iopub_msg(timeout=0.1)
            except queue.Empty:
                continue
            if message["msg_type"] == "status" and message["parent_header"].get("msg_id"):
                break
        while self.client.get_shell_msg(timeout=LIMIT_SECS)["parent_header"].get("msg_id") != asked:
            pass
        return self

    def run(self, code, meanwhile=None, **options):
        """Runs code to its end; ``meanwhile(message)`` is called with each message until then."""
        text, messages = [], []
        asked = self.client.execute(code, allow_stdin=True, **options)
        while True:
            message = self.client.get_iopub_msg(timeout=LIMIT_SECS)
            if message["parent_header"].get("msg_id") != asked:
                continue
            messages.append(message)
            if message["msg_type"] == "stream":
                text.append(message["content"]["text"])
            if meanwhile is not None:
                meanwhile(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        while True:
            reply = self.client.get_shell_msg(timeout=LIMIT_SECS)
            if reply["parent_header"].get("msg_id") == asked:
                return Reply(reply["content"], "".join(text), messages)

    def value(self, expression):
        """The value of an expression that JSON can carry."""
        reply = self.run(f"import json as _json\nprint('\\x02' + _json.dumps({expression}))")
        assert reply.content["status"] == "ok", reply.content
        return json.loads(reply.text.rpartition("\x02")[2])


class Folder:
    """The folders and the environment that a kernel is given."""

    def __init__(self, parent, name, env):
        self.folder = tempfile.mkdtemp(dir=parent)
        self.work = os.path.join(self.folder, "work")
        os.makedirs(os.path.join(self.work, ".tmp"))
        self.connection = connection(self.folder)
        self.connection_file = os.path.join(self.folder, "connection.json")
        bin_folder = os.path.dirname(sys.executable)
        self.env = {
            "FENXI_KERNEL": f"{name}-1", "PATH": f"{bin_folder}:/usr/bin:/bin", "HOME": self.work,
            "TMPDIR": os.path.join(self.work, ".tmp"), "PYTHONPATH": ROOT, "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1", **dict.fromkeys(THREADS, "1"), **(env or {}),
        }  # fmt: skip


class Cold(Talk, Folder):
    """A kernel that is started cold, to compare with."""

    def __init__(self, parent, env=None):
        super().__init__(parent, "cold", env)
        with open(self.connection_file, "w", encoding="ascii") as file:
            json.dump(self.connection, file)
        command = [sys.executable, "-m", "fenxi_kernel", self.connection_file]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, env=self.env, cwd=self.work, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            start_new_session=True,
        )  # fmt: skip
        self.pid = self.process.pid

    def start(self):
        self.open(self.connection)
        return self.ready()

    def so_far(self):
        """What the process wrote itself until now."""
        return os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, 0).decode("utf-8", "replace")

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        if not self.log.closed:
            self.client.stop_channels()
            self.process.kill()
            self.process.wait()
            self.log.close()
