"""The streams of a kernel: ipykernel's, in which nothing that a child process or native code prints comes too late.

What is written to the file descriptors 1 and 2 reaches the stream through a pipe and a thread. ipykernel's thread may
still hold some of it when the cell ends, and cuts characters at every 1,000th byte. Here whoever flushes the stream
empties the pipe first, and characters stay whole.

Whoever prints faster than is sent waits: neither a cell nor a process that it has left behind fills the memory, and one
that prints without end keeps no cell from ending.
"""

import codecs
import os
import select
import struct
import sys
import threading
import time
import weakref
from collections import defaultdict
from fcntl import ioctl
from io import StringIO
from termios import FIONREAD

from fenxi_kernel.forked import Lines
from fenxi_kernel.inspection import quiet
from ipykernel.iostream import OutStream

# What FIONREAD gives of an empty pipe.
_NO_BYTES = b"\0\0\0\0"
_READ_BYTES = 64 * 1024
# A message of the protocol holds at most this much text: the service takes messages of a limited size.
_TEXT_MAX_CHARS = 4 * 1024 * 1024
# From so much on that is not sent, whoever prints waits.
_UNSENT_MAX_CHARS = 64 * 1024
# How long the thread that watches the pipe stands back at a time while others want it.
_STAND_BACK_SECS = 0.001


class FenxiOutStream(OutStream):
    """A stream that sends what is printed, and what is written to its file descriptor."""

    def __init__(self, *args, **kwargs):
        self._pipe_lock = threading.RLock()
        # Who empties the pipe now or waits for it, beside the thread that watches it.
        self._before_watcher = set()
        # Something of the pipe's is on its way into the stream.
        self._taking = False
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._unsent_chars = 0
        # In a process that code has forked: what takes this stream's place.
        self._lines = None
        # Where text is kept beside, for the case of a sudden end.
        self.said = None
        super().__init__(*args, **kwargs)
        this = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: this() is not None and this()._begin_in_child())

    def fileno(self):
        """The descriptor whose pipe leads here: what a child process is given writes into the stream, too."""
        if self._fid is None:
            return super().fileno()
        return self._original_stdstream_fd

    def write(self, string):
        if quiet.is_here():
            return len(string)
        if self._lines is not None:
            if not isinstance(string, str):
                raise TypeError(f"write() argument must be str, not {type(string).__name__}")
            return self._lines.write(string)
        # Four times for each line that is printed: without a call of Python's more than is needed.
        # In this order: what the pipe does not hold any more is being taken, or was.
        if self._should_watch and (ioctl(self._fid, FIONREAD, _NO_BYTES) != _NO_BYTES or self._taking):
            # It was written before.
            self._empty_pipe()
        written = super().write(string)
        self._keep(string)
        self._unsent_chars += len(string)
        if self._unsent_chars >= _UNSENT_MAX_CHARS:
            self._keep_pace()
        return written

    def flush(self):
        if quiet.is_here():
            return
        if self._lines is not None:
            self._lines.flush()
            return
        if self._fid is not None and self._should_watch:
            self._empty_pipe()
        if not self._send_all():
            # The stream itself may be what does not get on.
            print("IOStream.flush timed out", file=sys.__stderr__)

    def _begin_in_child(self):
        """Leaves what is unsent to the kernel, and its locks to the threads that are not here."""
        self._buffer_lock, self._buffers = threading.RLock(), defaultdict(StringIO)
        self._pipe_lock, self._before_watcher, self._taking = threading.RLock(), set(), False
        self._unsent_chars = 0
        if self._fid is not None:
            self._lines = Lines(self._original_stdstream_fd)

    def _keep(self, string):
        said = self.said
        if said is not None and self.parent_header.get("msg_id") == said.execution_id:
            said.keep(self.name, string)

    def _put(self, string):
        written = super().write(string)
        self._keep(string)
        # Of two threads one may go uncounted, once.
        self._unsent_chars += len(string)
        return written

    def _keep_pace(self):
        """Waits, if much is unsent, until it is sent."""
        if self._unsent_chars < _UNSENT_MAX_CHARS:
            return
        self._send_all()

    def _send_all(self):
        """Waits until everything is sent; says whether that was in time."""
        sender = self.pub_thread
        if sender is not None and sender.takes_from_here():
            return sender.done(self._flush, self.flush_timeout)
        self._flush()
        return True

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
            while self._before_watcher:
                # The lock alone would be this thread's again before another wakes.
                time.sleep(_STAND_BACK_SECS)
            if not self._take_from_pipe() and any(event & ~select.POLLIN for _, event in events):
                return
            self._keep_pace()

    def _empty_pipe(self):
        """Takes what the pipe holds, before the thread that watches it."""
        me = object()
        try:
            self._before_watcher.add(me)
            self._take_from_pipe()
        finally:
            self._before_watcher.discard(me)

    def _take_from_pipe(self):
        """Takes what the pipe holds now, and not what comes meanwhile: that may never end. Says whether there was any."""
        with self._pipe_lock:
            left = waiting = self._waiting_bytes() if self._fid is not None else 0
            self._taking = waiting > 0
            try:
                while left > 0:
                    data = os.read(self._fid, min(left, _READ_BYTES))
                    left -= len(data)
                    text = self._decoder.decode(data)
                    if text:
                        self._put(text)
            finally:
                self._taking = False
        return waiting > 0

    def _waiting_bytes(self):
        try:
            return struct.unpack("i", ioctl(self._fid, FIONREAD, _NO_BYTES))[0]
        except OSError:
            return 0

    def _flush_buffers(self):
        for parent, text in super()._flush_buffers():
            for start in range(0, len(text), _TEXT_MAX_CHARS):
                yield parent, text[start : start + _TEXT_MAX_CHARS]

    def _rotate_buffers(self):
        self._unsent_chars = 0
        return super()._rotate_buffers()
