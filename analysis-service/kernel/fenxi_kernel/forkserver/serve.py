"""The control socket: one packet a request, one a reply, in order.

Request: ``{"op": "fork", "id": I, "flags": F}`` with the descriptors of the body (a memfd), of the kernel's output and,
if wanted, of a cgroup; with ``"listens": true`` one more, of a Unix socket by which the kernel gives away the listening
socket of its network, which is then a namespace of its own. Reply: ``{"op": "forked", "id": I, "pid": P}`` with a pidfd, or ``{"op": "failed", "id": I,
"error": "..."}``. The server never reads the body: what passed through its memory would be in every later kernel.
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys
from typing import NamedTuple

from fenxi_kernel.forkserver import child, clone
from fenxi_kernel.forkserver.prepare import Prepared

_PACKET_MAX_BYTES = 4096
# More than a request may have, so that too many are seen and closed.
_DESCRIPTORS_MAX = 8
_ERROR_MAX_CHARS = 500


class Request(NamedTuple):
    """What a fork needs."""

    id: int
    flags: int
    body: int
    output: int
    cgroup: int | None
    listener: int | None


class Refused(Exception):
    """A packet that is no request; with the id, if it has one."""

    def __init__(self, reason: str, id: int | None = None) -> None:
        super().__init__(reason)
        self.id = id


def announce(control: socket.socket, prepared: Prepared, preload_ms: int) -> None:
    """Says that kernels can be forked."""
    ready = {
        "op": "ready",
        "mode": prepared.mode,
        "pid": os.getpid(),
        "preload_ms": preload_ms,
        "modules": prepared.modules,
        "clone": prepared.clone_name,
    }
    control.send(json.dumps(ready).encode())


def serve(control: socket.socket, prepared: Prepared) -> None:
    """Answers requests until the service closes the socket. Never returns in a kernel."""
    # The terminal's interrupt is for the service; the server ends when that closes the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            packet, descriptors, flags, _ = socket.recv_fds(
                control, _PACKET_MAX_BYTES, _DESCRIPTORS_MAX, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionError:
            return
        if not packet and not descriptors and _closed(control):
            return
        try:
            _answer(control, prepared, packet, descriptors, flags)
        except ConnectionError:
            return
        finally:
            for descriptor in descriptors:
                with contextlib.suppress(OSError):
                    os.close(descriptor)


def _closed(control: socket.socket) -> bool:
    """Whether the other end is gone: an empty packet looks the same."""
    poll = select.poll()
    poll.register(control, select.POLLRDHUP)
    return bool(poll.poll(0))


def _answer(control: socket.socket, prepared: Prepared, packet: bytes, descriptors: list[int], flags: int) -> None:
    try:
        request = _parse(packet, descriptors, flags)
    except Refused as refused:
        if refused.id is None:
            print(f"fork server: a packet is ignored: {refused}", file=sys.stderr, flush=True)
        else:
            _send_failed(control, refused.id, str(refused))
        return
    try:
        made = prepared.copy(request.flags, request.cgroup)
    except Exception as error:  # noqa: BLE001  no request may end the server
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        _send_failed(control, request.id, f"the kernel cannot be forked: {reason}")
        return
    if made is None:
        child.run(prepared, control, request.body, request.output, request.listener)
    pid, pidfd = made
    try:
        answer = {"op": "forked", "id": request.id, "pid": pid}
        socket.send_fds(control, [json.dumps(answer).encode()], [pidfd])
    finally:
        os.close(pidfd)


def _send_failed(control: socket.socket, id: int, error: str) -> None:
    line = " ".join(error.split())[:_ERROR_MAX_CHARS]
    control.send(json.dumps({"op": "failed", "id": id, "error": line}).encode())


def _parse(packet: bytes, descriptors: list[int], flags: int) -> Request:
    try:
        fields = json.loads(packet)
    except (ValueError, RecursionError):
        raise Refused("it is no JSON") from None
    id = fields.get("id") if isinstance(fields, dict) else None
    if type(id) is not int:
        raise Refused("it has no id")
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise Refused("it is too large", id)
    if fields.get("op") != "fork":
        raise Refused("its op is unknown", id)
    wanted = fields.get("flags")
    if type(wanted) is not int or wanted & ~clone.NAMESPACES:
        raise Refused("its flags are not those of namespaces", id)
    listens = fields.get("listens", False)
    if type(listens) is not bool or listens and not wanted & clone.NEWNET:
        raise Refused("only a kernel with a network of its own listens", id)
    others = list(descriptors)
    listener = others.pop() if listens and others else None
    if len(others) not in (2, 3):
        raise Refused(f"it has {len(others)} descriptors, not two or three", id)
    body, output, *cgroup = others
    return Request(id, wanted, body, output, cgroup[0] if cgroup else None, listener)
