"""One step tried in a process of its own, which ends with it."""

import os
import select
import signal
from collections.abc import Callable

from fenxi_kernel.isolation import linux

WAIT_SECS = 10
_REASON_MAX_BYTES = 4000


def trial(step: Callable[[], object], flags: int = 0) -> str | None:
    """Runs ``step`` in a forked child, in new namespaces by ``flags``: ``None`` if it succeeds, else why not."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        pid = linux.fork(flags)
    except OSError as error:
        os.close(reader)
        os.close(writer)
        return linux.describe(error)
    if pid == 0:
        _child(step, writer)
    os.close(writer)
    try:
        return _outcome(pid, reader)
    finally:
        os.close(reader)


def _child(step: Callable[[], object], writer: int) -> None:
    code = 1
    try:
        step()
        code = 0
    except BaseException as error:
        os.write(writer, linux.describe(error).encode()[:_REASON_MAX_BYTES] or b"failed")
    finally:
        os._exit(code)


def _outcome(pid: int, reader: int) -> str | None:
    ready, _, _ = select.select([reader], [], [], WAIT_SECS)
    if not ready:
        os.kill(pid, signal.SIGKILL)
    # It has ended or is about to: it closes its end of the pipe by that only.
    reason = os.read(reader, _REASON_MAX_BYTES).decode(errors="replace") if ready else f"no end within {WAIT_SECS} s"
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code < 0 and ready:
        return f"ended by signal {-code}"
    return reason or (f"ended with code {code}" if code else None)
