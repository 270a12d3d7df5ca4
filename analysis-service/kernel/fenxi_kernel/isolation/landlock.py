"""Landlock: which files a kernel may open, whatever their owner, and, without a network namespace, no TCP.

Rules name folders by open descriptors, so they are prepared while everything can still be opened, and are put in force
later, when the kernel is its own user. What Landlock does not know is in docs/isolation.md: chmod, stat, connecting to
a socket that has a path.
"""

import ctypes
import os
import stat

from fenxi_kernel.isolation import linux

_VERSION = 1
_PATH_BENEATH = 1

_EXECUTE = 1 << 0
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_REMOVE_FILE = 1 << 5
_MAKE_CHAR = 1 << 6
_MAKE_REG = 1 << 8
_MAKE_BLOCK = 1 << 11
_TRUNCATE = 1 << 14
_IOCTL_DEV = 1 << 15
# Those that make sense for a single file; the kernel refuses others in a rule for one.
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV

READ = _READ_FILE | _READ_DIR
RUN = READ | _EXECUTE
WRITE = ~(_MAKE_CHAR | _MAKE_BLOCK | _IOCTL_DEV)
USE_DEVICES = READ | _WRITE_FILE | _IOCTL_DEV
# Shared memory of a machine without a private /dev/shm: what one knows the name of, and no list of names.
NAMED_ONLY = _READ_FILE | _WRITE_FILE | _TRUNCATE | _MAKE_REG | _REMOVE_FILE

_NET_BIND_AND_CONNECT = 0b11
_SCOPE_ABSTRACT_AND_SIGNAL = 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def abi() -> int:
    """The version that the system speaks. Raises :class:`OSError` where there is none."""
    return linux.call("landlock_create_ruleset", None, 0, _VERSION)


def _rights(version: int) -> int:
    """All rights over files that a version knows."""
    return (1 << (13 + (version >= 2) + (version >= 3) + (version >= 5))) - 1


class Rules:
    """What is allowed, until :meth:`enforce` makes it all that is."""

    def __init__(self, refuse_tcp: bool) -> None:
        version = abi()
        self._handled = _rights(version)
        attributes = _Ruleset(fs=self._handled)
        size = 8
        if version >= 4:
            size, attributes.net = 16, _NET_BIND_AND_CONNECT if refuse_tcp else 0
        if version >= 6:
            size, attributes.scoped = 24, _SCOPE_ABSTRACT_AND_SIGNAL
        self._ruleset = linux.call("landlock_create_ruleset", ctypes.byref(attributes), size, 0)

    def allow(self, path: str, rights: int, required: bool = True) -> None:
        """Allows ``rights`` to ``path`` and all below it. What is not there is passed over, unless it is required."""
        try:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            if required:
                raise
            return
        try:
            rights &= self._handled
            if not stat.S_ISDIR(os.fstat(opened).st_mode):
                rights &= _OF_FILES
            rule = _Beneath(allowed=rights, parent=opened)
            linux.call("landlock_add_rule", self._ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
        finally:
            os.close(opened)

    def enforce(self) -> None:
        """Puts the rules in force for this process and all it starts, for good. Needs no_new_privs."""
        linux.call("landlock_restrict_self", self._ruleset, 0)
        os.close(self._ruleset)
