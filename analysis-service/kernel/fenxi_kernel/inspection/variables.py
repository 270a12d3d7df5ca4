"""The variables that code made, in short."""

import gc
import sys
import types
from collections import deque
from collections.abc import Callable

from fenxi_kernel.inspection import tables
from fenxi_kernel.inspection.brief import CALLABLES, brief, type_name
from fenxi_kernel.inspection.budget import Budget, TooSlow
from fenxi_kernel.inspection.looks import LIBRARY_CONTAINERS, maker

_COUNT_MAX = 500
_COLUMNS_MAX = 50
_ALL_COLUMNS_MAX = 2_000
_NAME_MAX_CHARS = 200
_SUMMARY_MAX_CHARS = 200
# A value's own code may take so long for its short text.
_SUMMARY_SECS = 0.2
# Reading the sizes of a table, whose class may be the user's own kind of it.
_FACTS_SECS = 1.0

_SIZED = (str, bytes, bytearray, list, tuple, dict, set, frozenset, range, deque, *LIBRARY_CONTAINERS)
_WEIGHED = (str, bytes, bytearray, int, float, complex, bool)
# What the text of an exception may be made of, and how long each may be if there are several.
_PLAIN = (str, bytes, int, float, bool, types.NoneType)
_PART_MAX_CHARS = 10_000
_OF_OS_ERRORS = [OSError.__dict__[name] for name in ("errno", "strerror", "filename", "filename2")]
_TIME_UP = "the time of the answer was up"


def names(shell) -> list[str]:
    """Names of variables, sorted."""
    hidden, nothing = shell.user_ns_hidden, object()
    found = []
    # A copy, because a cell may add to it meanwhile.
    for name, value in shell.user_ns.copy().items():
        if type(name) is not str or name.startswith("_") or len(name) > _NAME_MAX_CHARS:
            continue
        if hidden.get(name, nothing) is not value and not issubclass(type(value), types.ModuleType):
            found.append(name)
    return sorted(found)


def fill(answer: dict, shell, budget: Budget) -> None:
    """Puts the variables into the answer: first what is known without the user's code, then the short texts. It may be
    sent at any moment between."""
    found = names(shell)
    answer["more"] = len(found) > _COUNT_MAX
    values, entries, columns_left = [], [], _ALL_COLUMNS_MAX
    for name in found[:_COUNT_MAX]:
        # The cell that runs may have deleted it.
        if name in shell.user_ns:
            value = shell.user_ns[name]
            entry = _facts(name, value, min(_COLUMNS_MAX, columns_left), budget)
            columns_left -= len(entry.get("columns", ()))
            values.append(value)
            entries.append(entry)
    answer["variables"] = entries
    for entry, value in zip(entries, values, strict=True):
        summary, error = _summary(value, budget)
        if error:
            entry["summary_error"] = error
        else:
            entry["summary"] = summary
            del entry["summary_error"]


def _facts(name: str, value: object, columns_max: int, budget: Budget) -> dict:
    entry = {"name": name, "type": type_name(value), "kind": kind_of(value), "summary_error": _TIME_UP}
    if entry["kind"] in ("TABLE", "ARRAY"):
        try:
            entry |= _step(budget, _FACTS_SECS, _table_facts, value, entry["kind"], columns_max)
        except Exception as error:  # noqa: BLE001  a class of the user's own may do anything
            entry["kind"] = "VALUE"
            entry["summary_error"] = reason(error)
        return entry
    if _is_one_of(value, _SIZED):
        entry["length"] = len(value)
    if _is_one_of(value, _WEIGHED):
        entry["size_bytes"] = sys.getsizeof(value)
    return entry


def _step(budget: Budget, secs: float, function: Callable, *arguments):
    """A step, and once more if the interpreter collected the garbage of the whole kernel in it: that takes as long as the
    kernel is large, and is no fault of the value's."""
    collected = gc.get_stats()[-1]["collections"]
    try:
        return budget.step(secs, function, *arguments)
    except TooSlow:
        if gc.get_stats()[-1]["collections"] == collected:
            raise
    return budget.step(secs, function, *arguments)


def _is_one_of(value: object, kinds) -> bool:
    # By identity: the class of a class of the user's may say that it equals another.
    return any(type(value) is kind for kind in kinds)


def _table_facts(value, kind, columns_max) -> dict:
    shape = tables.shape(value)
    facts = {"size_bytes": tables.size_bytes(value)}
    if kind == "TABLE":
        columns = tables.columns(value, 0, columns_max)
        return facts | {
            "row_count": shape[0], "column_count": shape[1], "columns": [column._asdict() for column in columns]
        }  # fmt: skip
    return facts | {"shape": shape, "dtype": tables.dtype(value)}


def kind_of(value: object) -> str:
    """What a client shows of it."""
    kind = tables.kind_of(value)
    if kind is not None:
        return kind
    return "CALLABLE" if issubclass(type(value), CALLABLES) else "VALUE"


def _summary(value: object, budget: Budget) -> tuple[str, str]:
    """A short text, or why there is none."""
    try:
        return " ".join(_step(budget, _SUMMARY_SECS, brief, value, _SUMMARY_MAX_CHARS).split()), ""
    except Exception as error:  # noqa: BLE001  a __repr__ may raise anything
        return "", reason(error)


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
    if not all(_is_one_of(part, _PLAIN) for part in parts):
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
        return text[:_SUMMARY_MAX_CHARS]
    return f"{kind}: {' '.join(text[:_SUMMARY_MAX_CHARS].split())}"[:_SUMMARY_MAX_CHARS]
