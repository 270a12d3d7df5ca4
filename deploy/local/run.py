#!/usr/bin/env python3
"""Runs the whole of Fenxi on this machine: auth-service, analysis-service and gateway, with their data in one folder.

Starts them, the gateway on loopback and the two behind it on sockets in the folder, waits until all are ready, prints one
URL, starts again what ends by itself, and stops them in order at Ctrl-C. It keeps nothing in memory that matters: whatever
it makes (ports aside) stands in the folder. Needs nothing but Python 3.11.
"""

import signal

# Before anything else is read: until there is something to stop in order, Ctrl-C just ends this.
signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import contextlib
import os
import random
import secrets
import sys
import time
from pathlib import Path

import given
import public_url
from preflight import Listen, Trouble, bindable, home_folder, listen_on, private_folder, sockets_folder
from services import Services, say

# Longer than a service that died takes to be there again.
LINGER_SECS = "120"
# Of what only these three services listen on: below what the system gives to connections that go out, of which one could
# take a port before its service does.
INNER_PORTS = range(20_000, 32_000)
# Where the services meet: set on one side alone, they would not.
BETWEEN_SERVICES = ("FENXI_AUTH_LISTEN", "FENXI_ANALYSIS_LISTEN", "FENXI_ANALYSIS_AUTH_URL", "FENXI_GATEWAY_AUTH_URL",
                    "FENXI_GATEWAY_ANALYSIS_URL")


def main() -> int:
    arguments = parse()
    try:
        check_given()
        home, lock = home_folder(arguments.home, given.get)
        with lock:
            listen = listen_on(arguments.listen, given.get)
            public_url.check(listen.url)
            return 0 if arguments.check else house(arguments, home, listen)
    except Trouble as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        return 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs Fenxi on this machine.")
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("FENXI_HOME") or "data"),
                        help="the folder of all data (FENXI_HOME, default ./data)")
    parser.add_argument("--listen", default=os.environ.get("FENXI_LISTEN") or "127.0.0.1:8080",
                        help="address and port of the page (FENXI_LISTEN, default 127.0.0.1:8080; port 0: any)")
    parser.add_argument("--binaries", type=Path, required=True, help="the folder with the programs")
    parser.add_argument("--python", type=Path, required=True, help="the interpreter that kernels run")
    parser.add_argument("--check", action="store_true",
                        help="start nothing, only say what would be in the way: the folder, its disk, the address")
    return parser.parse_args()


def check_given() -> None:
    """What this says to the services, and prints, is set by other names."""
    for name, instead in {"FENXI_GATEWAY_LISTEN": "FENXI_LISTEN", "FENXI_AUTH_DATA_DIR": "FENXI_HOME"}.items():
        if given.get(name):
            raise Trouble(f"{given.place(name)} is for a service that is started by itself: set {instead} instead")
    for name in BETWEEN_SERVICES:
        if given.get(name):
            raise Trouble(f"{given.place(name)} is for a service that is started by itself: here they find each other, so "
                          "unset it")


def house(arguments: argparse.Namespace, home: Path, listen: Listen) -> int:
    stop = StopSignal()
    ports = inner_ports("auth-admin", "analysis-admin", "gateway-admin")
    services = Services(home, settings(home, arguments, ports, listen), arguments.binaries)
    try:
        for name in ("auth-service", "analysis-service", "gateway"):
            services.start(name)
        services.wait_ready(stop)
        if not stop.asked:
            announce(home, listen.url)
            services.tell_shortcomings()
        while not stop.asked:
            services.tend()
            time.sleep(0.2)
        say("stopping ...")
    finally:
        clean = services.stop()
    return 0 if clean else 1


