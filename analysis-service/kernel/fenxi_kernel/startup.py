"""The startup files of a kernel's own profile, which it keeps over restarts: they run unless they ended the last start.
One that ends the process would otherwise end every start, and put the kernel's files out of reach."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable

# Is there while they run: who finds it knows that the last start did not come through them.
_MARK = ".running"


def run(folder: str, files_of: Callable[[], object]) -> None:
    """Runs the files of the folder by ``files_of``, or says that they are left out this once."""
    mark = os.path.join(folder, _MARK)
    files = sorted(_startup_files(folder))
    if not files:
        files_of()
        return
    if os.path.exists(mark):
        # Only this once: they may have been mended when it is started again.
        _remove(mark)
        _tell(f"The startup files are left out, because the last start did not come through them: {', '.join(files)}")
        return
    with contextlib.suppress(OSError), open(mark, "w", encoding="ascii"):
        pass
    try:
        files_of()
    finally:
        # Also when one raises: what ends the process leaves the mark.
        _remove(mark)


def _startup_files(folder: str) -> Iterable[str]:
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.endswith((".py", ".ipy")):
                yield name


def _remove(mark: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(mark)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
    # Whoever reads the kernel's log looks for why it is other than it was.
    copy = getattr(sys.stderr, "_original_stdstream_copy", None)
    if copy is not None:
        with contextlib.suppress(OSError):
            os.write(copy, f"{text}\n".encode("utf-8", "replace"))
