"""``python -m fenxi_kernel CONNECTION_FILE [--isolation PLAN_FILE] [--work-dir FOLDER]``: becomes a kernel that listens on
the sockets the file names, kept apart as the plan says, at home in the folder.

It is started in a folder that no kernel writes to: the folder of the program's start is the first that modules are
looked for in, and what code has left in the kernel's own must not run before the layers are in force.
"""

import argparse
import json
import os
import sys


def main(argv: list[str]) -> int:
    """Runs a kernel until it is told to shut down; gives the exit code."""
    parent = os.getppid()
    arguments = _arguments(argv[1:])
    # Files that code writes are for its kernel alone.
    os.umask(0o077)
    from fenxi_kernel import standing

    standing.step_back()
    if arguments.isolation is not None:
        from fenxi_kernel import isolation

        with open(arguments.isolation, encoding="utf-8") as file:
            plan = json.load(file)
        isolation.enter(plan)
        standing.die_with(parent)
    if arguments.work_dir is not None:
        standing.settle_in(arguments.work_dir)
    from fenxi_kernel import environment

    environment.prepare()
    from fenxi_kernel.app import FenxiKernelApp

    app = FenxiKernelApp.instance(connection_file=arguments.connection_file)
    if arguments.work_dir is not None:
        # As if it had been started there.
        sys.path[0] = arguments.work_dir
    app.initialize([])
    app.start()
    return 0


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fenxi_kernel")
    parser.add_argument("connection_file", metavar="CONNECTION_FILE")
    parser.add_argument("--isolation", metavar="PLAN_FILE", help="what keeps the kernel apart")
    parser.add_argument("--work-dir", metavar="FOLDER", help="where code works; by default where it is started")
    arguments = parser.parse_args(argv)
    if not os.path.isfile(arguments.connection_file):
        parser.error(f"{arguments.connection_file} is not there")
    return arguments


if __name__ == "__main__":
    sys.exit(main(sys.argv))
