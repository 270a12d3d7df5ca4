"""Values as texts of cells, as previews of datasets have them: ``ColumnSlice`` of the contract tells the rules.

A text is ``None`` where there is no value.
"""

import datetime
import decimal
import itertools
import math
import sys
from collections.abc import Iterable

from fenxi_kernel.inspection import digits, moments
from fenxi_kernel.inspection.brief import brief, type_name

# What stands for a value that is missing, where others stand beside it.
MISSING = "null"
_ELLIPSIS = "…"
# How deep a value is looked into: it may hold itself.
_LEVELS_MAX = 20
_UNIT_SECS = {"W": 7 * moments.DAY_SECS, "D": moments.DAY_SECS, "h": 3_600, "m": 60}
_BRACKETS = ((list, "[]"), (tuple, "()"), (dict, "{}"))
# Classes whose ``str`` is what people know them by: their ``repr`` names the class.
_BY_STR = (("pandas", "Interval"), ("pandas", "Period"), ("uuid", "UUID"))


def cut(text: str, chars: int) -> str:
    """The text, or its beginning, of which the last character is an ellipsis."""
    return text if len(text) <= chars else text[: chars - 1] + _ELLIPSIS


def text(value: object, chars: int, level: int = _LEVELS_MAX) -> str | None:
    """One value. One that cannot be shown is said to be one."""
    try:
        return _text(value, chars, level)
    except Exception:  # noqa: BLE001  it may be of the user's own kind
        return cut(f"<a value of {type_name(value)} that cannot be shown>", chars)


def joined(begin: str, parts: Iterable[str | None], end: str, chars: int) -> str:
    """Texts in brackets, no further than a cell goes."""
    shown, used = [], 0
    for part in parts:
        shown.append(MISSING if part is None else part)
        used += len(shown[-1]) + 2
        if used > chars + 2:
            break
    return cut(begin + ", ".join(shown) + end, chars)


def of_array(array, chars: int, level: int = _LEVELS_MAX) -> list[str | None]:
    """The texts of the elements of one of numpy's arrays, of one dimension."""
    numpy = sys.modules["numpy"]
    kind = array.dtype.kind
    if kind not in "mM":
        return [text(each, chars, level) for each in digits.narrowed(array.tolist(), array.dtype.name)]
    plain = numpy.ma.filled(array, array.dtype.type("NaT"))
    unit, count = numpy.datetime_data(plain.dtype)
    numbers, gone = plain.astype("int64").tolist(), numpy.isnat(plain).tolist()
    if count == 1 and unit in moments.PER_SEC:
        numbers = [None if gone[at] else number for at, number in enumerate(numbers)]
        return of_moments(numbers, unit, None) if kind == "M" else of_lengths(numbers, unit)
    if kind == "m" and unit in _UNIT_SECS:
        secs = count * _UNIT_SECS[unit]
        return of_lengths([None if gone[at] else number * secs for at, number in enumerate(numbers)], "s")
    if kind == "M":
        shown = numpy.datetime_as_string(plain).tolist()
    else:
        # Of no unit, or of one that is not always as long.
        shown = [str(each) for each in (numbers if unit == "generic" else plain)]
    return [None if gone[at] else each for at, each in enumerate(shown)]


