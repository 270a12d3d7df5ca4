"""What has to be right before Fenxi starts: its folder, the disk of it, and the address. Says in one line what is not."""

import fcntl
import ipaddress
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TextIO

# Where in the folder of all data the services behind the gateway listen.
SOCKETS = "sockets"
# Less, and a service may be unable to write even why it ended.
DISK_FREE_MIN_BYTES = 64 << 20
# The path of a socket is at most 107 bytes long on Linux; after its folder a kernel's has 23, and a service's 14.
SOCKET_FOLDER_MAX_BYTES = 107 - 23
SERVICE_SOCKET_FOLDER_MAX_BYTES = 107 - 14


# Gives what the person has set, by the name of its variable.
Get = Callable[[str], str | None]


class Trouble(Exception):
    """Something a person has to mend; its text is the one line that says what."""


class Listen(NamedTuple):
    """Where the page is."""

    address: str
    url: str


def home_folder(path: Path, get: Get) -> tuple[Path, TextIO]:
    """The folder of all data, in which everything can be written, and the lock that keeps others out while it is open."""
    home = path.absolute()
    if "," in str(home):
        # It separates the places at which a service listens.
        raise Trouble(f"the path {home} has a comma, which no socket in it may have: choose another with FENXI_HOME")
    home = private_folder(home)
    lock = only_one(home)
    disk_with_room(home)
    short_enough(home, get)
    return home, lock


def private_folder(path: Path) -> Path:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Trouble(f"the folder {path} cannot be written ({error.strerror}): choose another with FENXI_HOME") from error
    return path


def only_one(home: Path) -> TextIO:
    lock = open(home / ".lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise Trouble(f"Fenxi runs already on {home}: stop it first, or choose another folder with FENXI_HOME") from error
    return lock


def disk_with_room(home: Path) -> None:
    free = shutil.disk_usage(home).free
    if free < DISK_FREE_MIN_BYTES:
        raise Trouble(f"the disk of {home} is full ({free >> 20} MiB are free, {DISK_FREE_MIN_BYTES >> 20} are needed): "
                      "make room, or choose another folder with FENXI_HOME")


def sockets_folder(home: Path) -> Path:
    """The folder of the sockets on which the services behind the gateway listen: this user's alone, whoever made it."""
    folder = private_folder(home / SOCKETS)
    try:
        folder.chmod(0o700)
    except OSError as error:
        raise Trouble(f"the folder {folder} is another user's ({error.strerror}): remove it") from error
    return folder


def short_enough(home: Path, get: Get) -> None:
    data = get("FENXI_ANALYSIS_DATA_DIR") or home / "analysis"
    kernels = os.path.realpath(get("FENXI_ANALYSIS_KERNEL_RUN_DIR") or Path(data) / "run")
    for folder, most in ((kernels, SOCKET_FOLDER_MAX_BYTES), (str(home / SOCKETS), SERVICE_SOCKET_FOLDER_MAX_BYTES)):
        length = len(os.fsencode(folder))
        if length > most:
            raise Trouble(f"the path {folder} is too long for the sockets in it ({length} bytes of at most {most}): "
                          "choose a shorter FENXI_HOME")


def listen_on(text: str, get: Get) -> Listen:
    """The address in numbers, of which the port is free, and what people type to reach it."""
    name, _, port = text.rpartition(":")
    name = name.removeprefix("[").removesuffix("]")
    if not name or not port.isdecimal() or int(port) > 65535:
        raise Trouble(f"FENXI_LISTEN {text!r} is no address and port, such as 127.0.0.1:8080")
    try:
        host = socket.getaddrinfo(name, int(port), type=socket.SOCK_STREAM)[0][4][0]
        port = bindable(host, int(port))
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no such name"
        raise Trouble(f"{text} cannot be listened on ({reason}): choose another with FENXI_LISTEN, "
                      "such as 127.0.0.1:8090") from error
    url = get("FENXI_GATEWAY_PUBLIC_URL")
    if not url and ipaddress.ip_address(host).is_unspecified:
        raise Trouble(f"{text} is every address of this machine: say in FENXI_GATEWAY_PUBLIC_URL the one that people "
                      "type, such as https://fenxi.example")
    usual = f"http://{'localhost' if name == '127.0.0.1' else bracketed(name)}:{port}"
    return Listen(f"{bracketed(host)}:{port}", (url or usual).rstrip("/"))


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def bindable(host: str, port: int) -> int:
    """The port that this one is when it is listened on, which 0 is not; raises OSError if it cannot be."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return probe.getsockname()[1]
