"""What keeps a kernel apart from the machine, the service and other kernels: layers that a forked child enters.

``enter`` puts them in force in the child; ``probe`` tells which of them a machine gives, by trying each; ``levels``
says what is missing for which promise. docs/isolation.md tells what each layer stops, and what none of them does.

The rest of the package: ``linux`` and ``numbers`` (system calls), ``seccomp``, ``landlock``, ``mounts`` with ``places``,
``network``, ``users``, ``descriptors``, ``joining`` (a layer each), ``trial`` and ``cgroups`` (for probing). Nothing here knows
Jupyter, and nothing is imported or started in the child.
"""

from fenxi_kernel.isolation.layers import IsolationError, enter
from fenxi_kernel.isolation.levels import levels
from fenxi_kernel.isolation.probing import probe
from fenxi_kernel.isolation.users import remember_user

__all__ = ["IsolationError", "enter", "levels", "probe", "remember_user"]
