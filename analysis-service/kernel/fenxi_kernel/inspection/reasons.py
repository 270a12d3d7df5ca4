"""Exceptions in a line."""

import types

from fenxi_kernel.inspection.brief import type_name
from fenxi_kernel.inspection.looks import maker

_MAX_CHARS = 200
# What the text of an exception may be made of, and how long each may be if there are several.
_PLAIN = (str, bytes, int, float, bool, types.NoneType)
_PART_MAX_CHARS = 10_000
_OF_OS_ERRORS = [OSError.__dict__[name] for name in ("errno", "strerror", "filename", "filename2")]


def reason(error: BaseException) -> str:
    """An exception in a line. It is asked outside of any time, so nothing of it is that could be the user's code: only the
    text of a plain one is taken, whose arguments are plain themselves."""
    kind = type_name(error)
    text = _own_text(error)
    return kind if text is None else brief_line(kind.removeprefix("fenxi_kernel.inspection.budget."), text)


def _own_text(error: BaseException) -> str | None:
    writer, arguments = maker(type(error), "__str__"), BaseException.args.__get__(error)
    parts = arguments
    if writer is OSError:
        parts = (*arguments, *(member.__get__(error) for member in _OF_OS_ERRORS))
    elif writer is not BaseException and writer is not KeyError:
        return None
    if not all(any(type(part) is plain for plain in _PLAIN) for part in parts):
        return None
    if writer is BaseException and len(arguments) == 1 and type(arguments[0]) is str:
        return arguments[0]
    if any(type(part) in (str, bytes) and len(part) > _PART_MAX_CHARS for part in parts):
        return None
    try:
        return writer.__str__(error)
    except ValueError:
        # A whole number of too many digits.
        return None


def brief_line(kind: str, text: str) -> str:
    """A class and a text in one short line."""
    if kind == "TooSlow":
        return text[:_MAX_CHARS]
    return f"{kind}: {' '.join(text[:_MAX_CHARS].split())}"[:_MAX_CHARS]
