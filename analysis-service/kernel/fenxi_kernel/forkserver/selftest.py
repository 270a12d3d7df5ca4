"""Tries in a copy, which is thrown away, whether a kernel comes of it.

What is done to a copy leans on the inside of libraries. Where they have changed, kernels are made without the prebuilt
application, slower; where that fails, too, there is no server, and the service starts kernels cold.
"""

import os
import select
import shutil
import signal
import sys
import tempfile
from typing import NoReturn

from fenxi_kernel.forkserver import child, prebuild
from fenxi_kernel.forkserver.prepare import Prepared

_LIMIT_SECS = 30
_PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")


def checked(prepared: Prepared) -> Prepared:
    """What is prepared, without the application if no kernel comes of that; raises if none comes at all."""
    if _works(prepared):
        return prepared
    if prepared.app is not None:
        print("fork server: the prebuilt application does not become a kernel", file=sys.stderr, flush=True)
        prebuild.discard()
        prepared = prepared._replace(app=None)
        if _works(prepared):
            return prepared
    raise RuntimeError("a copy does not become a kernel")


def _works(prepared: Prepared) -> bool:
    folder = tempfile.mkdtemp(prefix="selftest", dir=os.getcwd())
    try:
        pid = os.fork()
        if pid == 0:
            _try(prepared, folder)
        pidfd = os.pidfd_open(pid)
        ended, _, _ = select.select([pidfd], [], [], _LIMIT_SECS)
        if not ended:
            os.kill(pid, signal.SIGKILL)
        os.close(pidfd)
        return os.waitpid(pid, 0)[1] == 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _try(prepared: Prepared, folder: str) -> NoReturn:
    code = 1
    try:
        app = child.become(prepared, _order(folder))
        # Without a specification nothing that the cells define can be given to other processes.
        if app.shell.run_cell("1+1", silent=True).success and "__spec__" in app.shell.user_ns:
            code = 0
    except BaseException:  # noqa: BLE001  whatever it is, the application is of no use
        child.tell()
    finally:
        os._exit(code)


def _order(folder: str) -> dict:
    # The path of the sockets is relative to the working folder, because it must be short.
    connection = {"transport": "ipc", "ip": "s", "key": "0", "signature_scheme": "hmac-sha256"}
    connection |= {port: number for number, port in enumerate(_PORTS, 1)}
    return {
        "connection": connection,
        "connection_file": os.path.join(folder, "connection.json"),
        "work_dir": folder,
        "env": {**os.environ, "HOME": folder},
        "limits": {"open_files": 1024, "file_bytes": 1 << 20},
        "name": "selftest",
        "isolation": None,
    }
