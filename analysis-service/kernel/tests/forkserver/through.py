"""``python -m forkserver.through MODE CONNECTION_FILE``: what a kernelspec starts, so that any client of Jupyter drives
a forked kernel. It plays the service for one kernel: passes signals on, and ends as the kernel ends."""

import json
import os
import signal
import sys

from forkserver.house import Server

# Longer than any test.
LIVES_SECS = 3600


def main(mode: str, connection_file: str) -> int:
    with open(connection_file, encoding="utf-8") as file:
        connection = json.load(file)
    server = Server(mode)
    try:
        server.ready()
        kernel = server.fork(connection=connection, name="through")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: kernel.signal(number))
        code = kernel.wait(LIVES_SECS)
        sys.stderr.write(kernel.said())
        return code if code >= 0 else 128 - code
    finally:
        server.stop()


if __name__ == "__main__":
    # A client that asks it to end while it starts leaves no server behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    code = main(*sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)
