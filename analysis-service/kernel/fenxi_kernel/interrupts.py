"""Interrupts of a cell that awaits. ipykernel only has such a cell cancelled at its next await: a loop or a long call after
the first await would never see it, and the service ends a kernel that no interrupt ends, with all its variables.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from fenxi_kernel import output_thread, stream
from IPython.core.interactiveshell import InteractiveShell

_RUN_CODE = InteractiveShell.run_code.__code__
# No code of a cell's runs below these: what lies there says nothing of the cell, and shows folders of the server.
_BELOW_CELLS = frozenset((__file__, stream.__file__, output_thread.__file__))


@contextlib.contextmanager
def heeded(cell: asyncio.Future, shell: InteractiveShell) -> Iterator[None]:
    """Has SIGINT end the task of a cell of this shell: it raises in code that runs, and cancels what waits."""
    loop = asyncio.get_running_loop()
    owner = asyncio.current_task(loop)
    namespace, run_code = shell.user_global_ns, shell.run_code
    between = False
    wake(loop)

    def heed(_number: int, frame: FrameType | None) -> None:
        nonlocal between
        if any(inner.f_code in around for inner in _outward(frame)):
            # The cell itself runs, and not only something that it has started. IPython catches it around the cell;
            # anywhere else it would go through the loop and end the kernel.
            raise KeyboardInterrupt
        if asyncio.current_task(loop) not in (cell, owner) and _is_in(frame, namespace):
            # Another task or a callback of the cell's: this ends it alone. Those that have not begun must not, and the
            # loop would come to them first.
            cell.cancel()
            raise asyncio.CancelledError
        if asyncio.current_task(loop) is cell:
            between = True
        else:
            loop.call_soon_threadsafe(cell.cancel)

    async def run_unless_interrupted(*args, **kwargs):
        # IPython runs a cell statement by statement: one that came between two of them ends it before the next.
        if between:
            raise KeyboardInterrupt
        return await run_code(*args, **kwargs)

    around = (_RUN_CODE, run_unless_interrupted.__code__)
    before = signal.signal(signal.SIGINT, heed)
    shell.run_code = run_unless_interrupted
    try:
        yield
    finally:
        del shell.run_code
        signal.signal(signal.SIGINT, before)


def end_tracebacks_in_cells(shell: InteractiveShell) -> None:
    """Has tracebacks end where code was interrupted or printed, and not in the handler here or in the stream."""
    show = shell.showtraceback

    def show_those_of_the_code(exc_tuple=None, *args, **kwargs):
        error = sys.exc_info()[1] if exc_tuple is None else exc_tuple[1]
        _end_in_cell(error)
        show(exc_tuple, *args, **kwargs)

    shell.showtraceback = show_those_of_the_code


def _end_in_cell(error: BaseException | None) -> None:
    entry = error.__traceback__ if error is not None else None
    while entry is not None and entry.tb_next is not None:
        if entry.tb_next.tb_frame.f_code.co_filename in _BELOW_CELLS:
            entry.tb_next = None
        entry = entry.tb_next


def wake(loop: asyncio.AbstractEventLoop) -> None:
    """Has signals wake the loop, which otherwise sees some of them with the next message only. A cell can undo it:
    ``loop.remove_signal_handler`` does."""
    signal.set_wakeup_fd(loop._csock.fileno(), warn_on_full_buffer=False)


def _is_in(frame: FrameType | None, namespace: dict) -> bool:
    return any(inner.f_globals is namespace for inner in _outward(frame))


def _outward(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