def settings(home: Path, arguments: argparse.Namespace, ports: dict, listen: Listen) -> dict:
    """The variables of each program, but for what the person has set for it, by a variable or in its file."""
    folder = sockets_folder(home)
    auth, analysis = (f"unix:{folder / name}.sock" for name in ("auth", "analysis"))
    secret = {name: secret_file(home, name) for name in ("gateway", "analysis")}
    usual = {
        "auth-service": {
            "FENXI_AUTH_LISTEN": auth,
            "FENXI_AUTH_ADMIN_LISTEN": f"127.0.0.1:{ports['auth-admin']}",
            "FENXI_AUTH_DATA_DIR": str(private_folder(home / "auth")),
            "FENXI_AUTH_PUBLIC_URL": listen.url,
            "FENXI_AUTH_GATEWAY_SECRET_FILE": secret["gateway"],
            "FENXI_AUTH_ANALYSIS_SECRET_FILE": secret["analysis"],
        },
        "analysis-service": {
            "FENXI_ANALYSIS_LISTEN": analysis,
            "FENXI_ANALYSIS_ADMIN_LISTEN": f"127.0.0.1:{ports['analysis-admin']}",
            "FENXI_ANALYSIS_DATA_DIR": str(private_folder(home / "analysis")),
            "FENXI_ANALYSIS_AUTH_URL": auth,
            "FENXI_ANALYSIS_SECRET_FILE": secret["analysis"],
            "FENXI_ANALYSIS_PYTHON": str(arguments.python.absolute()),
            **lingering(),
        },
        "gateway": {
            "FENXI_GATEWAY_LISTEN": listen.address,
            "FENXI_GATEWAY_ADMIN_LISTEN": f"127.0.0.1:{ports['gateway-admin']}",
            "FENXI_GATEWAY_AUTH_URL": auth,
            "FENXI_GATEWAY_ANALYSIS_URL": analysis,
            "FENXI_GATEWAY_PUBLIC_URL": listen.url,
            "FENXI_GATEWAY_SECRET_FILE": secret["gateway"],
            **told_of_files(),
        },
    }
    return {program: {name: value for name, value in own.items() if not given.get(name)} for program, own in usual.items()}


def lingering() -> dict:
    """Kernels go on while a service that died is started again, and Ctrl-C leaves nothing running; unless it is said how
    long they are to go on."""
    name = "FENXI_ANALYSIS_KERNEL_LINGER_SECS"
    return {} if given.get(name) else {name: LINGER_SECS, "FENXI_ANALYSIS_KERNELS_END_AT_STOP": "true"}


def told_of_files() -> dict:
    """Tus clients are told of the size of a file what holds."""
    size = given.get("FENXI_ANALYSIS_UPLOAD_FILE_MAX_BYTES")
    return {"FENXI_GATEWAY_UPLOAD_FILE_MAX_BYTES": size} if size else {}


def announce(home: Path, url: str) -> None:
    token = home / "auth" / "first-admin-token"
    if token.exists():
        say(f"Fenxi is ready. Make the first administrator (the link works once):\n\n  {url}/setup#token={token.read_text().strip()}\n")
    else:
        say(f"Fenxi is ready:\n\n  {url}/\n")
    linger = given.get("FENXI_ANALYSIS_KERNEL_LINGER_SECS") or "0"
    kernels = "kernels end with it" if linger == "0" else f"kernels go on for {linger} s"
    say(f"Ctrl-C stops it: {kernels}, and nothing that was stored is lost.")


class StopSignal:
    """Set by SIGINT, SIGTERM, SIGHUP, or the end of the terminal: where make leads the session, only make is told of it."""

    def __init__(self) -> None:
        self.told = False
        self.terminal = os.isatty(0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup has it ignored, and means that.
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self.tell)

    def tell(self, *_: object) -> None:
        self.told = True

    @property
    def asked(self) -> bool:
        return self.told or (self.terminal and not os.isatty(0))


def secret_file(home: Path, name: str) -> str:
    """The file with the secret that this service is known by: as one of the two sides was told, or made here."""
    sides = (f"FENXI_AUTH_{name.upper()}_SECRET_FILE", f"FENXI_{name.upper()}_SECRET_FILE")
    return next(filter(None, map(given.get, sides)), None) or str(service_secret(home, name))


def service_secret(home: Path, name: str) -> Path:
    path = private_folder(home / "secrets") / f"{name}.secret"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"fxs_{secrets.token_urlsafe(32)}\n")
    return path


def inner_ports(*names: str) -> dict[str, int]:
    """A free port of loopback for each of these."""
    free = {}
    for port in random.sample(INNER_PORTS, len(INNER_PORTS)):
        if len(free) == len(names):
            return free
        with contextlib.suppress(OSError):
            free[names[len(free)]] = bindable("127.0.0.1", port)
    raise Trouble(f"no ports are free between {INNER_PORTS.start} and {INNER_PORTS.stop} on 127.0.0.1: end what listens there")


if __name__ == "__main__":
    sys.exit(main())
