"""Cells of a page look as those of a dataset's, and one that cannot be shown costs no other its text."""

import datetime
import decimal
import math
import sys
import unittest
import uuid

import numpy
import pandas
import pyarrow
from fenxi_kernel.inspection import tables

CHARS = 1_000


def cells(value, column=0):
    """The texts of one column, ``None`` where a value is missing."""
    found = tables.cells(value, column, 0, tables.shape(value)[0], CHARS)
    return [None if row in found.missing_rows else text for row, text in enumerate(found.values)]


def arrow(values, kind):
    return pandas.Series(pandas.array(pyarrow.array(values, kind), dtype=pandas.ArrowDtype(kind)))


class Odd:
    def __repr__(self):
        raise ValueError("it is odd")


class Cells(unittest.TestCase):
    def test_numbers_have_the_digits_of_their_type(self):
        for kind in ("float32", "float16", "Float32"):
            values = pandas.Series([0.1, None, -0.0], dtype=kind)
            self.assertEqual(cells(values), ["0.1", None, "-0.0"], kind)
            self.assertIn("[0.1, ", tables.summary(values))
        for kind in (pyarrow.float32(), pyarrow.float16()):
            column = pyarrow.array([0.1, None], pyarrow.float32()).cast(kind)
            self.assertEqual(cells(pyarrow.table({"a": column})), ["0.1", None])
            self.assertEqual(cells(pyarrow.record_batch({"a": column})), ["0.1", None])
        self.assertEqual(cells(arrow([0.1, None], pyarrow.float32())), ["0.1", None])
        self.assertEqual(cells(numpy.array([0.1], dtype="float32")), ["0.1"])
        self.assertEqual(cells(numpy.array([0.1], dtype=">f4")), ["0.1"])
        self.assertEqual(cells(numpy.ma.array([0.1, 2], mask=[0, 1], dtype="float32"))[0], "0.1")
        self.assertEqual(cells(numpy.array(["0.1"], dtype=numpy.longdouble)), ["0.1"])
        self.assertEqual(cells(pandas.Series([numpy.float32(0.1), 0.1], dtype=object)), ["0.1", "0.1"])
        self.assertEqual(cells(pandas.Series([0.1, 1e300])), ["0.1", "1e300"])
        self.assertEqual(cells(pandas.Series([1e-5, 65504.0], dtype="float16"))[1], "65504.0")
        labels = tables.labels(pandas.Series([1], index=pandas.Index([0.1], dtype="float32")), 0, 1, CHARS)
        self.assertEqual(labels[1].values, ["0.1"])

    def test_moments_of_a_day_have_their_nanoseconds(self):
        kind = pyarrow.time64("ns")
        expected = ["00:00:00.000001001", None]
        self.assertEqual(cells(pyarrow.table({"t": pyarrow.array([1001, None], kind)})), expected)
        self.assertEqual(cells(arrow([1001, None], kind)), expected)
        self.assertEqual(cells(pandas.DataFrame({"t": arrow([1001, None], kind)})), expected)

    def test_what_cannot_be_shown_costs_no_other_cell_its_text(self):
        huge = pandas.Series([math.factorial(3000), 1, [math.factorial(3000)], Odd(), "x"], dtype=object)
        bits = math.factorial(3000).bit_length()
        odd = f"<a value of {__name__}.Odd that cannot be shown>"
        self.assertEqual(cells(huge), [f"<an int of {bits} bits>", "1", f"[<an int of {bits} bits>]", odd, "x"])
        far = pyarrow.array([2**30, 0, None], pyarrow.int32()).cast(pyarrow.date32())
        shown = cells(pyarrow.table({"d": far}))
        self.assertEqual(shown, ["+2941775-04-07", "1970-01-01", None])

    def test_every_index_and_array_has_cells(self):
        levels = pandas.MultiIndex.from_tuples([("a", 1), ("b", 2)])
        self.assertEqual(cells(levels), ["a / 1", "b / 2"])
        self.assertEqual(cells(pandas.DataFrame({"v": [1, 2]}, index=levels)), ["1", "2"])
        self.assertEqual(cells(numpy.array([1, "NaT"], dtype="timedelta64")), ["1", None])
        self.assertEqual(cells(numpy.array([1], dtype="timedelta64[s]")), ["00:00:01"])
        self.assertEqual(cells(numpy.array([[1, 2], [3, 4]]).view(numpy.matrix), 1), ["2", "4"])
        self.assertEqual(cells(pandas.DataFrame({"d": [datetime.date(2024, 1, 2)]})), ["2024-01-02"])

    def test_values_that_people_know_by_another_text_have_it(self):
        self.assertEqual(cells(pandas.cut(pandas.Series([1, 5, 9]), [0, 5, 9]))[0], "(0, 5]")
        self.assertEqual(cells(pandas.Series(pandas.period_range("2024-01", periods=1, freq="M"))), ["2024-01"])
        self.assertEqual(cells(pandas.Series([uuid.UUID(int=1)])), ["00000000-0000-0000-0000-000000000001"])
        counted = pandas.Series([1], index=pandas.interval_range(0, 1))
        self.assertEqual(tables.labels(counted, 0, 1, CHARS)[1].values, ["(0, 1]"])

    def test_values_of_pythons_own_look_as_those_of_a_dataset(self):
        zone = datetime.timezone(datetime.timedelta(hours=8))
        me = []
        me.append(me)
        for value, shown in (
            (datetime.datetime(2024, 1, 2), "2024-01-02T00:00:00"), (datetime.time(1, 2, 3, 4_000), "01:02:03.004"),
            (datetime.datetime(2024, 1, 2, 3, 4, 5, 600_000, zone), "2024-01-02T03:04:05.600+08:00"),
            (pandas.Timestamp("2024-07-01 12:00", tz="Europe/Paris"), "2024-07-01T12:00:00+02:00"),
            (datetime.timedelta(hours=-30), "-30:00:00"), (pandas.Timedelta("5 days 00:00:01"), "5 days 00:00:01"),
            (numpy.datetime64("2024-01"), "2024-01"), (numpy.timedelta64(90, "m"), "01:30:00"),
            (decimal.Decimal("1E+3"), "1000"), (decimal.Decimal("1E+3000"), "1E+3000"), (b"\x00\xff", "00ff"),
            ([1, None, float("nan"), "a", True], "[1, null, null, a, true]"), ({"a": {"b": (1, "x")}}, "{a: {b: (1, x)}}"),
            (numpy.array([[1, 2], [3, 4]]), "[[1, 2], [3, 4]]"), (me, "[" * 20 + "…" + "]" * 20),
            (list(range(1_000)), f"[{', '.join(map(str, range(1_000)))}"[:999] + "…"), ({1, 2}, "{1, 2}"),
        ):  # fmt: skip
            column = pandas.Series([None, None], dtype=object)
            column.array[0] = value
            self.assertEqual(cells(column), [shown, None])

    def test_days_of_a_dataset_are_days(self):
        days = pandas.Series(pandas.to_datetime(["2024-01-02", None])).astype("datetime64[ms]")
        self.assertEqual(cells(days), ["2024-01-02", None])
        self.assertEqual(cells(days.astype("datetime64[us]")), ["2024-01-02T00:00:00", None])
        self.assertEqual(cells(days + pandas.Timedelta("1s")), ["2024-01-02T00:00:01", None])

    def test_categories_have_the_kind_of_their_values(self):
        moments = pandas.Series(pandas.to_datetime(["2024-01-02", None, "2024-01-02"]).tz_localize("Asia/Shanghai"))
        shown = "2024-01-02T00:00:00+08:00"
        self.assertEqual(cells(moments.astype("category")), [shown, None, shown])
        self.assertEqual(cells(pandas.Series([0.1, None], dtype="float32").astype("category")), ["0.1", None])

    def test_a_zone_of_the_users_own_costs_no_other_cell_its_text(self):
        class Zone(datetime.tzinfo):
            def utcoffset(self, moment):
                raise ValueError("it is nowhere")

        shown = cells(pandas.Series([datetime.datetime(2024, 1, 2, tzinfo=Zone()), "x"], dtype=object))
        self.assertEqual(shown, ["<a value of datetime.datetime that cannot be shown>", "x"])

    def test_without_pandas(self):
        kept = sys.modules.pop("pandas")
        try:
            self.assertEqual(cells(numpy.array([0.1, numpy.nan], dtype="float32")), ["0.1", None])
        finally:
            sys.modules["pandas"] = kept


if __name__ == "__main__":
    unittest.main()
