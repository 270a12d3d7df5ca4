"""The streams of a kernel: ipykernel's, in which nothing that a child process or native code prints comes too late.

What is written to the file descriptors 1 and 2 reaches the stream through a pipe and a thread. ipykernel's thread may
still hold some of it when the cell ends, and cuts characters at every 1,000th byte. Here whoever flushes the stream
empties the pipe first, and characters stay whole.
"""

import codecs
import fcntl
import os
import select
import struct
import termios
import threading

from fenxi_kernel.inspection import quiet
from ipykernel.iostream import OutStream

_READ_BYTES = 64 * 1024
# A message of the protocol holds at most this much text: the service takes messages of a limited size.
_TEXT_MAX_CHARS = 4 * 1024 * 1024


class FenxiOutStream(OutStream):
    """A stream that sends what is printed, and what is written to its file descriptor."""

    def __init__(self, *args, **kwargs):
        self._pipe_lock = threading.RLock()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        super().__init__(*args, **kwargs)

    def write(self, string):
        if quiet.is_here():
            return len(string)
        return super().write(string)

    def flush(self):
        if quiet.is_here():
            return
        if self._fid is not None and self._should_watch and self._is_master_process():
            self._take_from_pipe()
        super().flush()

    def _watch_pipe_fd(self):
        if self._fid is None:
            return
        poller = select.poll()
        poller.register(self._fid, select.POLLIN)
        while self._should_watch:
            events = poller.poll()
            if not self._should_watch:
                # A closed stream is woken by a byte that nobody wrote.
                return
            if not self._take_from_pipe() and any(event & ~select.POLLIN for _, event in events):
                return

    def _take_from_pipe(self):
        """Takes what the pipe holds now; says whether there was anything."""
        taken = False
        with self._pipe_lock:
            while self._fid is not None and self._waiting_bytes() > 0:
                text = self._decoder.decode(os.read(self._fid, _READ_BYTES))
                taken = True
                if text:
                    self.write(text)
        return taken

    def _waiting_bytes(self):
        try:
            return struct.unpack("i", fcntl.ioctl(self._fid, termios.FIONREAD, b"\0\0\0\0"))[0]
        except OSError:
            return 0

    def _flush_buffers(self):
        for parent, text in super()._flush_buffers():
            for start in range(0, len(text), _TEXT_MAX_CHARS):
                yield parent, text[start : start + _TEXT_MAX_CHARS]
