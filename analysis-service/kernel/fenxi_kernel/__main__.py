"""``python -m fenxi_kernel CONNECTION_FILE [--isolation PLAN_FILE]``: becomes a kernel that listens on the sockets the
file names, kept apart as the plan says."""

import json
import os
import sys


def main(argv: list[str]) -> int:
    """Runs a kernel until it is told to shut down; gives the exit code."""
    if len(argv) not in (2, 4) or argv[2:3] not in ([], ["--isolation"]) or not os.path.isfile(argv[1]):
        print("usage: python -m fenxi_kernel CONNECTION_FILE [--isolation PLAN_FILE]", file=sys.stderr)
        return 2
    # Files that code writes are for its kernel alone.
    os.umask(0o077)
    from fenxi_kernel import standing

    standing.step_back()
    if len(argv) == 4:
        from fenxi_kernel import isolation

        with open(argv[3], encoding="utf-8") as file:
            plan = json.load(file)
        isolation.enter(plan)
    from fenxi_kernel import environment

    environment.prepare()
    from fenxi_kernel.app import FenxiKernelApp

    app = FenxiKernelApp.instance(connection_file=argv[1])
    app.initialize([])
    app.start()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
