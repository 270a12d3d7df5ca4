"""Values as short text. However large or deep a value is, only its beginning is looked at."""

import types

from fenxi_kernel.inspection.asked import text_of
from fenxi_kernel.inspection.looks import UNKNOWN, Key, Look, look, maker

# Longer names of classes are cut.
_TYPE_MAX_CHARS = 200
# Whole numbers of more bits are not written out: that takes long.
_INT_MAX_BITS = 4_000
# A container whose text is longer has an element a line.
_LINE_MAX_CHARS = 80
_ELLIPSIS = "..."
# How deep into a value a listing looks.
_LISTING_LEVEL = 4
# What is written out whole is cut before it is written.
_PLAIN = (str, bytes, bytearray)

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
    found = look(value, items)
    if found is None:
        return brief(value, chars, items, _LISTING_LEVEL)
    parts = _parts(found, chars, items, _LISTING_LEVEL)
    one_line = found.begin + ", ".join(parts) + found.end
    if len(one_line) <= _LINE_MAX_CHARS or not found.begin:
        return cut(one_line, chars)
    return cut(f"{found.begin}\n " + ",\n ".join(parts) + f"\n{found.end}", chars)


def _text(value, chars, items, level):
    if value is UNKNOWN:
        return _ELLIPSIS
    writer = maker(type(value))
    for plain in _PLAIN:
        if writer is plain:
            head = plain.__getitem__(value, slice(0, chars))
            return repr(head) + (_ELLIPSIS if plain.__len__(value) > chars else "")
    if writer is int and int.bit_length(value) > _INT_MAX_BITS:
        return f"<an int of {int.bit_length(value)} bits>"
    found = look(value, items)
    if found is not None:
        end = found.end if level > 0 else found.end.removeprefix(",")
        return found.begin + ", ".join(_parts(found, chars, items, level)) + end
    shown = _table(value)
    return text_of(value, type_name(value)) if shown is None else shown


def _parts(found: Look, chars: int, items: int, level: int) -> list[str]:
    """The texts of what a value is made of, until there are enough of them."""
    if level <= 0:
        return [_ELLIPSIS] if found.length else []
    parts, used = [], 0
    for head, element in found.elements:
        part = _text(element, chars, items, level - 1)
        if type(head) is Key:
            part = f"{_text(head.value, chars, items, level - 1)}: {part}"
        elif head is not None:
            part = head + part
        parts.append(part)
        used += len(part) + 2
        if used > chars:
            break
    if found.length > len(parts):
        parts.append(_ELLIPSIS)
    return parts


def _table(value) -> str | None:
    """What stands for a table or an array, whose own text may be as long as the user's settings say."""
    from fenxi_kernel.inspection import tables

    return tables.summary(value)
