"""Tables from the service's columnar files: an Arrow IPC file, mapped, as a pandas DataFrame.

The values are exactly as uploaded: whole numbers with gaps stay whole (``Int64``), dates are ``datetime64``, text is
``str``. The frame may be assigned to. Columns of plain numbers are not read but mapped, private to this process: the
pages that code writes are copied by the operating system, the others are shared by every kernel that has the table.
"""

import datetime
import mmap
from collections.abc import Callable, MutableMapping

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
        if _is_changed_by_pandas(column.type):
            return _as_objects([cell for chunk in column.chunks for cell in _cells(chunk)])
        series = _to_pandas(column)
    except (ValueError, OverflowError, NotImplementedError):
        # A value that Python's own types have not, such as a time of day with nanoseconds.
        return pd.array(column, dtype=pd.ArrowDtype(column.type))
    if isinstance(series.dtype, np.dtype) and not series.to_numpy().flags.writeable:
        series = series.copy()
    return series.array


def _to_pandas(values: pa.Array | pa.ChunkedArray) -> pd.Series:
    # Whole numbers within lists and records, too: beside a gap they would become floats.
    return values.to_pandas(date_as_object=False, integer_object_nulls=True)


def _is_changed_by_pandas(kind: pa.DataType, *, in_record: bool = False, in_list: bool = False) -> bool:
    """Whether pandas gives other values than there are: of times in records it makes bare numbers, or refuses the table;
    from those in lists it takes the zone; of two fields of one name it drops one."""
    types = pa.types
    if types.is_timestamp(kind):
        return in_record or (in_list and kind.tz is not None)
    if types.is_date(kind) or types.is_duration(kind):
        return in_record
    if types.is_dictionary(kind):
        return _is_changed_by_pandas(kind.value_type, in_record=in_record, in_list=in_list)
    if types.is_struct(kind):
        fields = [kind.field(number) for number in range(kind.num_fields)]
        twice = len({field.name for field in fields}) < len(fields)
        return twice or any(_is_changed_by_pandas(field.type, in_record=True) for field in fields)
    if types.is_map(kind):
        return any(_is_changed_by_pandas(part, in_record=True) for part in (kind.key_type, kind.item_type))
    return _is_list(kind) and _is_changed_by_pandas(kind.value_type, in_list=True)


def _is_list(kind: pa.DataType) -> bool:
    types = pa.types
    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)


def _cells(array: pa.Array) -> list:
    """The values exactly: records are dicts, lists are arrays, times are pandas' own, which have all digits and years."""
    kind, types = array.type, pa.types
    if types.is_dictionary(kind):
        return _cells(array.dictionary_decode())
    if types.is_timestamp(kind) or types.is_duration(kind):
        moments = [None if moment is pd.NaT else moment for moment in _to_pandas(array).astype(object)]
        if not types.is_timestamp(kind) or kind.tz is None:
            return moments
        # No zone is known so far out: a moment there could not even be shown. It is in UTC.
        return [moment.tz_convert(None) if _is_far(moment) else moment for moment in moments]
    if types.is_date(kind):
        days = [None if day is pd.NaT else day for day in _to_pandas(array).astype(object)]
        return [day if day is None or _is_far(day) else day.date() for day in days]
    if types.is_time64(kind):
        # Refused where nanoseconds would be lost.
        return array.cast(pa.time64("us")).to_pylist()
    if types.is_struct(kind):
        return _records(array)
    if types.is_map(kind):
        return _slices(array, list(zip(_cells(array.keys), _cells(array.items), strict=True)), list)
    if _is_list(kind):
        if not _is_changed_by_pandas(kind):
            return list(_to_pandas(array))
        if types.is_fixed_size_list(kind):
            array = array.cast(pa.list_(kind.value_type))
        return _slices(array, _cells(array.values), _as_objects)
    return array.to_pylist()


def _is_far(moment: pd.Timestamp | None) -> bool:
    """Whether it is in a year that Python's own types have not."""
    return moment is not None and not datetime.MINYEAR <= moment.year <= datetime.MAXYEAR


def _records(array: pa.StructArray) -> list:
    names = [array.type.field(number).name for number in range(array.type.num_fields)]
    # As of a map, where a name is there twice.
    make = dict if len(set(names)) == len(names) else list
    columns = [_cells(child) for child in array.flatten()]
    rows = zip(*columns, strict=True) if columns else [()] * len(array)
    valid = array.is_valid().to_pylist()
    return [make(zip(names, row, strict=True)) if there else None for there, row in zip(valid, rows, strict=True)]


def _slices(array: pa.Array, values: list, make: Callable[[list], object]) -> list:
    """The parts of the values that the offsets of a list or a map give to each cell."""
    places = array.offsets.to_pylist()
    valid = array.is_valid().to_pylist()
    return [
        make(values[start:end]) if there else None
        for there, start, end in zip(valid, places, places[1:], strict=False)
    ]


def _as_objects(values: list) -> np.ndarray:
    # One by one: numpy would make a table of lists of equal lengths.
    array = np.empty(len(values), dtype=object)
    for number, value in enumerate(values):
        array[number] = value
    return array
