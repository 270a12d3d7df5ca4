"""Tracebacks through libraries at the price of the functions they go through, and not of whole files.

IPython has stack_data parse the whole file of each frame and keep its tree for ever: for a file of pandas that takes
0.3 s and 25 MB, of which one function is shown. Here it is given that function alone, at its place in a file that is
empty otherwise but for the classes around it, whose names are shown.
"""

import ast
import contextlib
import inspect
import re
import threading
from collections.abc import Sequence
from types import CodeType, TracebackType

# Shorter files, cells among them, are parsed as ever.
_LONG_LINES = 200
_EMPTY = "\n"
_INDENT = re.compile(r"[ \t]*")
# What code has no name of its own for.
_NAMELESS = (ast.Lambda, ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)

_asked = threading.local()


def install(module) -> None:
    """Has stack_data do so. Called when ``stack_data.core`` has been imported."""
    source = module.Source
    try:
        executing, for_lines = source.executing.__func__, source._for_filename_and_lines.__func__
    except AttributeError:
        # Another version: as it is.
        return

    def what_executes(cls, frame_or_tb):
        traceback = isinstance(frame_or_tb, TracebackType)
        frame = frame_or_tb.tb_frame if traceback else frame_or_tb
        _asked.place = frame.f_code, frame_or_tb.tb_lineno if traceback else frame.f_lineno
        try:
            return executing(cls, frame_or_tb)
        finally:
            _asked.place = None

    def for_as_few_lines(cls, filename, lines):
        place = getattr(_asked, "place", None)
        if place is not None and len(lines) >= _LONG_LINES:
            # Whatever is wrong with the text: it can be parsed whole.
            with contextlib.suppress(Exception):
                few = function_alone(place[0], lines)
                if few is not None and _shows(found := for_lines(cls, filename, few), *place):
                    return found
        return for_lines(cls, filename, lines)

    source.executing = classmethod(what_executes)
    source._for_filename_and_lines = classmethod(for_as_few_lines)


def function_alone(code: CodeType, lines: Sequence[str]) -> tuple[str, ...] | None:
    """The lines up to the end of the outermost function around the code, empty but for it and its classes' names. None
    where it is not found for certain."""
    outermost, nested, _ = code.co_qualname.partition(".<locals>")
    *classes, name = outermost.split(".")
    if not nested and (name.startswith("<") or not code.co_flags & inspect.CO_NEWLOCALS):
        # Of a module or a class.
        return None
    begin = code.co_firstlineno - 1
    if nested:
        begin = _definition(lines, begin, rf"(async[ \t]+)?def[ \t]+{re.escape(name)}\b")
    if begin is None or begin >= len(lines) or (nested and _may_be_decorated(lines, begin)):
        return None
    block = inspect.getblock(lines[begin:])
    few = [_EMPTY] * begin + [*block]
    return tuple(few) if _name_classes(few, lines, begin, classes) else None


def _name_classes(few: list[str], lines: Sequence[str], begin: int, classes: list[str]) -> bool:
    """Puts the classes around a function to their places, without their bases and bodies; says whether all are found."""
    place, indent = begin, _indent(lines[begin])
    for name in reversed(classes):
        place = _definition(lines, place, rf"class[ \t]+{re.escape(name)}\b", len(indent) - 1)
        if place is None:
            return False
        indent = _indent(lines[place])
        few[place] = f"{indent}class {name}:\n"
    if indent:
        # It is defined under a condition, in a line above.
        few[place - 1] = "if 1:\n"
    return not indent or place > 0


def _definition(lines: Sequence[str], below: int, pattern: str, indent_max: int = 1000) -> int | None:
    """The nearest line above one that begins so."""
    begins = re.compile(rf"([ \t]*){pattern}")
    for place in range(below - 1, -1, -1):
        begun = begins.match(lines[place])
        if begun and len(begun[1]) <= indent_max:
            return place
    return None


def _may_be_decorated(lines: Sequence[str], place: int) -> bool:
    """Whether the line above belongs to the definition, or may do so."""
    return place > 0 and lines[place - 1].lstrip()[:1] in {"@", ")", "]", "}", "#", '"', "'"}


def _shows(source, code: CodeType, line: int | None) -> bool:
    """Whether a source has what is shown of the code when it is at the line: from the body of its function nothing else,
    but where that is only entered what lies around it, too."""
    if source.tree is None or line is None:
        return False
    node = source.tree.body[0]
    while isinstance(node, ast.If | ast.ClassDef):
        node = node.body[0]
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    body = node.body[0]
    if not body.lineno <= line <= node.end_lineno or source.lines[body.lineno - 1][: body.col_offset].strip():
        return False
    begin = code.co_firstlineno
    if code.co_name.startswith("<"):
        return any(isinstance(node, _NAMELESS) and node.lineno == begin for node in source._nodes_by_line[begin])
    return source._qualnames.get((code.co_name, begin)) == code.co_qualname


def _indent(line: str) -> str:
    return _INDENT.match(line).group()
