"""Tables and arrays as their libraries have them: rows, columns, types, and the cells of a page.

Only the page is taken out of a table, by slices, which copy nothing else. A library that is not loaded is not looked for.
"""

import sys
from typing import NamedTuple

from fenxi_kernel.inspection import texts
from fenxi_kernel.inspection.brief import brief, cut, type_name
from fenxi_kernel.inspection.cells import Cells, elements, of, of_arrow, rendered

_LIBRARIES = ("pandas.", "numpy.", "pyarrow.")
_LABEL_MAX_CHARS = 200
_DTYPE_MAX_CHARS = 100
# pandas weighs a table column by column, each in some 20 us.
_WEIGHED_COLUMNS_MAX = 500
# Elements at each end of an array that stand for it.
_EDGE_ITEMS = 3
_BY_KIND = {
    "i": "INTEGER", "u": "INTEGER", "f": "FLOAT", "b": "BOOLEAN", "M": "DATETIME", "m": "DURATION", "S": "BINARY",
    "V": "NESTED",
}  # fmt: skip


class Column(NamedTuple):
    """A column's label, and its type in the words of its library and in ours."""

    name: str
    dtype: str
    type: str


def kind_of(value: object) -> str | None:
    """``TABLE``, ``ARRAY`` or ``None``."""
    if _is(value, "pandas", "DataFrame") or _is(value, "pyarrow", "Table", "RecordBatch"):
        return "TABLE"
    if _is(value, "pandas", "Series", "Index") or _is(value, "numpy", "ndarray"):
        return "ARRAY"
    return None


def _is(value, library, *names) -> bool:
    module = sys.modules.get(library)
    if module is None:
        return False
    classes = tuple(found for name in names if isinstance(found := getattr(module, name, None), type))
    # By its real class: __class__ may be a property.
    return issubclass(type(value), classes)


def shape(value) -> list[int]:
    """The length in each dimension."""
    if _is(value, "pyarrow", "Table", "RecordBatch"):
        return [value.num_rows, value.num_columns]
    return [int(length) for length in value.shape]


def dtype(value) -> str:
    """The type of an array's elements."""
    return cut(str(value.dtype), _DTYPE_MAX_CHARS)


def size_bytes(value) -> int | None:
    """What it holds itself, without the objects that it refers to; ``None`` where that takes long to find out."""
    if _is(value, "pandas", "DataFrame"):
        if value.shape[1] > _WEIGHED_COLUMNS_MAX:
            return None
        return int(value.memory_usage(index=True, deep=False).sum())
    if _is(value, "pandas", "Series"):
        return int(value.memory_usage(index=True, deep=False))
    if _is(value, "pandas", "Index"):
        return int(value.memory_usage(deep=False))
    return int(value.nbytes)


def summary(value) -> str | None:
    """A table or an array in short; ``None`` for anything else."""
    kind = kind_of(value)
    if kind is None:
        return None
    lengths = shape(value)
    if kind == "TABLE":
        return f"{lengths[0]:,} rows x {lengths[1]:,} columns"
    numpy = sys.modules["numpy"]
    if type(value) is numpy.ndarray and value.dtype.kind != "O":
        text = numpy.array2string(value, threshold=2 * _EDGE_ITEMS, edgeitems=_EDGE_ITEMS, separator=", ")
        return " ".join(text.split())
    if len(lengths) != 1:
        return f"{dtype(value)}, {' x '.join(f'{length:,}' for length in lengths)}"
    head = [_item(item) for item in elements(value[: 2 * _EDGE_ITEMS])]
    return "[" + ", ".join(head) + (", ...]" if lengths[0] > len(head) else "]")


def _item(item) -> str:
    numpy = sys.modules["numpy"]
    # Its own text names its type, which is told beside it.
    return str(item) if type(item) in (numpy.float16, numpy.float32) else brief(item, 40)


def is_plain(value) -> bool:
    """Whether it is summed up without any code but its library's, and without its elements' own."""
    kind = kind_of(value)
    if kind is None or not type_name(value).startswith(_LIBRARIES):
        return False
    return kind == "TABLE" or getattr(value.dtype, "kind", "O") != "O"


