"""A plain ipykernel through jupyter_client, cold: from its start to the answers of some cells, one after the other.

The job: ``python``, ``cells``, ``settle_secs``. The answer: of each cell its milliseconds (the first one's from the start of
the kernel), the kernel's processor time so far, and its private memory once it has been idle for a while.
"""

import time

import common

common.install_kernel(common.job()["python"])

from jupyter_client import KernelManager  # noqa: E402  after the environment that it reads


def main(cells: list[str], settle_secs: float) -> None:
    begun = time.perf_counter()
    manager = KernelManager(kernel_name=common.KERNEL)
    manager.start_kernel()
    client = manager.client()
    try:
        # Not wait_for_ready: what is sent before the kernel listens waits for it, and nothing is waited for twice.
        client.start_channels()
        measured = []
        for cell in cells:
            run(client, cell)
            ms = (time.perf_counter() - begun) * 1e3
            cpu_ms = common.cpu_ms(manager.provisioner.pid)
            time.sleep(settle_secs)
            measured.append({"ms": ms, "cpu_ms": cpu_ms, "private_bytes": common.private_bytes(manager.provisioner.pid)})
            begun = time.perf_counter()
        common.answer({"cells": measured})
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(client, code: str) -> None:
    request = client.execute(code)
    while True:
        reply = client.get_shell_msg(timeout=common.WAIT_SECS)
        if reply["parent_header"].get("msg_id") == request:
            break
    if reply["content"]["status"] != "ok":
        raise RuntimeError(f"{reply['content']}")


if __name__ == "__main__":
    job = common.job()
    main(job["cells"], job["settle_secs"])
