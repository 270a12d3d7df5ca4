"""What may stand at the cursor, by IPython's own completer."""

import contextlib
import re
import threading
import types

from fenxi_kernel.inspection import imports, names
from fenxi_kernel.inspection.budget import Budget, TooSlow
from IPython.core import completer

_COUNT_MAX = 200
_TEXT_MAX_CHARS = 1_000
_DOTTED_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*\Z")
# IPython's words in ours; those that it uses for anything are looked up instead.
_TYPES = {"magic": "magic", "path": "path", "param": "parameter", "dict key": "key", "unicode": "", "latex": ""}

# Its warnings are about itself. To hide them as it asks for, the filters of the whole process would be replaced for as long
# as a completion takes; a cell that replaces them meanwhile, as libraries do all the time, would leave them so.
completer.warnings = types.SimpleNamespace(
    warn=lambda *_, **__: None, filterwarnings=lambda *_, **__: None, catch_warnings=contextlib.nullcontext
)
imports.install()

# The completer keeps what it is working on in itself.
_completer = threading.Lock()


def complete(shell, code: str, cursor: int, budget: Budget) -> dict:
    """Completions, and the range that they replace."""
    cursor = min(cursor, len(code))
    if not _completer.acquire(timeout=max(0.0, budget.rest())):
        raise TooSlow("another completion does not come to its end")
    try:
        found = list(completer.rectify_completions(code, shell.Completer.completions(code, cursor)))
    finally:
        _completer.release()
    start, end = (found[0].start, found[0].end) if found else (cursor, cursor)
    # Attributes come with their dot, which stands there already.
    dots = int(bool(found) and code[start : start + 1] == "." and all(each.text.startswith(".") for each in found))
    start += dots
    owner = _owner(shell, code[:start])
    shown = [
        {"text": text, "type": _type(shell, owner, text, each.type)}
        for each in found[:_COUNT_MAX]
        if len(text := each.text[dots:]) <= _TEXT_MAX_CHARS
    ]
    return {"completions": shown, "replace_start": start, "replace_end": end, "more": len(found) > _COUNT_MAX}


def _owner(shell, before: str) -> object:
    """The object whose attributes are completed; ``None`` for names, ``...`` if it is not known."""
    if not before.endswith("."):
        return None
    name = _DOTTED_NAME.search(before[:-1])
    try:
        return names.resolve(shell, name.group()) if name else ...
    except names.NotFound:
        return ...


def _type(shell, owner: object, text: str, type_of_ipython: str) -> str:
    known = _TYPES.get(type_of_ipython)
    if known is not None:
        return known
    return "" if owner is ... else names.kind_of_name(shell, owner, text)
