"""What a kernel began and printed last, where the service finds it after a sudden end.

Text that is printed is sent up to 0.2 s later, together with more (ipykernel's ``flush_interval``). Who is killed, or
crashes, takes with it what was printed and not sent; and that is what somebody needs who looks for the cause. So all text
of the execution that runs is written to a file as well, which is mapped into memory: the system keeps it, though the
process ends at its next instruction. The service knows how much it has heard, and takes the rest from here. Each stream
has a ring with its newest text.

The file, read by ``analysis-service/src/kernels/said.rs``; whole numbers little-endian:

====== ====== ==========================================================================
offset length
====== ====== ==========================================================================
0      8      ``FENXI\\0\\0\\1``
8      36     id of the execution whose code began last, in ASCII
44     4      u32 its number in the kernel
48     16     u64 bytes of UTF-8 that it has printed: to stdout, to stderr
4096   65536  the ring of stdout: byte ``n`` of all is at ``n`` modulo its length
69632  65536  the ring of stderr
====== ====== ==========================================================================
"""

import mmap
import os
import struct
import threading

_MAGIC = b"FENXI\0\0\1"
_ID_AT, _ID_BYTES, _COUNT_AT, _TOTALS_AT, _RINGS_AT = 8, 36, 44, 48, 4096
_RING_BYTES = 64 * 1024
_STREAMS = {"stdout": 0, "stderr": 1}
_TOTAL = struct.Struct("<Q")
_COUNT = struct.Struct("<I")


class Said:
    """The file, mapped."""

    def __init__(self, path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, _RINGS_AT + len(_STREAMS) * _RING_BYTES)
            self._file = mmap.mmap(descriptor, 0)
        finally:
            os.close(descriptor)
        # A signal's handler may print in the middle of a print.
        self._lock = threading.RLock()
        self._totals = [0] * len(_STREAMS)
        self.execution_id = None
        self._file[: len(_MAGIC)] = _MAGIC

    def begin(self, execution_id, execution_count):
        """The code of an execution begins: what was printed before is of no account any more."""
        name = execution_id.encode("ascii", errors="replace")
        with self._lock:
            self._totals = [0] * len(_STREAMS)
            self._file[_TOTALS_AT : _TOTALS_AT + len(_STREAMS) * _TOTAL.size] = bytes(len(_STREAMS) * _TOTAL.size)
            _COUNT.pack_into(self._file, _COUNT_AT, execution_count)
            self._file[_ID_AT : _ID_AT + _ID_BYTES] = name[:_ID_BYTES].ljust(_ID_BYTES)
            self.execution_id = execution_id

    def keep(self, stream, text):
        """Keeps a text that the execution which began last prints to a stream of this name."""
        number = _STREAMS[stream]
        data = text.encode("utf-8", errors="replace")
        with self._lock:
            total = self._totals[number] + len(data)
            data = data[-_RING_BYTES:]
            ring, at = _RINGS_AT + number * _RING_BYTES, (total - len(data)) % _RING_BYTES
            first = min(len(data), _RING_BYTES - at)
            self._file[ring + at : ring + at + first] = data[:first]
            if first < len(data):
                self._file[ring : ring + len(data) - first] = data[first:]
            # Last: what it counts is there.
            self._totals[number] = total
            _TOTAL.pack_into(self._file, _TOTALS_AT + number * _TOTAL.size, total)
