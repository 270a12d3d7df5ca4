"""The variables that code made, in short."""

import gc
import sys
import threading
import types
from collections import deque
from collections.abc import Callable

from fenxi_kernel.inspection import tables
from fenxi_kernel.inspection.asked import Asked, watch
from fenxi_kernel.inspection.brief import CALLABLES, brief, type_name
from fenxi_kernel.inspection.budget import Budget, TooSlow
from fenxi_kernel.inspection.looks import LIBRARY_CONTAINERS
from fenxi_kernel.inspection.reasons import reason

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
_PLAIN = (str, bytes, bytearray, int, float, complex, bool, range, types.NoneType)
_TABLES = ("TABLE", "ARRAY")
_HELD = "it has not come to its end"
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


class Listing:
    """The variables of one answer. They are filled in bit by bit, and may be sent at any moment.

    One worker at a time fills them in: where code of a value holds its thread, another goes on behind that value. A class
    whose ``__repr__`` was too slow is not asked again."""

    def __init__(self, shell, slow: dict[int, type]):
        self.answer = {}
        self._asked = Asked(slow)
        self._shell = shell
        self._names: deque | None = None
        # Values that cannot be slow, and others, with what is told of them.
        self._plain, self._others = deque(), deque()
        self._columns_left = _ALL_COLUMNS_MAX
        self._entry: dict | None = None
        self._worker: Budget | None = None
        self._lock = threading.Lock()

    def fill(self, budget: Budget) -> bool:
        """Goes on: first with what is known without the user's code, then with the short texts. Says whether it has come to
        the end, and no other has this worker's place."""
        self._worker = budget
        watch(self._asked)
        if self._names is None:
            found = names(self._shell)
            self._names = deque(found[:_COUNT_MAX])
            self.answer |= {"variables": [], "more": len(found) > _COUNT_MAX}
        for todo, do in (
            (self._names, self._add), (self._plain, self._summarize), (self._others, self._summarize),
        ):  # fmt: skip
            while todo and self._worker is budget:
                do(todo.popleft(), budget)
        return self._worker is budget

    def leave_out(self) -> type | None:
        """Takes the value that a worker is held by for one that is too slow, and the worker's place from it. Gives the
        class whose code holds it, if it is known."""
        with self._lock:
            self._worker = None
            if self._entry is not None and "summary" not in self._entry:
                self._entry |= {"summary_error": _HELD}
                if "row_count" not in self._entry and "shape" not in self._entry and self._entry["kind"] in _TABLES:
                    self._entry["kind"] = "VALUE"
            return self._asked.was_slow()

    def _add(self, name: str, budget: Budget) -> None:
        # The cell that runs may have deleted it.
        value = self._shell.user_ns.get(name, self)
        if value is self:
            return
        entry = {"name": name, "type": type_name(value), "kind": kind_of(value), "summary_error": _TIME_UP}
        self._entry = entry
        self.answer["variables"].append(entry)
        try:
            facts = _facts(value, entry["kind"], min(_COLUMNS_MAX, self._columns_left), budget)
        except TooSlow as error:
            self._note(entry, budget, {"kind": "VALUE", "summary_error": reason(error)})
            return
        except Exception as error:  # noqa: BLE001  a class of the user's own may do anything
            facts = {"kind": "VALUE", "summary_error": reason(error)}
        self._columns_left -= len(facts.get("columns", ()))
        if self._note(entry, budget, facts):
            (self._plain if _is_plain(value) else self._others).append((entry, value))

    def _summarize(self, todo: tuple[dict, object], budget: Budget) -> None:
        self._entry, value = todo
        summary, error = _summary(value, budget, self._asked)
        self._note(self._entry, budget, {"summary_error": error} if error else {"summary": summary})

    def _note(self, entry: dict, budget: Budget, facts: dict) -> bool:
        """Puts them into an entry, unless another has this worker's place."""
        with self._lock:
            if self._worker is not budget:
                return False
            entry |= facts
            if "summary" in facts:
                del entry["summary_error"]
            return True


def _is_plain(value: object) -> bool:
    """Whether its text is no matter of anybody's code, nor of what it holds."""
    return _is_one_of(value, _PLAIN) or tables.is_plain(value)


def _facts(value: object, kind: str, columns_max: int, budget: Budget) -> dict:
    if kind in _TABLES:
        return _step(budget, _FACTS_SECS, _table_facts, value, kind, columns_max)
    facts = {}
    if _is_one_of(value, _SIZED):
        facts["length"] = len(value)
    if _is_one_of(value, _WEIGHED):
        facts["size_bytes"] = sys.getsizeof(value)
    return facts


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


def _summary(value: object, budget: Budget, asked: Asked) -> tuple[str, str]:
    """A short text, or why there is none."""
    asked.end()
    try:
        return " ".join(_step(budget, _SUMMARY_SECS, brief, value, _SUMMARY_MAX_CHARS).split()), ""
    except TooSlow as error:
        asked.was_slow()
        return "", reason(error)
    except Exception as error:  # noqa: BLE001  a __repr__ may raise anything
        return "", reason(error)
