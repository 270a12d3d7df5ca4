"""The three services as they run: started, started again when one ends by itself, and stopped in order."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from pathlib import Path

import given
from preflight import Trouble, disk_with_room, private_folder

READY_WAIT_SECS = 60
# A service ends within 35 s of its signal (STOP_MAX in chassis/src/lifecycle.rs).
STOP_WAIT_SECS = 40
LOG_TAIL_LINES = 15
LOG_MAX_BYTES = 64 << 20
# One that ended by itself is started again: at once, then after these waits. So many ends in so long a time, and it will
# not stay up.
RESTART_WAITS_SECS = (0, 1, 2, 4)
DEATHS_SPAN_SECS = 300
# Asks the services themselves, whatever proxy the environment names.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Services:
    """Each is in a session of its own, so that a Ctrl-C at the terminal reaches none of them unasked."""

    def __init__(self, home: Path, variables: dict, binaries: Path):
        self.home, self.variables, self.binaries = home, variables, binaries
        self.logs = private_folder(home / "logs")
        self.running: dict[str, subprocess.Popen] = {}
        # Where in its log each one's lines begin.
        self.begun: dict[str, int] = {}
        self.deaths: dict[str, deque] = {name: deque(maxlen=len(RESTART_WAITS_SECS) + 1) for name in variables}
        # When those that ended are started again, and which of these are not ready yet.
        self.due: dict[str, float] = {}
        self.awaited: set[str] = set()

    def start(self, name: str) -> None:
        program = self.binaries / name
        if not program.exists():
            raise Trouble(f"{program} is missing: run `make run`, which builds it")
        # An empty variable is an unset one, as those of this program are.
        environment = {**self.variables[name], **{key: value for key, value in os.environ.items() if value}}
        with open(self.log(name), "ab") as log:
            self.begun[name] = log.tell()
            self.running[name] = subprocess.Popen([program], env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                                  stderr=log, start_new_session=True, preexec_fn=stop_with_us)

    def log(self, name: str) -> Path:
        path = self.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_MAX_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path

    def shorten(self, name: str) -> None:
        """Puts a log aside that has become large, while its service goes on writing at the end of the same file."""
        path = self.logs / f"{name}.log"
        if path.stat().st_size > LOG_MAX_BYTES:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)
            self.begun[name] = 0

    def wait_ready(self, stop) -> None:
        """Waits until all are ready. One that ends meanwhile is not started again: what is wrong is wrong at every start."""
        limit = time.monotonic() + READY_WAIT_SECS
        waiting = list(self.variables)
        while waiting and not stop.asked:
            for name in self.running:
                if self.running[name].poll() is not None:
                    raise self.ended(name)
            waiting = [name for name in waiting if not self.is_ready(name)]
            if waiting and time.monotonic() > limit:
                raise Trouble(f"not ready after {READY_WAIT_SECS} s: {', '.join(waiting)}; see the logs in {self.logs}")
            time.sleep(0.05)

    def tend(self) -> None:
        """Starts again what has ended by itself; raises if one does so again and again. Keeps the logs small."""
        now = time.monotonic()
        for name in self.running:
            self.shorten(name)
        for name, process in self.running.items():
            if process.poll() is not None and name not in self.due:
                self.due[name] = now + self.mourn(name, now)
        for name in [name for name, due in self.due.items() if due <= now]:
            del self.due[name]
            self.start(name)
            self.awaited.add(name)
        for name in [name for name in self.awaited if name not in self.due and self.is_ready(name)]:
            self.awaited.remove(name)
            say(f"{name} is ready again.")

    def mourn(self, name: str, now: float) -> int:
        """Tells of an end, and gives the seconds after which the next start is due."""
        deaths = self.deaths[name]
        while deaths and now - deaths[0] > DEATHS_SPAN_SECS:
            deaths.popleft()
        deaths.append(now)
        if len(deaths) > len(RESTART_WAITS_SECS):
            raise self.ended(name, f", as it did {len(deaths)} times in {round(now - deaths[0])} s, and is not started again")
        wait = RESTART_WAITS_SECS[len(deaths) - 1]
        when = f"in {wait} s" if wait else "now"
        how = describe(self.running[name].returncode)
        say(f"{name} ended with {how} and is started again {when}; why it ended is in {self.logs / f'{name}.log'}")
        return wait

    def ended(self, name: str, more: str = "") -> Trouble:
        """What to say of a program that ended by itself, with the end of its log; of a full disk, which explains it."""
        disk_with_room(self.home)
        path = self.logs / f"{name}.log"
        tail = path.read_bytes()[self.begun[name]:].decode(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        how = describe(self.running[name].returncode)
        return Trouble(f"{name} ended with {how}{more}; the end of {path}:\n" + "\n".join(tail))

    def tell_shortcomings(self) -> None:
        """Says what a service that is ready cannot do, as it tells it itself."""
        for name in self.variables:
            for why in (self.health(name).get("degraded") or {}).values():
                say(f"{name}: {why}")

    def is_ready(self, name: str) -> bool:
        return self.health(name).get("ready") is True

    def health(self, name: str) -> dict:
        """What a service says of itself; nothing while it does not answer, or is not ready."""
        variable = f"{given.PREFIXES[name]}_ADMIN_LISTEN"
        admin = given.get(variable) or self.variables[name][variable]
        try:
            with DIRECT.open(f"http://{admin}/readyz", timeout=2) as answer:
                return json.load(answer)
        except (OSError, ValueError, urllib.error.URLError):
            return {}

    def stop(self) -> bool:
        """Stops them in order: the door first, then the work, then who everybody asks. Says whether those that ran ended
        well."""
        clean = True
        for name in reversed(list(self.running)):
            process = self.running[name]
            if process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_WAIT_SECS)
            except subprocess.TimeoutExpired:
                say(f"{name} did not stop within {STOP_WAIT_SECS} s and was killed")
                process.kill()
                process.wait()
            # One that is told before it listens to signals ends by it.
            clean = clean and process.returncode in (0, -signal.SIGTERM)
        return clean


def stop_with_us() -> None:
    """In a child: should this launcher be killed, the program is told to stop (prctl(2), PR_SET_PDEATHSIG = 1)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def describe(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def say(text: str) -> None:
    """Prints it. Nobody may be there to read it, which must not keep the services from their end."""
    try:
        print(text, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
