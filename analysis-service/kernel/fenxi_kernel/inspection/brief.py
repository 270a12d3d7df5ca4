"""Values as short text. However large or deep a value is, only its beginning is looked at."""

import collections
import itertools
import types

# Longer names of classes are cut.
_TYPE_MAX_CHARS = 200
# Whole numbers of more bits are not written out: that takes long.
_INT_MAX_BITS = 4_000
# A container whose text is longer has an element a line.
_LINE_MAX_CHARS = 80
_ELLIPSIS = "..."

LIBRARY_CONTAINERS = (collections.OrderedDict, collections.defaultdict, collections.Counter)
_BRACKETS = {
    list: ("[", "]"), tuple: ("(", ")"), dict: ("{", "}"), set: ("{", "}"), frozenset: ("frozenset({", "})"),
    collections.deque: ("deque([", "])"),
}  # fmt: skip

_mro = type.__dict__["__mro__"].__get__
_dict = type.__dict__["__dict__"].__get__
_module = type.__dict__["__module__"].__get__
_qualname = type.__dict__["__qualname__"].__get__

CALLABLES = (
    types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.MethodDescriptorType,
    types.WrapperDescriptorType, types.MethodWrapperType, types.ClassMethodDescriptorType, type,
)  # fmt: skip


def type_name(value: object) -> str:
    """The name of a value's class, without asking the class, which might be the user's."""
    kind = type(value)
    try:
        module, name = _module(kind), _qualname(kind)
    except AttributeError:
        module, name = "", "?"
    full = name if module == "builtins" or not isinstance(module, str) else f"{module}.{name}"
    return full[:_TYPE_MAX_CHARS]


def cut(text: str, chars: int) -> str:
    """The text, or its beginning with dots."""
    return text if len(text) <= chars else text[: max(0, chars - len(_ELLIPSIS))] + _ELLIPSIS


def brief(value: object, chars: int = 200, items: int = 10, level: int = 3) -> str:
    """A value in at most ``chars`` characters. May call the ``__repr__`` of the user's classes."""
    return cut(_text(value, chars, items, level), chars)


def listing(value: object, chars: int, items: int) -> str:
    """As ``brief``; a container with an element a line, and a text as it is."""
    if type(value) is str:
        return cut(value, chars)
    base = _container(type(value))
    if base is None:
        return brief(value, chars, items, 4)
    begin, parts, end = _parts(value, base, chars, items, 4)
    one_line = begin + ", ".join(parts) + end
    if len(one_line) <= _LINE_MAX_CHARS:
        return one_line
    return cut(f"{begin}\n " + ",\n ".join(parts) + f"\n{end}", chars)


def _text(value, chars, items, level):
    kind = type(value)
    if kind is str or kind is bytes or kind is bytearray:
        return repr(value[:chars]) + (_ELLIPSIS if len(value) > chars else "")
    if kind is int and value.bit_length() > _INT_MAX_BITS:
        return f"<an int of {value.bit_length()} bits>"
    base = _container(kind)
    if base is not None:
        begin, parts, end = _parts(value, base, chars, items, level)
        return begin + ", ".join(parts) + end
    shown = _table(value)
    return repr(value) if shown is None else shown


def _container(kind: type) -> type | None:
    """Which of Python's containers a class is, if it looks like one: its own ``__repr__`` would write out all of it, and
    let nothing else run meanwhile."""
    if kind in _BRACKETS:
        return kind
    for base in _BRACKETS:
        if issubclass(kind, base):
            own = next((each for each in _mro(kind) if "__repr__" in _dict(each)), None)
            return base if own in (base, *LIBRARY_CONTAINERS) else None
    return None


def _parts(value, base, chars, items, level):
    """The beginning of a container: its brackets, and some elements. Asks the container itself, not a class of the user's
    that is derived from it."""
    kind, length = type(value), base.__len__(value)
    begin, end = _BRACKETS[base]
    if kind is not base:
        begin, end = f"{_qualname(kind)}({begin}", f"{end})"
    if length == 0:
        return ("set(", [], ")") if kind is set else (begin, [], end)
    if level <= 0:
        return begin, [_ELLIPSIS], end
    parts, used = [], 0
    for element in itertools.islice(dict.items(value) if base is dict else base.__iter__(value), items):
        if base is dict:
            part = f"{_text(element[0], chars, items, level - 1)}: {_text(element[1], chars, items, level - 1)}"
        else:
            part = _text(element, chars, items, level - 1)
        parts.append(part)
        used += len(part) + 2
        if used > chars:
            break
    if length > len(parts):
        parts.append(_ELLIPSIS)
    elif base is tuple and length == 1:
        end = "," + end
    return begin, parts, end


def _table(value) -> str | None:
    """What stands for a table or an array, whose own text may be as long as the user's settings say."""
    from fenxi_kernel.inspection import tables

    return tables.summary(value)
