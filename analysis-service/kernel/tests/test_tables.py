"""Tables arrive as they were uploaded, and can be worked with."""

import datetime
import os
import pathlib
import sys
import tempfile
import unittest

import numpy as np
import pandas as pd
import pyarrow as pa

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from fenxi_kernel.tables import bind, load_table  # noqa: E402


class Tables(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "table.arrow")

    def load(self, table: pa.Table, chunk: int | None = None) -> pd.DataFrame:
        with pa.OSFile(self.path, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=chunk)
        return load_table(self.path)

    def test_values_are_as_uploaded(self):
        day, moment = datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 12, 30)
        frame = self.load(
            pa.table({
                "whole": pa.array([1, 2**53 + 1, None], pa.int64()),
                "full": pa.array([1, 2, 3], pa.int64()),
                "real": pa.array([1.5, None, -0.0]),
                "yes": pa.array([True, None, False]),
                "text": pa.array(["007", None, "分析"], pa.large_string()),
                "day": pa.array([day, None, day], pa.date32()),
                "moment": pa.array([moment, None, moment], pa.timestamp("us")),
                "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
            })
        )
        kinds = {name: str(dtype) for name, dtype in frame.dtypes.items()}
        self.assertEqual(kinds["whole"], "Int64")
        self.assertEqual(frame["whole"].tolist()[:2], [1, 2**53 + 1])
        self.assertIs(frame["whole"][2], pd.NA)
        self.assertEqual(kinds["full"], "int64")
        self.assertEqual(kinds["real"], "float64")
        self.assertEqual(kinds["yes"], "boolean")
        self.assertEqual(kinds["text"], "str")
        self.assertEqual(frame["text"].tolist()[::2], ["007", "分析"])
        self.assertTrue(kinds["day"].startswith("datetime64["))
        self.assertEqual(frame["day"][0], pd.Timestamp(day))
        self.assertEqual(frame["moment"][0], pd.Timestamp(moment))
        self.assertTrue(pd.isna(frame["moment"][1]))
        self.assertEqual(kinds["kind"], "str")

    def test_nested_and_fine_values_are_as_uploaded(self):
        large = 2**53 + 1
        frame = self.load(
            pa.table({
                "list": pa.array([[large, None], None, [1]]),
                "record": pa.array([{"a": large}, {"a": None}, None]),
                "time": pa.array([1001, None, 0], pa.time64("ns")),
            })
        )
        self.assertEqual([list(frame["list"][0]), frame["list"][1], list(frame["list"][2])], [[large, None], None, [1]])
        self.assertEqual(frame["record"].tolist(), [{"a": large}, {"a": None}, None])
        self.assertEqual(frame["time"].astype("int64[pyarrow]").tolist(), [1001, pd.NA, 0])

    def test_times_keep_their_offset(self):
        zoned = pa.array([1_704_135_845_000_000, None], pa.timestamp("us", tz="+08:00"))
        frame = self.load(pa.table({"at": zoned}))
        self.assertEqual(frame["at"][0].isoformat(), "2024-01-02T03:04:05+08:00")
        frame.loc[1, "at"] = frame.loc[0, "at"]
        self.assertEqual(frame["at"].dt.hour.tolist(), [3, 3])

    def test_a_cell_can_be_assigned_and_the_file_stays(self):
        days = pa.array([datetime.date(2024, 1, 1)] * 3, pa.date32())
        moments = pa.array([datetime.datetime(2024, 1, 1)] * 3, pa.timestamp("us"))
        frame = self.load(pa.table({"a": [1, 2, 3], "b": [0.5, 1, 2], "s": ["x", "y", "z"], "d": days, "t": moments}))
        before = pathlib.Path(self.path).read_bytes()
        frame.loc[0, "a"] = 5
        frame.loc[1, "b"] = 9.5
        frame.loc[2, "s"] = "分"
        frame.loc[0, "d"] = frame.loc[0, "t"] = pd.Timestamp("2020-02-02")
        frame["a"] += 1
        frame["new"] = frame["a"] * 2
        frame = frame.sort_values("b")
        self.assertEqual(sorted(frame["a"]), [3, 4, 6])
        self.assertEqual(frame["s"].tolist(), ["x", "分", "y"])
        self.assertEqual(frame.loc[0, "t"], pd.Timestamp("2020-02-02"))
        self.assertEqual(pathlib.Path(self.path).read_bytes(), before, "the file was written to")
        self.assertEqual(load_table(self.path).loc[0, "a"], 1)

    def test_numbers_are_mapped_and_not_read(self):
        frame = self.load(pa.table({"a": np.arange(100_000), "b": np.linspace(0, 1, 100_000)}))
        for name in frame:
            values = frame[name].to_numpy()
            while isinstance(values.base, np.ndarray):
                values = values.base
            self.assertIsNotNone(values.base, f"{name} owns its memory")
        self.assertEqual(frame["a"].sum(), 100_000 * 99_999 // 2)

    def test_several_batches_are_one_table(self):
        frame = self.load(pa.table({"a": np.arange(10), "s": list("abcdefghij")}), chunk=3)
        frame.loc[9, "a"] = 0
        self.assertEqual(frame["a"].tolist(), [*range(9), 0])
        self.assertEqual("".join(frame["s"]), "abcdefghij")

    def test_empty_tables_and_equal_names(self):
        frame = self.load(pa.table({"a": pa.array([], pa.int64()), "s": pa.array([], pa.string())}))
        self.assertEqual(frame.shape, (0, 2))
        self.assertEqual(str(frame["a"].dtype), "int64")
        twice = pa.table([pa.array([1]), pa.array([2])], names=["x", "x"])
        self.assertEqual(self.load(twice).to_numpy().tolist(), [[1, 2]])
        self.assertEqual(self.load(pa.table({})).shape, (0, 0))

    def test_bind_names_a_variable(self):
        self.load(pa.table({"a": [1]}))
        namespace = {}
        bind(namespace, "df", self.path)
        self.assertEqual(namespace["df"].shape, (1, 1))


if __name__ == "__main__":
    unittest.main()
