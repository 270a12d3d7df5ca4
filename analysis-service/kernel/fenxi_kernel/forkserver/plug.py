"""Fills the holes of the allocators before the fork.

A process that has imported thousands of modules has free places all over its memory. A kernel would put its few objects
into them, each in another page, and copy all those pages. So the places are filled in the server with memory that
nobody uses, and a kernel's objects go side by side into fresh pages.
"""

import ctypes
import os
import re
import sys

# The sizes in which libc is asked for memory, largest first: a large hole is not filled with small pieces.
_CHUNK_MAX_BYTES = 128 * 1024
_CHUNK_MIN_BYTES = 24
# No end of pieces, whatever an allocator does.
_CHUNKS_MAX = 200_000
_BYTES_OVERHEAD = sys.getsizeof(b"")

# A line of _debugmallocstats: class, size, pools, blocks in use, free blocks.
_CLASS = re.compile(r"^\s*\d+\s+(\d+)\s+\d+\s+\d+\s+(\d+)\s*$", re.MULTILINE)

_c = ctypes.PyDLL(None)
_c.malloc.restype = ctypes.c_void_p
_c.malloc.argtypes = [ctypes.c_size_t]
_c.free.argtypes = [ctypes.c_void_p]
_c.sbrk.restype = ctypes.c_void_p
_c.sbrk.argtypes = [ctypes.c_ssize_t]

# Keeps the pieces for ever.
_kept: list[object] = []


class _Info(ctypes.Structure):
    """``struct mallinfo2``."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    ]  # fmt: skip


def fill() -> None:
    """Fills Python's own allocator, then libc's."""
    _fill_python()
    _fill_libc()


def _fill_python() -> None:
    free = [(int(size), int(count)) for size, count in _CLASS.findall(_statistics())]
    # The list itself is made first, so that it takes no place afterwards.
    pieces: list[bytes | None] = [None] * sum(count for _, count in free)
    _kept.append(pieces)
    place = 0
    for size, count in free:
        length = size - _BYTES_OVERHEAD
        if length <= 1:
            # Smaller than any bytes object: floats and plain objects.
            for place in range(place, place + count):
                pieces[place] = object() if size <= 16 else float(place)
            place += 1 if count else 0
            continue
        for place in range(place, place + count):
            pieces[place] = bytes(length)
        place += 1 if count else 0


def _statistics() -> str:
    """What the interpreter says of its allocator: it writes it to the standard error only."""
    sys.stderr.flush()
    kept, report = os.dup(2), os.memfd_create("report", os.MFD_CLOEXEC)
    os.dup2(report, 2)
    try:
        sys._debugmallocstats()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    text = os.pread(report, os.fstat(report).st_size, 0).decode("ascii", "replace")
    os.close(report)
    return text


def _fill_libc() -> None:
    try:
        _c.mallinfo2.restype = _Info
    except AttributeError:
        # Another libc, or an old one: kernels take some MB more.
        return
    size, made = _CHUNK_MAX_BYTES, 0
    while size >= _CHUNK_MIN_BYTES and made < _CHUNKS_MAX:
        top = _c.sbrk(0) - _c.mallinfo2().keepcost
        while made < _CHUNKS_MAX:
            piece = _c.malloc(size)
            made += 1
            if piece is None or piece >= top:
                # The holes of this size are full: this one came from the end, where kernels allocate.
                _c.free(piece)
                break
        size = size * 7 // 8 if size > 512 else size - 16
