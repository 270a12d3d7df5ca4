"""The warnings of a kernel stay as its cells have set them, whatever is looked at meanwhile."""

from forkserver.house import Housed
from forkserver.talk import once_it_says
from test_inspection import complete, explain, preview, texts, variables

# Notes which threads change the filters.
WATCHED = """
import threading, warnings
changed, real = [], warnings._filters_mutated
def noted():
    changed.append(threading.current_thread().name)
    real()
warnings._filters_mutated = noted
class Rude:
    def __repr__(self):
        warnings.resetwarnings()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("error")
            return f"rude {caught}"
rude = Rude()
import numpy, pandas, pyarrow
frame = pandas.DataFrame({"a": [1, 2], "b": ["x", None], "c": pandas.to_datetime(["2024-01-02", None])})
series, array, table = frame["a"], frame["a"].to_numpy(), pyarrow.table({"a": [1]})
"""
# Is completed while its cell has other filters than before and after it.
SLOW = """
import threading
inside, go = threading.Event(), threading.Event()
class Slow:
    def __dir__(self):
        inside.set()
        go.wait(20)
        return ["ab"]
slow = Slow()
"""
CELL = """
print("on", flush=True)
inside.wait(20)
with warnings.catch_warnings():
    go.set()
    warnings.simplefilter("error", FutureWarning)
    while not completed():
        time.sleep(0.01)
"""


class Warnings(Housed):
    def test_no_look_changes_the_filters(self):
        kernel = self.fork().start()
        self.run_ok(WATCHED, kernel)
        before = kernel.value("[str(each) for each in warnings.filters]")
        for code in ("fra", "frame.", "frame['", "array.", "table.", "import js", "from json import ", "%ti", "'"):
            self.assertEqual(complete(kernel, code)["status"], "ok", code)
        for name in ("frame", "series", "array", "table"):
            self.assertTrue(explain(kernel, name, with_source=True)["found"])
            self.assertEqual(preview(kernel, name)["status"], "ok")
        self.assertEqual(variables(kernel)["rude"]["summary"], "rude []")
        self.assertNotIn("inspection", kernel.value("changed"))
        self.assertEqual(kernel.value("[str(each) for each in warnings.filters]"), before)
        # In a cell they work as ever.
        self.run_ok("with warnings.catch_warnings(record=True) as caught:\n    warnings.warn('kept')", kernel)
        self.assertEqual(kernel.value("[str(each.message) for each in caught]"), ["kept"])
        self.run_ok("warnings.simplefilter('error')", kernel)
        self.assertEqual(kernel.run("warnings.warn('raised')").content["ename"], "UserWarning")

    def test_a_completion_leaves_the_filters_of_a_cell_alone(self):
        kernel = self.fork().start()
        self.run_ok(f"import os, time, warnings\n{SLOW}\ndef completed(): return os.path.exists('completed')", kernel)
        before = kernel.value("[str(each) for each in warnings.filters]")
        found = []

        def look():
            found.extend(texts(complete(kernel, "slow.a")))
            open(f"{kernel.work}/completed", "w").close()

        self.assertEqual(kernel.run(CELL, once_it_says("on", look)).content["status"], "ok")
        self.assertEqual(found, ["ab"])
        self.assertEqual(kernel.value("[str(each) for each in warnings.filters]"), before)
        text = self.run_ok("warnings.warn('seen')", kernel)
        self.assertIn("UserWarning: seen", text)
