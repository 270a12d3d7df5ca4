"""What a stream is in a process that code in the kernel has forked: whole lines, into the pipe of the kernel's own stream.

ipykernel sends each write of such a process as a message of its own, by a socket that it must open for it, and leaves it
what the kernel had not sent yet, and locks that threads of the kernel held.
"""

import os
import select
import threading

# What a pipe takes in one piece, so that processes do not cut each other's lines (PIPE_BUF of Linux).
_PIECE_BYTES = select.PIPE_BUF


class Lines:
    """Gathers text and writes it by lines to a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.RLock()
        self._rest = b""

    def write(self, text: str) -> int:
        with self._lock:
            self._rest += text.encode("utf-8", "replace")
            end = self._rest.rfind(b"\n") + 1
            if end == 0 and len(self._rest) >= _PIECE_BYTES:
                end = len(self._rest)
            whole, self._rest = self._rest[:end], self._rest[end:]
            self._send(whole)
        return len(text)

    def flush(self) -> None:
        with self._lock:
            rest, self._rest = self._rest, b""
            self._send(rest)

    def _send(self, data: bytes) -> None:
        while data:
            # As many whole lines as fit.
            size = data.rfind(b"\n", 0, _PIECE_BYTES) + 1
            data = data[os.write(self._descriptor, data[: size or _PIECE_BYTES]) :]
