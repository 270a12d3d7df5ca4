"""What a kernel must be able to read to be a kernel: the interpreter, its libraries, and the system's."""

import os
import sys

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
# Of /etc, what programs fail or look wrong without; the rest tells of accounts, services and keys. Each costs a start
# of a kernel 50 us. passwd, group and hosts are made for the kernel.
_ETC = (
    "ld.so.cache", "nsswitch.conf", "protocols", "services", "localtime", "timezone", "alternatives", "fonts",
    "mime.types", "ssl/certs", "ssl/openssl.cnf", "pki/tls/certs", "pki/tls/openssl.cnf", "pki/ca-trust",
)  # fmt: skip
# To be added for a kernel with a network.
_ETC_OF_NETWORKS = ("resolv.conf", "hosts")


def _existing(paths) -> list[str]:
    return [path for path in dict.fromkeys(paths) if os.path.exists(path)]


def read_paths() -> list[str]:
    """For the plan's ``read``: what is there of it on this machine."""
    library = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    own = (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, library)
    return _existing([*_SYSTEM, *own, *(f"/etc/{name}" for name in _ETC)])


def network_read_paths() -> list[str]:
    """For the plan's ``read`` in addition, where a kernel may use the network."""
    return _existing(f"/etc/{name}" for name in _ETC_OF_NETWORKS)
