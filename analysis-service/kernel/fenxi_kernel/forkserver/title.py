"""What ``ps`` and ``/proc`` show of a kernel: its own name and environment instead of the server's.

The system reads both from the memory in which it put the program's arguments when it started, so they are overwritten
there. The service finds what a kernel left behind by a variable in ``/proc/PID/environ``.
"""

import ctypes
from collections.abc import Mapping
from typing import NamedTuple

_PR_SET_NAME = 15
_NAME_MAX_BYTES = 15
# arg_start, arg_end, env_start, env_end of proc(5), counted behind the parenthesis that ends the second field.
_FIRST, _LAST = 48 - 3, 51 - 3

_c = ctypes.PyDLL(None)


class Areas(NamedTuple):
    """Where the arguments and the environment lie."""

    arguments: int
    arguments_bytes: int
    environment: int
    environment_bytes: int

    @classmethod
    def find(cls) -> "Areas | None":
        """Asks ``/proc``, which a kernel may not see: called in the server."""
        try:
            with open("/proc/self/stat", encoding="ascii", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
            first, end, second, last = (int(field) for field in fields[_FIRST : _LAST + 1])
        except (OSError, ValueError):
            return None
        if not 0 < first <= end <= second <= last:
            return None
        return cls(first, end - first, second, last - second)


def show(areas: Areas | None, name: str, environment: Mapping[str, str]) -> None:
    """Puts ``name`` and as much of ``environment`` as has room, in its order, where the server's were.

    Called once ``os.environ`` holds nothing of the server's, which points there.
    """
    text = name.encode("utf-8", "replace").replace(b"\0", b"")
    _c.prctl(_PR_SET_NAME, ctypes.c_char_p(text[:_NAME_MAX_BYTES]), 0, 0, 0)
    if areas is None:
        return
    # The last byte stays zero: without it the system takes the environment for more of the arguments.
    ctypes.memmove(areas.arguments, text.ljust(areas.arguments_bytes, b"\0"), max(areas.arguments_bytes - 1, 0))
    room, shown = areas.environment_bytes, b""
    for variable, value in environment.items():
        entry = f"{variable}={value}\0".encode("utf-8", "surrogateescape")
        if len(shown) + len(entry) <= room:
            shown += entry
    ctypes.memmove(areas.environment, shown.ljust(room, b"\0"), room)
