"""The thread that sends a kernel's output: ipykernel's, which wakes only when there is something to send.

Each thread that prints has a socket to this one. ipykernel looks every ten seconds for those whose thread has ended, in
kernels that do nothing, too: of all that an idle kernel costs this is nearly the whole. Here they are looked for when
there are many.
"""

from ipykernel.iostream import IOPubThread

# Threads that print and have ended, of which the sockets may be left.
_PIPES_MAX = 64


class QuietIOPubThread(IOPubThread):
    """Sends output, and wakes for nothing else."""

    _many = _PIPES_MAX

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
