"""Jupyter Server or Jupyter Kernel Gateway with plain ipykernel, used as their clients use them: kernels over REST,
messages over a WebSocket in the default JSON form. Everything is as it comes but the address and the credential.

The job: ``server`` (``jupyter_server`` or ``kernel_gateway``), ``python``, ``task`` and what the task takes.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import common
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect

_MESSAGE_MAX_BYTES = 256 * 1024 * 1024
_CLIENTS_MAX = 500
# Requests before those that are measured.
_WARM_UP = 10
# After the end of a cell, late lines are waited for.
_LATE_SECS = 2
# Many kernels at once that have not all answered by then are not waited for: one of them is lost.
_RUSH_MAX_SECS = 60
# How long the end of an execution is waited for whose kernel was killed.
_END_WAIT_SECS = 5


class ClosedError(RuntimeError):
    """The server closed the WebSocket."""

    def __init__(self) -> None:
        super().__init__("the server closed the WebSocket")


class Kernel:
    """A kernel's WebSocket."""

    def __init__(self, socket) -> None:
        self.socket, self.session = socket, uuid.uuid4().hex

    async def send(self, code: str) -> str:
        """Asks for code to be run; gives the request's id."""
        id = uuid.uuid4().hex
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        header = {"msg_id": id, "msg_type": "execute_request", "session": self.session, "username": "", "version": "5.3"}
        message = {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}
        await self.socket.write_message(json.dumps(message))
        return id

    async def next(self) -> dict:
        """The next message."""
        text = await asyncio.wait_for(self.socket.read_message(), common.WAIT_SECS)
        if text is None:
            raise ClosedError
        return json.loads(text)

    async def replied(self, code: str) -> dict:
        """Runs code to its reply."""
        id = await self.send(code)
        while True:
            message = await self.next()
            if message["channel"] == "shell" and message["parent_header"].get("msg_id") == id:
                return message["content"]

    async def ended(self, code: str) -> None:
        """Runs code until both the reply and the idle status have come."""
        id, open = await self.send(code), {"shell", "iopub"}
        while open:
            message = await self.next()
            if message["parent_header"].get("msg_id") != id:
                continue
            idle = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
            if idle or message["channel"] == "shell":
                open.discard(message["channel"])


