"""``python -m fenxi_kernel.foreign ORDER_FILE``: puts the layers in force that keep a kernel apart, and becomes another
program. Of this process nothing is left then but its number, its limits and its layers.

The file holds ``{"argv": [absolute path of the program, arguments], "env": the program's whole environment,
"isolation": the plan for :func:`fenxi_kernel.isolation.enter`, or None}``.
"""

import json
import os
import signal
import sys

# As a shell has it.
_NOT_STARTED = 127


def main(argv: list[str]) -> int:
    """Becomes the program; comes back only if it does not start."""
    if len(argv) != 2:
        print("usage: python -m fenxi_kernel.foreign ORDER_FILE", file=sys.stderr)
        return 2
    with open(argv[1], encoding="utf-8") as file:
        order = json.load(file)
    # Files that code writes are for its kernel alone.
    os.umask(0o077)
    if order["isolation"] is not None:
        from fenxi_kernel import isolation

        isolation.enter(order["isolation"])
    # Python ignores it, and what is ignored stays so in the next program.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    program = order["argv"][0]
    try:
        os.execve(program, order["argv"], order["env"])
    except OSError as error:
        print(f"{program} does not start: {error.strerror}", file=sys.stderr)
        return _NOT_STARTED


if __name__ == "__main__":
    sys.exit(main(sys.argv))
