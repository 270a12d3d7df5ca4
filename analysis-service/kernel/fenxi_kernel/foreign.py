"""``python -m fenxi_kernel.foreign ORDER_FILE``: puts the layers in force that keep a kernel apart, and becomes another
program. Of this process nothing is left then but its number, its limits and its layers.

The file holds ``{"argv": [absolute path of the program, arguments], "env": the program's whole environment,
"isolation": the plan for :func:`fenxi_kernel.isolation.enter`, or None, "work_dir": where the program starts}``. This
process is started in a folder that no kernel writes to: what code has left in the kernel's own must not run before the
layers are in force.
"""

import json
import os
import signal
import sys

from fenxi_kernel import standing

# As a shell has it.
_NOT_STARTED = 127


def main(argv: list[str]) -> int:
    """Becomes the program; comes back only if it does not start."""
    if len(argv) != 2:
        print("usage: python -m fenxi_kernel.foreign ORDER_FILE", file=sys.stderr)
        return 2
    parent = os.getppid()
    with open(argv[1], encoding="utf-8") as file:
        order = json.load(file)
    # Files that code writes are for its kernel alone.
    os.umask(0o077)
    standing.step_back()
    if order["isolation"] is not None:
        from fenxi_kernel import isolation

        isolation.enter(order["isolation"])
        standing.die_with(parent)
    os.chdir(order["work_dir"])
    return become(order["argv"], order["env"])


def become(argv: list[str], env: dict[str, str]) -> int:
    """Turns this process into the program at ``argv[0]``, with this environment and no other; gives the exit code where
    it does not start."""
    # Python ignores it, and what is ignored stays so in the next program.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execve(argv[0], argv, env)
    except OSError as error:
        print(f"{argv[0]} does not start: {error.strerror}", file=sys.stderr, flush=True)
        return _NOT_STARTED


if __name__ == "__main__":
    sys.exit(main(sys.argv))
