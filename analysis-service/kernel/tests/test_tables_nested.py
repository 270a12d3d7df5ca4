"""Values within lists, records and maps arrive as they were uploaded; one odd cell never costs the whole table."""

import datetime
import os
import sys
import tempfile
import unittest
import zoneinfo

import numpy as np
import pandas as pd
import pyarrow as pa

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from fenxi_kernel.tables import load_table  # noqa: E402

NANO = 1_704_067_200_000_000_123
SHANGHAI = zoneinfo.ZoneInfo("Asia/Shanghai")
# Milliseconds and days in a year that Python's own types have not.
FAR_MS, FAR_DAYS = 10**16, 10**7


class Nested(unittest.TestCase):
    def load(self, values, kind, chunk=None):
        """The column as a frame has it."""
        table = pa.table({"x": pa.array(values, kind) if kind is not None else values})
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "table.arrow")
            with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table, max_chunksize=chunk)
            frame = load_table(path)
        self.assertEqual(len(frame), len(values))
        # Whatever is in it, it can be shown and taken apart.
        self.assertIn("x", repr(frame))
        return frame["x"].tolist()

    def record(self, value, kind):
        """What becomes of a value in a record, beside a gap."""
        whole, empty, gap = self.load([{"a": value}, {"a": None}, None], pa.struct([("a", kind)]))
        self.assertEqual((empty, gap), ({"a": None}, None))
        return whole["a"]

    def test_times_in_records_are_times_with_all_digits(self):
        self.assertEqual(self.record(NANO, pa.timestamp("ns")), pd.Timestamp(NANO))
        zoned = self.record(NANO, pa.timestamp("ns", "Asia/Shanghai"))
        self.assertEqual(zoned.isoformat(), "2024-01-01T08:00:00.000000123+08:00")
        moment = datetime.datetime(2024, 2, 29, 12, 30)
        self.assertEqual(self.record(moment, pa.timestamp("us")), moment)
        self.assertEqual(self.record(1500, pa.duration("ns")), pd.Timedelta(1500))
        self.assertEqual(self.record(1500, pa.duration("us")), datetime.timedelta(microseconds=1500))
        day = self.record(datetime.date(2024, 2, 29), pa.date32())
        self.assertEqual((day, type(day)), (datetime.date(2024, 2, 29), datetime.date))

    def test_years_beyond_pythons_cost_no_table(self):
        self.assertEqual(self.record(FAR_MS, pa.timestamp("ms")).year, 318857)
        self.assertEqual(self.record(FAR_DAYS, pa.date32()).year, 29349)
        self.assertEqual(self.load([[FAR_MS]], pa.list_(pa.timestamp("ms")))[0][0], np.datetime64(FAR_MS, "ms"))
        pairs = self.load([[("k", FAR_MS)], None], pa.map_(pa.string(), pa.timestamp("ms")))
        self.assertEqual((pairs[0][0][0], pairs[0][0][1].year, pairs[1]), ("k", 318857, None))

    def test_times_in_lists_keep_their_zone(self):
        eight = datetime.datetime(2024, 1, 1, 8, tzinfo=SHANGHAI)
        for kind in (pa.list_, pa.large_list, lambda inner: pa.list_(inner, 2)):
            values = self.load([[eight, None], None, [eight, eight]], kind(pa.timestamp("us", "Asia/Shanghai")))
            self.assertEqual([moment and moment.isoformat() for moment in values[0]], ["2024-01-01T08:00:00+08:00", None])
            self.assertIsNone(values[1])
            self.assertEqual(list(values[2]), [eight, eight])
        plain = self.load([[NANO, None]], pa.list_(pa.timestamp("ns")))[0]
        self.assertEqual((plain.dtype, plain[0]), (np.dtype("datetime64[ns]"), np.datetime64(NANO, "ns")))

    def test_what_is_beside_a_time_stays_as_it_is(self):
        large = 2**53 + 1
        kind = pa.struct([
            ("at", pa.timestamp("ns")), ("n", pa.int64()), ("s", pa.string()), ("l", pa.list_(pa.int64())),
            ("r", pa.struct([("at", pa.timestamp("s")), ("yes", pa.bool_())])), ("t", pa.time64("us")),
        ])  # fmt: skip
        one = {"at": NANO, "n": large, "s": "分", "l": [large, None], "r": {"at": 0, "yes": True}, "t": 5}
        for chunk in (None, 1):
            first, second, third = self.load([one, dict.fromkeys(one), one], kind, chunk)
            self.assertEqual((first["at"], first["n"], first["s"]), (pd.Timestamp(NANO), large, "分"))
            self.assertEqual(list(first["l"]), [large, None])
            self.assertEqual(first["r"], {"at": pd.Timestamp(0), "yes": True})
            self.assertEqual(first["t"], datetime.time(microsecond=5))
            self.assertEqual(second, dict.fromkeys(one))
            self.assertEqual(third["n"], large)

    def test_records_in_lists_and_lists_in_records(self):
        kind = pa.list_(pa.struct([("at", pa.list_(pa.timestamp("ms", "UTC")))]))
        values = self.load([[], [{"at": [0, FAR_MS]}, None], None], kind)
        self.assertEqual((len(values[0]), values[1][1], values[2]), (0, None, None))
        self.assertEqual([moment.year for moment in values[1][0]["at"]], [1970, 318857])

    def test_two_fields_of_one_name_are_both_there(self):
        twice = pa.StructArray.from_arrays([pa.array([1, 3]), pa.array([2, 4])], names=["a", "a"])
        self.assertEqual(self.load(twice, None), [[("a", 1), ("a", 2)], [("a", 3), ("a", 4)]])

    def test_a_time_of_day_keeps_its_nanoseconds(self):
        kind = pa.struct([("t", pa.time64("ns")), ("at", pa.timestamp("ns"))])
        table = pa.table({"x": pa.array([{"t": 1001, "at": NANO}], kind)})
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "table.arrow")
            with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
            column = load_table(path)["x"]
        self.assertEqual(column.dtype.pyarrow_dtype, kind)
        self.assertEqual(column.struct.field("t").astype("int64[pyarrow]").tolist(), [1001])


if __name__ == "__main__":
    unittest.main()
