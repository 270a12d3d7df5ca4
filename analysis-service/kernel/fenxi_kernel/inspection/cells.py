"""Cells as texts: as previews of datasets have them.

A cell that cannot be shown is said to be one. It costs no other its text.
"""

import datetime
import decimal
import sys
from typing import NamedTuple

from fenxi_kernel.inspection.brief import brief, cut, type_name

# Floating-point numbers of few digits, by their type in numpy, pandas and pyarrow. As Python's they would have the digits
# of a longer one.
_NARROW = {
    "float16": "float16", "float32": "float32", "Float32": "float32", "halffloat[pyarrow]": "float16",
    "float[pyarrow]": "float32", "halffloat": "float16", "float": "float32",
}  # fmt: skip
# Classes whose ``str`` is what people know them by: their ``repr`` names the class.
_BY_STR = (("pandas", "Interval"), ("pandas", "Period"), ("uuid", "UUID"))


class Cells(NamedTuple):
    """Texts, and the numbers of those rows that have no value."""

    values: list[str]
    missing_rows: list[int]


def elements(part) -> list:
    """The elements of a part of a Series, an Index or an array."""
    return _narrowed(part.tolist(), getattr(part.dtype, "name", ""))


def of(part, chars: int) -> Cells:
    """Cells of a part of a Series, an Index or an array."""
    if hasattr(part.dtype, "pyarrow_dtype"):
        types = sys.modules["pyarrow"].types
        if types.is_time(part.dtype.pyarrow_dtype):
            return of_arrow(part.array.__arrow_array__(), chars)
    pandas, kind = sys.modules.get("pandas"), part.dtype.kind
    if kind in "mM" and type(part.dtype).__module__ == "numpy.dtypes" and _has_no_unit(part.dtype):
        # A number of nobody knows what.
        return rendered(part.tolist(), sys.modules["numpy"].isnat(part).tolist(), chars)
    # By place: a Series answers to its labels.
    gone = pandas.isna(part) if pandas is not None else part != part
    # Not tolist() for numpy's moments and spans: it gives plain numbers.
    values = list(pandas.Series(part)) if pandas is not None and kind in "mM" else elements(part)
    return rendered(values, gone.tolist(), chars)


def of_arrow(part, chars: int) -> Cells:
    """Cells of a part of a column of Arrow's."""
    pyarrow = sys.modules["pyarrow"]
    if pyarrow.types.is_time(part.type):
        # Python's moments of a day have no nanoseconds.
        return rendered(part.cast(pyarrow.string()).to_pylist(), None, chars)
    try:
        values = part.to_pylist()
    except (ValueError, OverflowError):
        values = [_of_scalar(scalar, pyarrow) for scalar in part]
    return rendered(_narrowed(values, str(part.type)), None, chars)


def rendered(values, gone, chars: int) -> Cells:
    """Texts of values, of which those in ``gone`` are none."""
    texts, missing = [], []
    for row, value in enumerate(values):
        if value is None or (gone is not None and gone[row] is True):
            missing.append(row)
            texts.append("")
        else:
            texts.append(_text(value, chars))
    return Cells(texts, missing)


def _narrowed(values: list, kind: str) -> list:
    narrow, numpy = _NARROW.get(kind), sys.modules.get("numpy")
    if narrow is None or numpy is None:
        return values
    make = getattr(numpy, narrow)
    return [make(each) if type(each) is float else each for each in values]


def _has_no_unit(dtype) -> bool:
    return sys.modules["numpy"].datetime_data(dtype)[0] == "generic"


def _of_scalar(scalar, pyarrow):
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        # Beyond what Python's dates can hold.
        return scalar.cast(pyarrow.string()).as_py()


def _text(value, chars: int) -> str:
    try:
        return _cell(value, chars)
    except Exception:  # noqa: BLE001  it may be of the user's own kind
        return cut(f"<a value of {type_name(value)} that cannot be shown>", chars)


def _cell(value, chars: int) -> str:
    """Numbers in full precision, dates in ISO 8601, bytes in hexadecimal."""
    if type(value) is str:
        return cut(value, chars)
    # By its real class: __class__ may be a property.
    kind = type(value)
    if kind is bool or _is_numpys(kind, "bool_"):
        return "true" if value else "false"
    if issubclass(kind, int) or _is_numpys(kind, "integer"):
        return brief(int(value), chars)
    if issubclass(kind, float):
        return repr(float(value))
    if issubclass(kind, decimal.Decimal):
        return cut(str(value), chars)
    if issubclass(kind, datetime.date | datetime.time):
        return value.isoformat()
    if issubclass(kind, datetime.timedelta):
        # pandas writes ISO 8601 of its own kind of spans only.
        return value.isoformat() if hasattr(value, "isoformat") else str(value)
    if kind is bytes:
        return cut(value[:chars].hex(), chars)
    if _is_known_by_str(kind):
        return cut(str(value), chars)
    return brief(value, chars)


def _is_numpys(kind: type, *names: str) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and issubclass(kind, tuple(getattr(numpy, name) for name in names))


def _is_known_by_str(kind: type) -> bool:
    loaded = ((sys.modules.get(library), name) for library, name in _BY_STR)
    known = any(module is not None and kind is getattr(module, name, None) for module, name in loaded)
    return known or _is_numpys(kind, "float16", "float32", "longdouble")
