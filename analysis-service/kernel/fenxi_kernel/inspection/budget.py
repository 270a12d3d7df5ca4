"""Time that is taken away from code that keeps it: an exception is raised in its thread.

Native code is not reached by that. Whoever waits for the thread stops waiting then, and the exception comes when the code
is back in Python.
"""

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# How many times as long as it may compute a step may take in all: beside a cell that computes, or on a busy machine, a thread
# waits most of the time, and that is no fault of the value's.
_WAITS = 5
# How long a thread waits for the exception that is on its way to it.
_ARRIVAL_SECS = 1.0
# How long after that it is taken for held.
_HELD_SECS = 0.3

_raise = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise.argtypes = (ctypes.c_ulong, ctypes.py_object)


class Overdue(BaseException):
    """Raised in code whose time is up. No ``Exception``: code that catches these shall not catch it."""


class TooSlow(Exception):
    """A step did not come to its end in its time."""


class Budget:
    """The time of one thread. It takes steps; another thread calls ``enforce`` now and then."""

    def __init__(self, secs: float):
        self.ends_at = time.monotonic() + secs
        self._thread = 0
        self._lock = threading.Lock()
        self._step_until: float | None = None
        # The time that the thread itself may have used by the end of its step, and the clock that counts it.
        self._computes_until = 0.0
        self._clock = 0
        self._fired = False
        self._fired_at = 0.0

    def rest(self) -> float:
        """Seconds left."""
        return self.ends_at - time.monotonic()

    def step(self, secs: float, function: Callable[..., T], *arguments) -> T:
        """``function(*arguments)``, unless it computes for longer than ``secs``, takes a few times as long, or longer than
        the time that is left."""
        secs = min(secs, self.rest())
        if secs <= 0:
            raise TooSlow("the time was up")
        try:
            self._thread = threading.get_ident()
            self._clock = time.pthread_getcpuclockid(self._thread)
            with self._lock:
                self._fired = False
                self._computes_until = time.clock_gettime(self._clock) + secs
                self._step_until = min(time.monotonic() + _WAITS * secs, self.ends_at)
            try:
                return function(*arguments)
            finally:
                self._end_step()
        except Overdue:
            # It may have come while the lock was held, which nobody will give back then.
            self._lock = threading.Lock()
            self._step_until = None
            raise TooSlow(f"it took longer than {secs:.1f} s") from None

    def _end_step(self) -> None:
        with self._lock:
            self._step_until = None
            # Not where it has come: it is what ends the step.
            fired = self._fired and not isinstance(sys.exception(), Overdue)
        until = time.monotonic() + _ARRIVAL_SECS
        while fired and time.monotonic() < until:
            time.sleep(0.001)

    def enforce(self) -> None:
        """Raises ``Overdue`` in the thread if its step takes too long. Never waits."""
        until = self._step_until
        if until is None or self._fired or not self._is_over(until):
            return
        lock = self._lock
        if not lock.acquire(blocking=False):
            return
        try:
            if self._step_until is not None:
                self._fired, self._fired_at = True, time.monotonic()
                _raise(self._thread, Overdue)
        finally:
            lock.release()

    def is_held(self) -> bool:
        """Whether native code holds the thread in a step whose time is up."""
        return self._step_until is not None and self._fired and time.monotonic() >= self._fired_at + _HELD_SECS

    def successor(self) -> "Budget":
        """What is left of the time, for another thread."""
        return Budget(self.rest())

    def _is_over(self, until: float) -> bool:
        if time.monotonic() >= until:
            return True
        try:
            return time.clock_gettime(self._clock) >= self._computes_until
        except OSError:
            # The thread has ended.
            return False
