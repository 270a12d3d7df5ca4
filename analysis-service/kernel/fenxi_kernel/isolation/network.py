"""A kernel's own network: a loopback device that leads to itself, and the one way out of it where one is granted."""

import fcntl
import socket
import struct

_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_REQUEST = "16sH22x"
# Connections that wait to be accepted; the service takes so many at a time that more than these wait only in a storm.
_BACKLOG = 64


def loopback_up() -> None:
    """Starts the loopback device of a fresh network namespace: ipykernel and other libraries talk to themselves by it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asked:
        answer = fcntl.ioctl(asked, _SIOCGIFFLAGS, struct.pack(_REQUEST, b"lo", 0))
        flags = struct.unpack(_REQUEST, answer)[1]
        fcntl.ioctl(asked, _SIOCSIFFLAGS, struct.pack(_REQUEST, b"lo", flags | _IFF_UP))


def hand_out_listener(to: int, port: int) -> None:
    """Listens on a port of this network's loopback, and gives the socket away by a Unix socket: whoever has it takes what
    connects there to wherever it likes, and it may be outside. Nobody in here keeps it.

    To be called in a fresh network namespace, while the process is privileged in it.
    """
    loopback_up()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen(_BACKLOG)
        with socket.socket(fileno=to) as receiver:
            socket.send_fds(receiver, [b"l"], [listener.fileno()])
