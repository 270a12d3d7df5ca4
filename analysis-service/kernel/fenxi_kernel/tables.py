"""Tables from the service's columnar files: an Arrow IPC file, mapped, as a pandas DataFrame.

The values are exactly as uploaded: whole numbers with gaps stay whole (``Int64``), dates are ``datetime64``, text is
``str``. The frame may be assigned to. Columns of plain numbers are not read but mapped, private to this process: the
pages that code writes are copied by the operating system, the others are shared by every kernel that has the table.
"""

import mmap
from collections.abc import MutableMapping

import numpy as np
import pandas as pd
import pyarrow as pa

_NULLABLE = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


def load_table(path: str) -> pd.DataFrame:
    """The table in the Arrow IPC file at ``path``."""
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    base = pa.py_buffer(mapped)
    table = pa.ipc.open_file(base).read_all()
    columns = {number: _column(column, mapped, base) for number, column in enumerate(table.columns)}
    # By number first: a table may have two columns of one name.
    frame = pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), copy=False)
    frame.columns = table.column_names
    return frame


def bind(namespace: MutableMapping[str, object], name: str, path: str) -> None:
    """Loads the table at ``path`` under the variable ``name``."""
    namespace[name] = load_table(path)


def _column(column: pa.ChunkedArray, mapped: mmap.mmap, base: pa.Buffer):
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _column(column.cast(kind.value_type), mapped, base)
    if column.null_count:
        return _with_gaps(column)
    if column.num_chunks == 1:
        array = _mapped(column.chunk(0), mapped, base)
        if array is not None:
            return array
    return _writable(column)


def _mapped(array: pa.Array, mapped: mmap.mmap, base: pa.Buffer):
    """The column where it lies in the file, or ``None`` if pandas has another form for it."""
    kind = array.type
    if pa.types.is_timestamp(kind) and kind.tz is None:
        dtype = np.dtype("int64")
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        dtype = np.dtype(kind.to_pandas_dtype())
    else:
        return None
    data = array.buffers()[1]
    start = data.address - base.address if data is not None else -1
    if not 0 <= start <= base.size - data.size or len(array) == 0:
        # Decompressed into memory, so not in the file.
        return None
    start += array.offset * dtype.itemsize
    values = np.frombuffer(mapped, dtype, len(array), start)
    return values.view(f"datetime64[{kind.unit}]") if pa.types.is_timestamp(kind) else values


def _with_gaps(column: pa.ChunkedArray):
    nullable = _NULLABLE.get(column.type)
    if nullable is not None:
        return nullable.__from_arrow__(column)
    return _writable(column)


def _writable(column: pa.ChunkedArray):
    """pandas' own conversion; numbers are copied, because those that it maps cannot be assigned to."""
    try:
        # Whole numbers within lists and records, too: beside a gap they would become floats.
        series = column.to_pandas(date_as_object=False, integer_object_nulls=True)
    except pa.ArrowInvalid:
        # A value that Python's own types have not, such as a time of day with nanoseconds.
        return pd.array(column, dtype=pd.ArrowDtype(column.type))
    if isinstance(series.dtype, np.dtype) and not series.to_numpy().flags.writeable:
        series = series.copy()
    return series.array
