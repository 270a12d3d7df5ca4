"""The thread that sends a kernel's output: ipykernel's, which wakes only when there is something to send.

Each thread that prints has a socket to this one. ipykernel looks every ten seconds for those whose thread has ended, in
kernels that do nothing, too: of all that an idle kernel costs this is nearly the whole. Here they are looked for when
there are many.

An interrupt, or a signal's handler of the code's own, raises between any two steps of the thread that prints. What this
file has it do takes no lock that it could keep then, and does not ask ``Thread.is_alive``, which takes the thread that it
is asked of for ended if it is interrupted.
"""

import _thread
import sys
import traceback
from collections.abc import Callable

from ipykernel.iostream import IOPubThread

# Threads that print and have ended, of which the sockets may be left.
_PIPES_MAX = 64


class QuietIOPubThread(IOPubThread):
    """Sends output, and wakes for nothing else."""

    _many = _PIPES_MAX
    _runs = False

    def start(self):
        self._runs = True
        super().start()

    def _thread_main(self):
        try:
            super()._thread_main()
        finally:
            self._runs = False

    def takes_from_here(self) -> bool:
        """Whether what the caller sends goes by this thread: it runs, in this process, and is not the caller."""
        return self._runs and self._is_master_process() and self.thread.ident != _thread.get_ident()

    def schedule(self, f: Callable[[], object]) -> None:
        if not self._runs or not self._is_master_process():
            f()
            return
        self._events.append(f)
        # What it says does not matter.
        self._event_pipe.send(b"")

    def _handle_event(self, _msg):
        """Does all that waits. What fails is told of, and keeps nothing that comes after it: who waits for that would wait in
        vain."""
        for _ in range(len(self._events)):
            try:
                self._events.popleft()()
            except Exception:
                traceback.print_exc(file=sys.__stderr__)

    def done(self, f: Callable[[], object], limit_secs: float) -> bool:
        """Has it called in this thread and waits for that; says whether it was done in time."""
        waiting = _thread.allocate_lock()
        waiting.acquire()
        self.schedule(f)
        self.schedule(waiting.release)
        return waiting.acquire(timeout=limit_secs)

    async def _run_event_pipe_gc(self):
        """Ends at once: :attr:`_event_pipe` does what is to be done."""

    @property
    def _event_pipe(self):
        if not hasattr(self._local, "event_pipe") and len(self._event_pipes) >= self._many:
            self._close_pipes_of_ended_threads()
            # Those that are left live: not all are looked at again for each thread that comes.
            self._many = 2 * max(len(self._event_pipes), _PIPES_MAX // 2)
        return super()._event_pipe

    def _close_pipes_of_ended_threads(self):
        with self._event_pipe_gc_lock:
            for thread, pipe in list(self._event_pipes.items()):
                if not thread.is_alive():
                    pipe.close()
                    del self._event_pipes[thread]
