"""What a copy of the server does to become a kernel, in its order. It never returns."""

import atexit
import contextlib
import gc
import json
import os
import socket
import sys
import threading
import time
import traceback
from typing import NoReturn

from fenxi_kernel import environment, foreign, standing
from fenxi_kernel.forkserver import confine, libraries, prebuild, title
from fenxi_kernel.forkserver.prepare import Prepared

_BODY_MAX_BYTES = 4 * 1024 * 1024


def run(prepared: Prepared, control: socket.socket, body: int, output: int, listener: int | None) -> NoReturn:
    """Becomes the kernel that the body describes, runs it to its end, and ends the process."""
    code = 1
    try:
        confine.signals()
        confine.stdio(prepared.null, output)
        control.close()
        app = become(prepared, _read(body), listener)
        app.start()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001  the process ends here, and its output is all that tells why
        tell()
    finally:
        _end(code)


def become(prepared: Prepared, order: dict, listener: int | None = None):
    """Everything up to the kernel's first message; gives the application, which is to be started. With a ``program`` in
    the order, the process becomes that instead."""
    os.umask(0o077)
    _environment(prepared, order)
    confine.die_with(prepared.service)
    confine.no_new_privileges()
    confine.limits(order["limits"])
    if listener is not None:
        from fenxi_kernel.isolation import network

        network.hand_out_listener(listener, order["proxy_port"])
    standing.step_back()
    # The server's sockets, and the folder of a cgroup: by an open folder a kernel could leave its own files.
    service = confine.close_others(prepared.service)
    if order.get("isolation") is not None:
        if prepared.isolation is None:
            raise RuntimeError("isolation is asked for, and this server has none")
        prepared.isolation.enter(order["isolation"])
        # A change of identity took back what the end of the service does.
        confine.die_with(service)
    # Modules are looked for in the working folder, too: what code has left there counts once the kernel is kept apart.
    os.chdir(order["work_dir"])
    confine.close_others()
    # Files are written from here on, as the user that the kernel is.
    file = order["connection_file"]
    if "program" in order:
        _write_private(file, json.dumps(order["connection"]).encode())
        # Comes back only where the program does not start.
        raise SystemExit(foreign.become(order["program"], order["env"]))
    environment.set_variables()
    _write_private(file, json.dumps(order["connection"]).encode())
    libraries.adopt(order["work_dir"], file)
    gc.enable()
    if prepared.app is not None:
        prebuild.complete(prepared.app, file)
        return prepared.app
    from fenxi_kernel.app import FenxiKernelApp

    app = FenxiKernelApp.instance(connection_file=file)
    app.initialize([])
    return app


def tell() -> None:
    """Writes the exception to the process's own output, past the stream that would send it to readers."""
    with contextlib.suppress(OSError):
        os.write(getattr(sys.stderr, "_original_stdstream_copy", 2), traceback.format_exc().encode("utf-8", "replace"))


def _read(body: int) -> dict:
    size = os.fstat(body).st_size
    if size > _BODY_MAX_BYTES:
        raise ValueError(f"the body has {size} bytes")
    return json.loads(os.pread(body, size, 0))


def _environment(prepared: Prepared, order: dict) -> None:
    """Makes the environment what is asked for, and what the libraries add to it."""
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    title.show(prepared.areas, order["name"], order["env"])
    for name, value in prepared.variables.items():
        os.environ.setdefault(name, value)


def _write_private(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content)


def _end(code: int) -> NoReturn:
    """Ends as an interpreter does, without its last step, which would touch every object of every library."""
    try:
        with contextlib.suppress(BaseException):
            threading._shutdown()
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            with contextlib.suppress(BaseException):
                stream.flush()
    finally:
        os._exit(code)
