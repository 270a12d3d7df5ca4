"""One table of all kinds of columns, with the values that are hard to show. ``table`` is it, ``arrow`` the same in pandas with
Arrow's own types."""

import datetime
import decimal

import pandas as pd
import pyarrow as pa

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
DAY = 86_400
REALS = [
    float("nan"), float("inf"), -float("inf"), -0.0, 0.0, 1e20, 1e16, 1e15, 16777216.0, 123456789.0, 0.1, 0.3, 1.0, 1e-4,
    1e-5, 1e-7, None,
]  # fmt: skip
# Numbers that no time of a column of days has.
SECS = [0, 1, -1, DAY, -DAY, 3_600, 19_000 * DAY + 1, None, 100 * 3_600 - 1, 100 * 3_600, 5 * DAY, -5 * DAY - 1, -90]
ZONES = [None, "UTC", "Asia/Shanghai", "America/New_York", "Europe/London", "+05:30", "-08:00"]
TEXTS = ["", "a", None, '北京\n"q"', "x" * 1_000, "x" * 1_001, "NaN", " "]
BYTES = [b"", b"\x00\xff", None, b"x" * 500, b"x" * 501, b"x" * 9_999]
DECIMALS = ["0.00", "-1.50", "1000000.00", "0.01", None]


def numbers():
    yield "double", pa.array(REALS, pa.float64())
    yield "smallest", pa.array([5e-324, 1.7976931348623157e308, 123456789012345680.0], pa.float64())
    yield "float", pa.array(REALS, pa.float32())
    yield "narrowest", pa.array([1e-45, 3.4028234663852886e38, 0.30000001192092896], pa.float32())
    yield "bool", pa.array([True, False, None])
    yield "small", pa.array([-128, None, 127], pa.int8())
    yield "large", pa.array([2**64 - 1, None, 0], pa.uint64())
    yield "whole", pa.array([-(2**63), 2**63 - 1, 0], pa.int64())
    for kind in (pa.decimal32(9, 2), pa.decimal64(18, 2), pa.decimal128(30, 2), pa.decimal256(50, 2)):
        yield str(kind), pa.array([None if each is None else decimal.Decimal(each) for each in DECIMALS], kind)
    yield "fine", pa.array([decimal.Decimal("0"), decimal.Decimal("1E-10")], pa.decimal128(20, 10))
    yield "coarse", pa.array([decimal.Decimal("0"), decimal.Decimal("1500")], pa.decimal128(10, -2))


def times():
    for unit, per_sec in UNITS.items():
        counts = [None if secs is None else secs * per_sec for secs in SECS]
        counts += [per_sec // 2, 1, -1, 123_456_789 % per_sec]
        for zone in ZONES:
            yield f"moment {unit} {zone}", pa.array(counts, pa.int64()).cast(pa.timestamp(unit, zone))
        yield f"length {unit}", pa.array(counts, pa.int64()).cast(pa.duration(unit))
        clocks = pa.array([0, 1, DAY * per_sec - 1, 3_600 * per_sec, per_sec * 3 // 2, None], pa.int64())
        kind = pa.time32(unit) if per_sec <= 1_000 else pa.time64(unit)
        yield f"time {unit}", clocks.cast(pa.int32()).cast(kind) if per_sec <= 1_000 else clocks.cast(kind)
    far = [253_402_300_800, -62_135_596_801, -99_999_999_999, 4_102_444_800, -5_000_000_000, 9_999_999_999_999]
    for zone in ZONES[:5]:
        yield f"far {zone}", pa.array(far, pa.int64()).cast(pa.timestamp("s", zone))
    yield "day", pa.array([0, -1, 19_000, None, 2_932_897, -719_529, 2**30], pa.int32()).cast(pa.date32())
    yield "day in ms", pa.array([0, -DAY * 1_000, None], pa.int64()).cast(pa.date64())


def others():
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        yield str(kind), pa.array(TEXTS, kind)
    for kind in (pa.binary(), pa.large_binary(), pa.binary_view()):
        yield str(kind), pa.array(BYTES, kind)
    yield "pairs of bytes", pa.array([b"ab", None, b"\x00\x01"], pa.binary(2))
    for name, values in (
        ("texts", pa.array(TEXTS)), ("wholes", pa.array([1, None, 1])), ("reals", pa.array(REALS, pa.float32())),
        ("moments", pa.array([0, None, 1]).cast(pa.timestamp("ns", "Asia/Shanghai"))),
    ):  # fmt: skip
        yield f"dictionary of {name}", values.dictionary_encode()
    yield "nothing", pa.nulls(1)


def nested():
    day, clock = datetime.date(2024, 1, 2), datetime.time(1, 2, 3, 4_000)
    for values, kind in (
        ([1, None, -3], pa.int64()), (["a", None, "", "it's", '"x"', "北\n京"], pa.string()), (REALS, pa.float64()),
        (REALS, pa.float32()), ([True, None], pa.bool_()), ([b"\x00a", None, b""], pa.binary()),
        ([day, None], pa.date32()), ([clock, None], pa.time64("us")), ([decimal.Decimal("1.50"), None], pa.decimal128(9, 2)),
        ([[1, None], None, []], pa.list_(pa.int64())), ([{"a": 1}, None], pa.struct([("a", pa.int64())])),
        ([[[[[[1]]]]]], pa.list_(pa.list_(pa.list_(pa.list_(pa.list_(pa.int64())))))),
    ):  # fmt: skip
        yield f"list of {kind}", pa.array([values, [], None], pa.list_(kind))
    for kind in (pa.timestamp("ns"), pa.timestamp("us", "Asia/Shanghai"), pa.timestamp("s", "+05:30"), pa.duration("us")):
        yield f"list of {kind}", pa.array([[1, None, DAY + 1]], pa.list_(pa.int64())).cast(pa.list_(kind))
    yield "large list", pa.array([[1, 2], None], pa.large_list(pa.int64()))
    yield "pair", pa.array([[1, 2], None], pa.list_(pa.int64(), 2))
    yield "long list", pa.array([list(range(1_000))], pa.list_(pa.int64()))
    yield "list of a long text", pa.array([["x" * 998], ["x" * 999]], pa.list_(pa.string()))
    yield "record", pa.array([{"a": 1, "b": "x"}, {"a": None, "b": None}, None, {"a": 2, "b": "q'"}])
    # Not of short reals: pandas has Python's in a record.
    inner = pa.struct([("x", pa.float64()), ("l", pa.list_(pa.int64())), ("d", pa.date32()), ("z", pa.duration("ms"))])
    record = {"t": 0, "n": {"x": 0.1, "l": [1, None], "d": day, "z": datetime.timedelta(milliseconds=-1)}}
    yield "records", pa.array([record], pa.struct([("t", pa.timestamp("us", "UTC")), ("n", inner)]))
    yield "map", pa.array([[("k", 1), ("j", None), ("k", 2)], None, []], pa.map_(pa.string(), pa.int64()))
    yield "nothing in it", pa.array([{}, None], pa.struct([]))


def whole():
    columns = dict(column for part in (numbers, times, others, nested) for column in part())
    rows = max(map(len, columns.values()))
    return pa.table({
        name: pa.concat_arrays([column, pa.nulls(rows - len(column), column.type)]) for name, column in columns.items()
    })  # fmt: skip


table = whole()
arrow = table.to_pandas(types_mapper=pd.ArrowDtype)
