"""Puts the server's memory into large pages before the fork.

A fork copies the table of all pages, 60,000 of them, which is most of what it costs; a large page stands for 512. A kernel
that writes to one gets a copy of the 4 KiB that it wrote to, as before.
"""

import ctypes

# madvise(2)'s MADV_COLLAPSE, which Python has no name for.
COLLAPSE = 25
_LARGE_BYTES = 2 * 1024 * 1024

_c = ctypes.PyDLL(None)
_c.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def enlarge() -> None:
    """Moves what is in memory of its own, and no file's, into large pages where it fills them. Memory that is asked for later
    is in small ones. Where the system has no such call (before Linux 6.1) or no room, a fork takes longer."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        lines = maps.readlines()
    for line in lines:
        place, rights, _, _, inode, *name = line.split(maxsplit=5)
        # The stack grows, and into small pages.
        if rights != "rw-p" or inode != "0" or "[stack]\n" in name:
            continue
        begin, end = (int(number, 16) for number in place.split("-"))
        begin += -begin % _LARGE_BYTES
        end -= end % _LARGE_BYTES
        if begin < end:
            # All parts are tried; that one of them is empty is an error, too.
            _c.madvise(begin, end - begin, COLLAPSE)
