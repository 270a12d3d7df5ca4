"""Who a kernel is: its user, its user namespace, its privileges, its keyring."""

import ctypes
import os
import resource

from fenxi_kernel.isolation import linux

_CAPABILITIES_VERSION = 0x20080522
# Above what any kernel of the system knows; those it does not know are passed over.
_CAPABILITIES_MAX = 64
# NOROOT and NO_CAP_AMBIENT_RAISE, each with its lock, and the lock of KEEP_CAPS.
_SECUREBITS = 0b1 | 0b10 | 0b100000 | 0b1000000 | 0b10000000
_JOIN_SESSION_KEYRING = 1


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


# Who this process was before it forked into a user namespace: inside, nobody is known until the maps are written.
_outside = (os.getuid(), os.getgid())


def remember_user() -> None:
    """Tells who is forked from here on, if this process changed its user after this module was imported."""
    global _outside
    _outside = (os.getuid(), os.getgid())


def current() -> tuple[int, int]:
    """User and group as the process knows itself, or is about to."""
    return _outside


def write_maps() -> None:
    """In a fresh user namespace: maps the one user that we are to itself, and gives up groups."""
    # The maps belong to us only while we may be looked at, which a server may have forbidden for itself.
    linux.prctl("PR_SET_DUMPABLE", linux.PR_SET_DUMPABLE, 1)
    uid, gid = _outside
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        opened = os.open(f"/proc/self/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(opened, text.encode())
        finally:
            os.close(opened)


def own_keyring() -> None:
    """Leaves the session keyring of whoever started the service."""
    linux.call("keyctl", _JOIN_SESSION_KEYRING, None)


def limit_processes(most: int) -> None:
    """Limits processes and threads. The system counts them by user and user namespace: one of these must be its own."""
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


def bound_capabilities() -> None:
    """No program started from here on gets privileges, whoever it runs as. Needs CAP_SETPCAP; without any
    capability there is nothing to bound, because no_new_privs keeps it so."""
    try:
        linux.prctl("PR_SET_SECUREBITS", linux.PR_SET_SECUREBITS, _SECUREBITS)
    except PermissionError:
        return
    for number in range(_CAPABILITIES_MAX):
        try:
            linux.prctl("PR_CAPBSET_DROP", linux.PR_CAPBSET_DROP, number)
        except OSError:
            if number == 0:
                raise
            return


def become(uid: int, gid: int) -> None:
    """Becomes another user for good, with no other group."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if os.getresuid() != (uid, uid, uid) or os.getresgid() != (gid, gid, gid) or os.getgroups():
        raise OSError("the user did not change")
    # Changing the user hides a process from itself: its own /proc/self/environ and mem would be root's. It holds
    # nothing that its user may not see.
    linux.prctl("PR_SET_DUMPABLE", linux.PR_SET_DUMPABLE, 1)


def drop_capabilities() -> None:
    """Gives up all privileges that the process has."""
    linux.prctl("PR_CAP_AMBIENT", linux.PR_CAP_AMBIENT, linux.PR_CAP_AMBIENT_CLEAR_ALL)
    header = _Header(version=_CAPABILITIES_VERSION, pid=0)
    linux.call("capset", ctypes.byref(header), bytes(24))


def forbid_new_privileges() -> None:
    """Nothing started from here on gains privileges: no set-user-id program, no file capability."""
    linux.prctl("PR_SET_NO_NEW_PRIVS", linux.PR_SET_NO_NEW_PRIVS, 1)