def columns(value, start: int, count: int) -> list[Column]:
    """The labels and types of some columns."""
    if _is(value, "pandas", "DataFrame"):
        labels, kinds = value.columns[start : start + count], value.dtypes.iloc[start : start + count]
        return [_column(label, kind) for label, kind in zip(labels, kinds, strict=True)]
    if _is(value, "pyarrow", "Table", "RecordBatch"):
        fields = [value.schema.field(at) for at in range(start, min(start + count, value.num_columns))]
        return [
            Column(_label(field.name), cut(str(field.type), _DTYPE_MAX_CHARS), _arrow(field.type)) for field in fields
        ]
    if value.ndim == 1:
        return [_column(getattr(value, "name", None), value.dtype)][start : start + count]
    return [_column(at, value.dtype) for at in range(start, min(start + count, value.shape[1]))]


def cells(value, column: int, start: int, count: int, chars: int) -> Cells:
    """One column of a page."""
    stop = start + count
    if _is(value, "pandas", "DataFrame"):
        part = value.iloc[start:stop, column]
    elif _is(value, "pandas", "Series"):
        part = value.iloc[start:stop]
    elif _is(value, "pyarrow", "Table", "RecordBatch"):
        return of_arrow(value.column(column).slice(start, count), chars)
    elif value.ndim == 2:
        # A part of a matrix is a matrix.
        part = (sys.modules["numpy"].asarray(value) if _is(value, "numpy", "matrix") else value)[start:stop, column]
    else:
        part = value[start:stop]
    if _is(part, "pandas", "MultiIndex"):
        return _levels(part, chars)
    return of(part, chars)


def _levels(index, chars: int) -> Cells:
    return rendered([cut(" / ".join(_level(each, chars) for each in label), chars) for label in index])


def _level(value, chars: int) -> str:
    shown = texts.text(value, chars)
    return texts.MISSING if shown is None else shown


def labels(value, start: int, count: int, chars: int) -> tuple[Column, Cells] | None:
    """The labels of rows, where they are more than numbers."""
    if not _is(value, "pandas", "DataFrame", "Series"):
        return None
    pandas, index = sys.modules["pandas"], value.index
    if type(index) is pandas.RangeIndex and index.start == 0 and index.step == 1:
        return None
    part = index[start : start + count]
    if isinstance(part, pandas.MultiIndex):
        name = cut(" / ".join(map(str, index.names)), _LABEL_MAX_CHARS)
        return Column(name, "object", "TEXT"), _levels(part, chars)
    return _column(index.name, index.dtype), of(part, chars)


def _column(label, kind) -> Column:
    return Column(_label(label), cut(str(kind), _DTYPE_MAX_CHARS), _type(kind))


def _label(label) -> str:
    if label is None:
        return ""
    return cut(label, _LABEL_MAX_CHARS) if type(label) is str else brief(label, _LABEL_MAX_CHARS)


def _type(kind) -> str:
    categories = getattr(kind, "categories", None)
    if categories is not None:
        return _type(categories.dtype)
    arrow = getattr(kind, "pyarrow_dtype", None)
    if arrow is not None:
        return _arrow(arrow)
    return _BY_KIND.get(getattr(kind, "kind", "O"), "TEXT")


def _arrow(kind) -> str:
    types = sys.modules["pyarrow"].types
    for name, tests in (
        ("INTEGER", (types.is_integer,)), ("FLOAT", (types.is_floating,)), ("BOOLEAN", (types.is_boolean,)),
        ("DATE", (types.is_date,)), ("DATETIME", (types.is_timestamp,)), ("TIME", (types.is_time,)),
        ("DURATION", (types.is_duration,)), ("DECIMAL", (types.is_decimal,)), ("NESTED", (types.is_nested,)),
        ("BINARY", (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)),
    ):  # fmt: skip
        if any(test(kind) for test in tests):
            return name
    return "TEXT"
