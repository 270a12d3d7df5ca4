"""``python -m fenxi_kernel <connection file>``: becomes a kernel that listens on the sockets the file names."""

import os
import sys


def main(argv: list[str]) -> int:
    """Runs a kernel until it is told to shut down; gives the exit code."""
    if len(argv) != 2 or not os.path.isfile(argv[1]):
        print("usage: python -m fenxi_kernel <connection file>", file=sys.stderr)
        return 2
    # Files that code writes are for its kernel alone.
    os.umask(0o077)
    from fenxi_kernel import environment

    environment.prepare()
    from fenxi_kernel.app import FenxiKernelApp

    app = FenxiKernelApp.instance(connection_file=argv[1])
    app.initialize([])
    app.start()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