class Server:
    """A running server."""

    def __init__(self, kind: str) -> None:
        self.port = _free_port()
        folder = tempfile.mkdtemp(prefix="fxp")
        own = {
            "jupyter_server": ["server", "--no-browser", "--allow-root", "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True",
                               f"--ServerApp.port={self.port}", f"--ServerApp.root_dir={folder}"],
            "kernel_gateway": ["kernelgateway", f"--KernelGatewayApp.port={self.port}"],
        }[kind]  # fmt: skip
        self.log = open(Path(folder) / "log", "w+b")  # noqa: SIM115  as long as the server
        command = [str(Path(sys.executable).parent / "jupyter"), *own]
        self.process = subprocess.Popen(command, cwd=folder, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        self.http = AsyncHTTPClient()

    async def ready(self) -> None:
        """Waits until it answers."""
        limit = time.monotonic() + common.WAIT_SECS
        while True:
            try:
                await self.http.fetch(f"http://127.0.0.1:{self.port}/api")
                return
            except Exception:  # noqa: BLE001  whatever it is, it is not ready
                if self.process.poll() is not None or time.monotonic() > limit:
                    self.log.seek(0)
                    raise RuntimeError(f"the server does not start: {self.log.read()[-2000:].decode()}") from None
                await asyncio.sleep(0.05)

    async def kernel(self) -> Kernel:
        """Starts a kernel and opens its WebSocket."""
        url = f"127.0.0.1:{self.port}/api/kernels"
        waits = {"connect_timeout": common.WAIT_SECS, "request_timeout": common.WAIT_SECS}
        start = HTTPRequest(f"http://{url}", "POST", body=json.dumps({"name": common.KERNEL}), **waits)
        id = json.loads((await self.http.fetch(start)).body)["id"]
        channels = HTTPRequest(f"ws://{url}/{id}/channels", **waits)
        return Kernel(await websocket_connect(channels, max_message_size=_MESSAGE_MAX_BYTES))

    def stop(self) -> None:
        """Ends it, and its kernels if it leaves them."""
        kernels = _children(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in kernels:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


async def execute(server: Server, count: int) -> dict:
    """``1+1`` to its end, one after the other, and the server's processor time for one of them."""
    kernel = await server.kernel()
    for _ in range(_WARM_UP):
        await kernel.ended("1+1")
    times, used = [], common.cpu_ms(server.process.pid)
    for _ in range(count):
        begun = time.perf_counter()
        await kernel.ended("1+1")
        times.append((time.perf_counter() - begun) * 1e3)
    return {"ms": times, "cpu_ms": (common.cpu_ms(server.process.pid) - used) / count}


async def many(server: Server, count: int) -> dict:
    """Bare kernels, all at once, each to the answer of ``1+1``; nothing is told if the server lost one of them.

    In a rush two kernels are given the same free port now and then; the later one dies, and a request for it is
    answered with 500, 404, a closed WebSocket or not at all.
    """
    begun = time.perf_counter()

    async def one() -> float:
        kernel = await server.kernel()
        reply = await kernel.replied("1+1")
        if reply["status"] != "ok":
            raise RuntimeError(f"{reply}")
        return time.perf_counter() - begun

    try:
        async with asyncio.timeout(_RUSH_MAX_SECS):
            times = await asyncio.gather(*(one() for _ in range(count)))
    except (HTTPClientError, ClosedError, WebSocketClosedError, TimeoutError):
        return {}
    return {"first_s": min(times), "last_s": max(times)}


async def lines(server: Server, code: str, count: int, length: int, pause_secs: float) -> dict:
    """Code that prints so many different lines of one length: how many do not arrive. The reader pauses at the first."""
    kernel = await server.kernel()
    await kernel.ended("1+1")
    id, texts, ended = await kernel.send(code), [], False
    while True:
        try:
            message = await asyncio.wait_for(kernel.next(), _LATE_SECS if ended else common.WAIT_SECS)
        except TimeoutError:
            break
        if message["parent_header"].get("msg_id") != id:
            continue
        # An `idle` that is lost must not be waited for: the reply is the end, and a while more for what is late.
        ended |= message["channel"] == "shell"
        if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
            if not texts:
                await asyncio.sleep(pause_secs)
            texts.append(message["content"]["text"])
    whole = {line for line in "".join(texts).split("\n") if len(line) == length}
    return {"lost": count - len(whole)}


async def death(server: Server, runs: int) -> dict:
    """A kernel is killed in a cell: milliseconds until its client is told, and whether the execution has an end."""
    times, ends = [], 0
    for _ in range(runs):
        known = set(_children(server.process.pid))
        kernel = await server.kernel()
        await kernel.ended("1+1")
        (pid,) = set(_children(server.process.pid)) - known
        id = await kernel.send("import time; time.sleep(600)")
        while (await kernel.next())["msg_type"] != "execute_input":
            pass
        os.kill(pid, signal.SIGKILL)
        killed = time.perf_counter()
        while True:
            message = await kernel.next()
            if message["msg_type"] == "status" and message["content"]["execution_state"] in ("restarting", "dead"):
                break
        times.append((time.perf_counter() - killed) * 1e3)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_WAIT_SECS):
                while message["channel"] != "shell" or message["parent_header"].get("msg_id") != id:
                    message = await kernel.next()
                ends += 1
        kernel.socket.close()
    return {"ms": times, "ends": ends}


def _children(pid: int) -> list[int]:
    """Processes whose parent is this one."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.name))
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


async def main(job: dict) -> None:
    common.install_kernel(job.pop("python"))
    AsyncHTTPClient.configure(None, max_clients=_CLIENTS_MAX)
    task = {"execute": execute, "many": many, "lines": lines, "death": death}[job.pop("task")]
    server = Server(job.pop("server"))
    try:
        await server.ready()
        common.answer(await task(server, **job))
    finally:
        server.stop()


if __name__ == "__main__":
    asyncio.run(main(common.job()))
