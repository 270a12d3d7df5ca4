"""The machine around a kernel in the tests of isolation: a service, another kernel, and what they have."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile

from fenxi_kernel.isolation import linux
from isolated import ROOT, Set, listener, plan

_IPC_CREATE, _IPC_REMOVE = 0o1000, 0


class World:
    """What there is to reach. ``answer`` tells a kernel's process what is seen from here."""

    processes = 40

    def __init__(self, which: Set) -> None:
        self.which, self.secret = which, f"secret-{secrets.token_hex(8)}"
        name = f"fenxi-iso-{secrets.token_hex(4)}"
        self.folder = tempfile.mkdtemp(prefix="fenxi-iso-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self._make_files(name)
        self._make_sockets(name)
        self.other = self._process(which.other_uid)
        self.service = self._process(which.service_uid)
        self.system_v_key = secrets.randbits(30) | 1
        self._segment = linux.call("shmget", self.system_v_key, 4096, _IPC_CREATE | 0o666)
        self.never, self._never_written = os.pipe()

    def _make_files(self, name: str) -> None:
        which = self.which
        self.work, self.sockets = self._own("work", which.kernel_uid), self._own("sockets", which.kernel_uid)
        # Its folder lets everybody pass, so that the file's own mode is what stops others.
        other = self._own("other", which.other_uid, 0o755)
        self.other_file = self._file(f"{other}/secret", which.other_uid)
        self.service_file = self._file(f"{self._own('service', which.service_uid)}/analysis.db", which.service_uid)
        self.shared_memory = self._file(f"/dev/shm/{name}", which.other_uid)
        self.tmp_file = f"/tmp/{name}"
        # Writable by everybody, so that isolation is what stops a kernel.
        self.library, self.dataset = self._own("library", which.service_uid, 0o777), f"{self.folder}/dataset"
        self._file(self.dataset, which.service_uid, 0o666)
        self.set_uid_program = f"{self.library}/id"
        shutil.copy("/usr/bin/id", self.set_uid_program)
        os.chmod(self.set_uid_program, 0o4755)

    def _own(self, name: str, uid: int, mode: int = 0o700) -> str:
        path = f"{self.folder}/{name}"
        os.mkdir(path)
        self._give(path, uid, mode)
        return path

    def _file(self, path: str, uid: int, mode: int = 0o600) -> str:
        with open(path, "x") as made:
            made.write(self.secret)
        self._give(path, uid, mode)
        return path

    def _give(self, path: str, uid: int, mode: int) -> None:
        os.chmod(path, mode)
        if ROOT:
            os.chown(path, uid, uid)

    def _make_sockets(self, name: str) -> None:
        self.abstract = f"\0{name}"
        self.open_socket, self.control_socket = (
            f"{self._own('open', self.which.service_uid, 0o755)}/s",
            f"{self._own('control', self.which.service_uid)}/s",
        )
        tcp, udp = (
            listener(socket.AF_INET, ("127.0.0.1", 0), kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
        )
        self.tcp, self.udp, self._udp = tcp.getsockname(), udp.getsockname(), udp
        unix = [listener(socket.AF_UNIX, address) for address in (self.abstract, self.open_socket, self.control_socket)]
        udp.setblocking(False)
        self._give(self.open_socket, self.which.service_uid, 0o777)
        self._give(self.control_socket, self.which.service_uid, 0o600)
        self._sockets = [tcp, udp, *unix]

    def _process(self, uid: int) -> int:
        who = {"user": uid, "group": uid, "extra_groups": []} if ROOT and uid else {}
        started = subprocess.Popen(["/bin/sleep", "600"], env={"SECRET": self.secret}, cwd="/", **who)
        self._processes = [*getattr(self, "_processes", []), started]
        return started.pid

    def plan(self, **changed) -> dict:
        read, data, write = [self.library], [self.dataset], [self.work, self.sockets]
        return plan(self.which, read, data, write, **changed)

    def answer(self, question):
        if question == "mode":
            return os.stat(self.other_file).st_mode & 0o777
        if question == "mode of the service's":
            return os.stat(self.service_file).st_mode & 0o7777
        if question == "planted":
            return self._gone(f"{self.library}/planted.py")
        if question == "tmp file":
            return self._gone(self.tmp_file)
        if question[0] == "udp":
            try:
                return self._udp.recv(100) == question[1].encode()
            except BlockingIOError:
                return False
        if question == "open files":
            with open(f"/proc/{self.other}/limits") as limits:
                return next(int(line.split()[4]) for line in limits if line.startswith("Max open files"))
        try:
            return not socket.create_connection(("127.0.0.1", question[1]), 5).close()
        except OSError:
            return False

    @staticmethod
    def _gone(path: str) -> bool:
        """Whether a file was there; it is not any more."""
        try:
            os.unlink(path)
        except FileNotFoundError:
            return False
        return True

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        for made in self._sockets:
            made.close()
        os.close(self.never)
        os.close(self._never_written)
        linux.call("shmctl", self._segment, _IPC_REMOVE, None)
        os.unlink(self.shared_memory)
        shutil.rmtree(self.folder)
