"""Errors that IPython only prints to stderr, told as errors like all others: groups of exceptions, which it cannot lay out,
and magics that are not there or are given what they do not take. Whoever reads a cell's output finds them by their kind."""

import re
import traceback

from IPython.core import interactiveshell
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

# How the standard library names the place of a frame.
_PLACE = re.compile(r'File "([^"]+)", line')


def tell_all(shell: InteractiveShell) -> None:
    """Has the shell send what it would have printed."""
    show = shell.showtraceback

    def show_whatever(exc_tuple=None, filename=None, tb_offset=None, exception_only=False, **options):
        try:
            kind, error, trace = shell._get_exc_info(exc_tuple)
        except ValueError:
            kind, error, trace = None, None, None
        if kind is None or exception_only or not has_group(error) or issubclass(kind, (SyntaxError, UsageError)):
            show(exc_tuple, filename, tb_offset, exception_only, **options)
            return
        shell._showtraceback(kind, error, _lines(shell, error, trace))
        if shell.call_pdb:
            shell.debugger(force=True)

    shell.showtraceback = show_whatever
    shell.show_usage_error = lambda error: shell._showtraceback(type(error), error, [f"UsageError: {error}"])


def has_group(error: BaseException | None) -> bool:
    """Whether it, or what it came after, is a group: IPython does not lay these out."""
    seen = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, BaseExceptionGroup):
            return True
        seen.add(id(error))
        error = error.__context__
    return False


def _lines(shell: InteractiveShell, error: BaseException, trace) -> list[str]:
    """As Python lays it out, with cells by their number, and from the cell on."""
    while trace is not None and trace.tb_frame.f_code.co_filename == interactiveshell.__file__:
        trace = trace.tb_next

    def name_cell(place: re.Match) -> str:
        name = shell.compile.format_code_name(place[1])
        return f"{' '.join(name)}, line" if name else place[0]

    told = "".join(traceback.format_exception(type(error), error, trace))
    return _PLACE.sub(name_cell, told).rstrip("\n").split("\n")
