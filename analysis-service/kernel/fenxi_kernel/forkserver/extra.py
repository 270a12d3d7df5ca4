"""The modules that an environment names to be loaded beside the usual ones: checked, and tried in a copy first.

A module whose import starts a thread, or ends the process, would end the server. So each is imported in a copy that is
thrown away, and in the server only if the copy is well. What is left out is said, by name and with the reason.
"""

import importlib
import os
import re
import select
import signal
import sys
from collections.abc import Iterable
from typing import NoReturn

from fenxi_kernel.forkserver import preload

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_NAME_MAX_CHARS = 200
_MODULES_MAX = 64
_TRIAL_MAX_SECS = 60
_REASON_MAX_BYTES = 300

# These start threads or open a device, when they are imported or first used. A copy has neither and would wait for
# ever, so their import is not even tried.
_UNSAFE = {
    "cudf": "CUDA does not live through a fork",
    "cupy": "CUDA does not live through a fork",
    "jax": "it has threads of its own",
    "polars": "it has threads of its own",
    "pyspark": "it has a Java machine beside it",
    "ray": "it has threads of its own",
    "tensorflow": "it has threads of its own",
    "torch": "it has threads of its own",
}


def load(wanted: Iterable[str]) -> None:
    """Imports what can be imported, and says what is left out. Called once the usual libraries are loaded."""
    for number, name in enumerate(wanted):
        reason = "there are too many" if number >= _MODULES_MAX else _load(name)
        if reason is not None:
            preload.left_out(name[:_NAME_MAX_CHARS], reason)


def _load(name: str) -> str | None:
    """Imports one; gives the reason why not."""
    if not _NAME.fullmatch(name) or len(name) > _NAME_MAX_CHARS:
        return "it is no module's name"
    unsafe = _UNSAFE.get(name.partition(".")[0])
    if unsafe is not None:
        return f"it cannot be loaded before a fork: {unsafe}"
    if name in sys.modules:
        return None
    reason = _trial(name)
    if reason is None:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001  it passed its trial and breaks now
            reason = preload.described(error)
    return reason


def _trial(name: str) -> str | None:
    """Imports it in a copy, which is thrown away; gives the reason why it must not be imported here."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _try(name, writer)
    os.close(writer)
    pidfd = os.pidfd_open(pid)
    ended, _, _ = select.select([pidfd], [], [], _TRIAL_MAX_SECS)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    os.close(pidfd)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    # Bounded, and not to the end of the file: what the module started may hold it open.
    os.set_blocking(reader, False)
    try:
        said = os.read(reader, _REASON_MAX_BYTES).decode("utf-8", "replace")
    except BlockingIOError:
        said = ""
    os.close(reader)
    if not ended:
        return f"its import takes more than {_TRIAL_MAX_SECS} s"
    if status == 0:
        return None
    return said or f"its import ends the process ({status})"


def _try(name: str, writer: int) -> NoReturn:
    code = 1
    try:
        importlib.import_module(name)
        preload.assert_one_thread()
        code = 0
    except BaseException as error:  # noqa: BLE001  whatever it is, the module is left out
        os.write(writer, preload.described(error).encode("utf-8", "replace")[:_REASON_MAX_BYTES])
    finally:
        os._exit(code)
