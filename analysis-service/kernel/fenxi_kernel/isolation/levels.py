"""Which promise a machine can keep, from what probing found."""

# What each layer is called where it is missing.
_ALWAYS = {"no_new_privs": "no_new_privs", "seccomp": "a seccomp filter (x86_64 or aarch64)"}
_APART = "a user of its own with a /proc that hides others (both take a mount namespace), or mount and pid namespaces"
_FILES = "a barrier of files: Landlock or a mount namespace"
_NETWORK = "a barrier of networks: a net namespace or Landlock ABI 6"
_MEMORY = "a hard memory limit: a cgroup memory controller"
_ANY = "one of Landlock, a user of its own, or mount and pid namespaces"

# Landlock from this version on keeps a process from sockets in the abstract name space too. What it does not know of
# TCP's relatives, the seccomp filter refuses on any version.
_LANDLOCK_NETWORK_ABI = 6


def _entered(probe: dict) -> tuple[set[str], bool]:
    """The namespaces that a kernel really enters, and whether it has a user of its own, which takes a mount namespace to
    reach its folders in. The service plans by the same rules; what was found and is not entered keeps nobody apart."""
    namespaces = set(probe["namespaces"]) if probe["together"] else set()
    return namespaces, probe["uid"] and "mount" in namespaces and "user" not in namespaces


def levels(probe: dict) -> dict[str, list[str]]:
    """For each level, the layers that are missing; none: the machine gives the level.

    ``strict`` is for users who distrust each other, ``standard`` for one's own users and their mistakes; ``none`` needs
    only what every kernel has.
    """
    always = [text for name, text in _ALWAYS.items() if not probe[name]]
    landlock = probe["landlock_abi"] >= 1
    namespaces, own_user = _entered(probe)
    both = {"mount", "pid"} <= namespaces
    strict = list(always)
    if not ((own_user and probe["hidden_processes"]) or both):
        strict.append(_APART)
    if not (landlock or "mount" in namespaces):
        strict.append(_FILES)
    if not ("net" in namespaces or probe["landlock_abi"] >= _LANDLOCK_NETWORK_ABI):
        strict.append(_NETWORK)
    if not probe["cgroup_memory"]:
        strict.append(_MEMORY)
    standard = list(always)
    if not (landlock or own_user or both):
        standard.append(_ANY)
    return {"strict": strict, "standard": standard, "none": always}
