"""Prints the median milliseconds of code on a kernel of ours, spoken to directly over ZeroMQ: direct_kernel.py COUNT [CODE].
The code is `1+1` if none is given; some runs before those that count are a tenth of them."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jupyter_client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

WAIT_SECS = 60


def main(count: int, code: str) -> None:
    warm_up = max(count // 10, 1)
    with tempfile.TemporaryDirectory(prefix="fx") as folder:
        file, _ = write_connection_file(str(Path(folder) / "k.json"), transport="ipc", ip=str(Path(folder) / "k"))
        kernel = subprocess.Popen([sys.executable, "-m", "fenxi_kernel", file], cwd=folder, stdout=subprocess.DEVNULL)
        client = BlockingKernelClient(connection_file=file)
        try:
            client.load_connection_file()
            client.start_channels()
            client.wait_for_ready(timeout=WAIT_SECS)
            times = [execute(client, code) for _ in range(count + warm_up)][warm_up:]
            print(statistics.median(times) * 1e3)
        finally:
            client.stop_channels()
            kernel.kill()
            kernel.wait()


def execute(client: BlockingKernelClient, code: str) -> float:
    """Seconds from the request until both the reply and the idle status have come."""
    start = time.perf_counter()
    request = client.execute(code, store_history=True)
    while True:
        message = client.get_iopub_msg(timeout=WAIT_SECS)
        if message["parent_header"].get("msg_id") != request:
            continue
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            break
    client.get_shell_msg(timeout=WAIT_SECS)
    return time.perf_counter() - start


main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "1+1")