def of_moments(numbers: list[int | None], unit: str, zone: datetime.tzinfo | None) -> list[str | None]:
    """Moments by their numbers. pandas has no days: those of a dataset are moments without a zone, in milliseconds, all of
    them at midnight."""
    day = moments.PER_SEC["ms"] * moments.DAY_SECS
    if unit == "ms" and zone is None and all(number is None or number % day == 0 for number in numbers):
        return [None if number is None else moments.day(number // day) for number in numbers]
    return [None if number is None else _safely(moments.moment, number, unit, zone) for number in numbers]


def of_lengths(numbers: list[int | None], unit: str) -> list[str | None]:
    """Lengths of time by their numbers."""
    return [None if number is None else moments.length(number, unit) for number in numbers]


def _safely(function, number, unit, zone) -> str:
    try:
        return function(number, unit, zone)
    except Exception:  # noqa: BLE001  a zone may be of the user's own kind
        return f"<a moment of a zone of {type_name(zone)} that cannot be shown>"


def _text(value, chars: int, level: int) -> str | None:
    # By its real class: __class__ may be a property.
    kind, pandas = type(value), sys.modules.get("pandas")
    if value is None or (pandas is not None and (value is pandas.NaT or value is pandas.NA)):
        return None
    if kind is str:
        return cut(value, chars)
    if kind is bool or _is_numpys(kind, "bool_"):
        return "true" if value else "false"
    if _is_numpys(kind, "datetime64", "timedelta64"):
        # The latter are whole numbers to numpy.
        return of_array(value.reshape(1), chars)[0]
    if issubclass(kind, int) or _is_numpys(kind, "integer"):
        return brief(int(value), chars)
    if issubclass(kind, float):
        return None if math.isnan(value) else digits.real(float(value))
    if _is_numpys(kind, "floating"):
        return None if math.isnan(value) else digits.real(value)
    if issubclass(kind, complex) and value != value:
        return None
    if issubclass(kind, decimal.Decimal):
        return None if value.is_nan() else cut(digits.decimal(value), chars)
    if kind is bytes or kind is bytearray:
        return cut(value[: chars // 2 + 1].hex(), chars)
    shown = _of_time(value, kind)
    if shown is not None:
        return shown
    if _is_known_by_str(kind):
        return cut(str(value), chars)
    return _nested(value, kind, chars, level)


def _of_time(value, kind: type) -> str | None:
    pandas = sys.modules.get("pandas")
    if pandas is not None and issubclass(kind, pandas.Timestamp):
        return moments.moment(int(value.asm8.astype("int64")), value.unit, value.tzinfo)
    if pandas is not None and issubclass(kind, pandas.Timedelta):
        return of_lengths([int(value.asm8.astype("int64"))], value.unit)[0]
    if issubclass(kind, datetime.datetime):
        return moments.local(value)
    if issubclass(kind, datetime.date):
        return moments.day(value.toordinal() - datetime.date(1970, 1, 1).toordinal())
    if issubclass(kind, datetime.time):
        secs = value.hour * 3_600 + value.minute * 60 + value.second
        return moments.clock(secs, value.microsecond * 1_000) + moments.offset_of(value)
    if issubclass(kind, datetime.timedelta):
        return moments.length(value // datetime.timedelta(microseconds=1), "us")
    return None


def _nested(value, kind: type, chars: int, level: int) -> str:
    """Lists and records, in which each value looks as it does alone. No more of them is looked at than is shown."""
    # By identity: the class of a class may say that it equals another.
    begin, end = next((brackets for each, brackets in _BRACKETS if kind is each), "[]")
    is_array = _is_ndarray(kind) and value.ndim > 0
    if not is_array and not any(kind is each for each, _ in _BRACKETS):
        return brief(value, chars)
    if level <= 0:
        return _ELLIPSIS
    if kind is dict:
        pairs = list(itertools.islice(value.items(), chars))
        parts = (f"{_part(key, chars, level)}: {_part(each, chars, level)}" for key, each in pairs)
    elif is_array and value.ndim == 1:
        parts = of_array(value[:chars], chars, level - 1)
    else:
        parts = (text(each, chars, level - 1) for each in value[:chars])
    return joined(begin, parts, end, chars)


def _part(value, chars: int, level: int) -> str:
    shown = text(value, chars, level - 1)
    return MISSING if shown is None else shown


def _is_ndarray(kind: type) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and kind is numpy.ndarray


def _is_numpys(kind: type, *names: str) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and issubclass(kind, tuple(getattr(numpy, name) for name in names))


def _is_known_by_str(kind: type) -> bool:
    loaded = ((sys.modules.get(library), name) for library, name in _BY_STR)
    return any(module is not None and kind is getattr(module, name, None) for module, name in loaded)
