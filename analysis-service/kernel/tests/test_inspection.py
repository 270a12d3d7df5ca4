"""A kernel is looked into while it runs code, and the code does not notice. Forked and cold."""

import itertools
import queue
import tempfile
import unittest

from forkserver.house import Housed, wait_until
from forkserver.talk import LIMIT_SECS, Cold, once_it_says

SLOW_MS = 2_000


def ask(kernel, op, limit_ms=20_000, **fields):
    """The answer to a question on the control channel."""
    client = kernel.client
    message = client.session.msg("fenxi_inspection_request", {"op": op, "limit_ms": limit_ms, **fields})
    client.control_channel.send(message)
    while True:
        reply = client.get_control_msg(timeout=LIMIT_SECS)
        if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
            return reply["content"]


def complete(kernel, code, cursor=None, **fields):
    return ask(kernel, "complete", code=code, cursor=len(code) if cursor is None else cursor, **fields)


def explain(kernel, code, with_source=False):
    return ask(kernel, "explain", code=code, cursor=len(code), with_source=with_source)


def variables(kernel, **fields):
    answer = ask(kernel, "variables", **fields)
    return {each["name"]: each for each in answer["variables"]}


def preview(kernel, name, rows=(0, 50), columns=(0, 50), **fields):
    window = {"row_offset": rows[0], "row_count": rows[1], "column_offset": columns[0], "column_count": columns[1]}
    return ask(kernel, "preview", name=name, **window, **fields)


def printed(messages):
    return "".join(each["content"]["text"] for each in messages if each["msg_type"] == "stream")


def texts(answer):
    return [each["text"] for each in answer["completions"]]


class Looks:
    """What holds for every kernel."""

    def made(self, code, kernel=None):
        """Runs code that must succeed."""
        reply = (kernel or self.kernel).run(code)
        self.assertEqual(reply.content["status"], "ok", reply.content)

    def begin(self, code):
        """Begins to run code that prints `on`, and gives its request."""
        asked, printed = self.kernel.client.execute(code), []
        hear = once_it_says("on", lambda: printed.append(True))
        while not printed:
            hear(self.kernel.client.get_iopub_msg(timeout=LIMIT_SECS))
        return asked

    def end(self, asked):
        """Every message of the code after the answer, and its reply."""
        messages = []
        while True:
            message = self.kernel.client.get_iopub_msg(timeout=LIMIT_SECS)
            messages.append(message)
            idle = message["content"].get("execution_state") == "idle"
            if idle and message["parent_header"].get("msg_id") == asked:
                return messages, self.kernel.client.get_shell_msg(timeout=LIMIT_SECS)["content"]

    def test_a_running_cell_is_looked_into_and_does_not_notice(self):
        self.made("import numpy as np, time, os\nseries = np.arange(5)\n40 + 2")
        state = "[_, len(Out), len(In), get_ipython().execution_count]"
        for wait in ("time.sleep(0.05)", "pass"):
            before = self.kernel.value(state)
            asked = self.begin(
                f"os.path.exists('go') and os.remove('go')\nprint('on', flush=True)\n"
                f"while not os.path.exists('go'):\n    {wait}\nprint('off')\nint(series.sum())"
            )
            for _ in range(3):
                self.assertIn("shape", texts(complete(self.kernel, "series.sh")))
                self.assertIn("Signature: print(*args", explain(self.kernel, "print(")["text"])
                self.assertEqual(variables(self.kernel)["series"]["summary"], "[0, 1, 2, 3, 4]")
                cells = preview(self.kernel, "series", (3, 9))["page"]["columns"]
                self.assertEqual(cells[0]["values"], ["3", "4"])
            open(f"{self.kernel.work}/go", "w").close()
            messages, reply = self.end(asked)
            self.assertTrue(all(message["parent_header"]["msg_id"] == asked for message in messages), messages)
            # A line may come in pieces.
            kinds = [kind for kind, _ in itertools.groupby(message["msg_type"] for message in messages)]
            self.assertEqual(kinds, ["stream", "execute_result", "status"])
            self.assertEqual(printed(messages), "off\n")
            self.assertEqual(reply["status"], "ok")
            after = self.kernel.value(state)
            # The cell itself, and the one that looked.
            self.assertEqual([after[0], after[1] - before[1], after[2] - before[2]], [10, 1, 2])

    def test_completions_say_what_they_are_and_what_they_replace(self):
        self.made(
            "import os\nclass Car:\n    wheels = 4\n    def drive(self): ...\n    @property\n"
            "    def weight(self): raise SystemExit\ncar = Car()\ncars = {'red': 1}"
        )
        answer = complete(self.kernel, "名 = '😀'; car.")
        self.assertEqual((answer["replace_start"], answer["replace_end"]), (13, 13))
        found = {each["text"]: each["type"] for each in answer["completions"]}
        self.assertEqual([found[each] for each in ("drive", "weight", "wheels")], ["function", "property", "variable"])
        types = {each["text"]: each["type"] for each in complete(self.kernel, "c")["completions"]}
        self.assertEqual([types[each] for each in ("car", "class", "chr")], ["variable", "keyword", "function"])
        self.assertEqual(complete(self.kernel, "Ca")["completions"], [{"text": "Car", "type": "class"}])
        self.assertEqual(complete(self.kernel, "os.pat")["completions"][0], {"text": "path", "type": "module"})
        answer = complete(self.kernel, "x = car.whe + 1", 11)
        self.assertEqual((texts(answer), answer["replace_start"], answer["replace_end"]), (["wheels"], 8, 11))
        self.assertEqual(complete(self.kernel, "cars['")["completions"], [{"text": "red", "type": "key"}])
        self.assertEqual(texts(complete(self.kernel, "no_such_name.")), [])

    def test_a_name_is_explained(self):
        self.made(
            'def area(width, height=2):\n    """The area."""\n    return width * height\n'
            "class Lazy:\n    @property\n    def big(self):\n        'Takes long.'\n        raise SystemExit\nlazy = Lazy()"
        )
        text = explain(self.kernel, "area(")["text"]
        self.assertIn("Signature: area(width, height=2)", text)
        self.assertIn("The area.", text)
        self.assertNotIn("return width", text)
        self.assertIn("return width * height", explain(self.kernel, "area(", with_source=True)["text"])
        self.assertIn("Signature: append(object, /)", explain(self.kernel, "list.append")["text"])
        self.assertIn("Takes long.", explain(self.kernel, "lazy.big")["text"])
        for nothing in ("no_such_name", "lazy.nothing", "", "1 + "):
            self.assertFalse(explain(self.kernel, nothing)["found"], nothing)

    def test_variables_are_sorted_and_short(self):
        self.made(
            "import pandas as pd, numpy as np, pyarrow as pa\n"
            "frame = pd.DataFrame({'n': [1, 2], 't': ['a', 'b'], 'd': pd.to_datetime(['2024-01-01', None])})\n"
            "arrow = pa.table({'x': [1]})\narray = np.zeros((3, 4))\nlong = list(range(10**7))\ntext = 'x' * 10**7\n"
            "nested = {'a': [1, {'b': (1,)}]}\nhuge = 10 ** 100_000\ndef f(): ...\n_hidden = 1\nme = []; me.append(me)\n"
            "wide = pd.DataFrame(np.zeros((1, 3_000)))\nnp.set_printoptions(threshold=10**9)\nvector = np.arange(10**6)"
        )
        found = variables(self.kernel)
        self.assertEqual(list(found), sorted(found))
        self.assertFalse({"_hidden", "pd", "np", "In", "exit", "get_ipython"} & set(found))
        frame = found["frame"]
        self.assertEqual((frame["type"], frame["kind"]), ("pandas.DataFrame", "TABLE"))
        self.assertEqual((frame["row_count"], frame["column_count"]), (2, 3))
        self.assertEqual(frame["columns"][0], {"name": "n", "dtype": "int64", "type": "INTEGER"})
        self.assertEqual([column["type"] for column in frame["columns"]], ["INTEGER", "TEXT", "DATETIME"])
        self.assertGreater(frame["size_bytes"], 0)
        self.assertEqual((found["arrow"]["row_count"], found["arrow"]["columns"][0]["dtype"]), (1, "int64"))
        array = found["array"]
        self.assertEqual((array["kind"], array["shape"], array["dtype"]), ("ARRAY", [3, 4], "float64"))
        self.assertEqual(array["size_bytes"], 96)
        self.assertEqual((found["long"]["length"], found["long"]["summary"][:9]), (10**7, "[0, 1, 2,"))
        self.assertEqual(found["nested"]["summary"], "{'a': [1, {'b': (...)}]}")
        self.assertEqual(found["f"]["kind"], "CALLABLE")
        self.assertIn("bits", found["huge"]["summary"])
        self.assertEqual(found["vector"]["summary"], "[ 0, 1, 2, ..., 999997, 999998, 999999]")
        self.assertEqual((found["wide"]["column_count"], len(found["wide"]["columns"])), (3_000, 50))
        self.assertTrue(all(len(each.get("summary", "")) <= 200 for each in found.values()))

    def test_long_containers_are_not_written_out(self):
        kernel = self.fresh()
        self.made(
            "import collections as c\nnumbers = range(3 * 10**6)\nclass Mine(list):\n    def __len__(self): raise SystemExit\n"
            "class Own(dict):\n    def __repr__(self): return 'own'\nown, mine = Own(a=1), Mine(numbers)\n"
            "counted, ordered = c.Counter(numbers), c.OrderedDict.fromkeys(numbers)\n"
            "default, line = c.defaultdict(list, ordered), c.deque(numbers)\n"
            "Point = c.namedtuple('Point', 'x y')\npoint, one, no, none = Point(1, 2), (1,), set(), {}",
            kernel,
        )
        found = variables(kernel)
        for name, begin in {
            "counted": "Counter({0: 1, 1: 1, ", "ordered": "OrderedDict({0: None, ", "default": "defaultdict({0: None, ",
            "line": "deque([0, 1, ", "mine": "Mine([0, 1, ", "own": "own", "point": "Point(x=1, y=2)", "one": "(1,)",
            "no": "set()", "none": "{}", "numbers": "range(0, 3000000)",
        }.items():  # fmt: skip
            self.assertTrue(found[name].get("summary", "").startswith(begin), found[name])
        self.assertEqual((found["line"]["length"], found["counted"]["length"]), (3 * 10**6, 3 * 10**6))
        self.assertTrue(preview(kernel, "counted")["text"].startswith("Counter({\n 0: 1,\n 1: 1,"))

    def test_there_may_be_more_variables_than_are_told(self):
        kernel = self.fresh()
        kernel.run("for i in range(501): globals()[f'v{i:03}'] = i")
        answer = ask(kernel, "variables")
        self.assertEqual((len(answer["variables"]), answer["more"]), (499, True) if "i" in answer else (500, True))

    def test_code_of_a_value_is_held_to_its_time_and_says_nothing(self):
        self.made(
            "import os, time, threading\nfrom IPython.display import display, clear_output\n"
            "class Loud:\n    def __repr__(self):\n        print('LOUD'); display('LOUD'); clear_output()\n"
            "        return 'loud'\n"
            "class Asking:\n    def __repr__(self): return input('?')\n"
            "class Broken:\n    def __repr__(self): raise ValueError('it is broken')\n"
            "class Leaving:\n    def __repr__(self): raise SystemExit\n"
            "class Endless:\n    def __repr__(self):\n        while True: pass\n"
            "class Long:\n    def __repr__(self): return 'x' * 10**7\n"
            "class Strange:\n    def __getattribute__(self, name): raise SystemExit\n    def __len__(self): raise SystemExit\n"
            "asking, broken, endless, long, loud, strange = Asking(), Broken(), Endless(), Long(), Loud(), Strange()"
        )
        asked = self.begin("print('on')\nwhile not os.path.exists('looked'): time.sleep(0.05)\nprint('off')")
        found = variables(self.kernel)
        self.assertEqual(found["loud"]["summary"], "loud")
        self.assertIn("RuntimeError: nobody", found["asking"]["summary_error"])
        self.assertEqual(found["broken"]["summary_error"], "ValueError: it is broken")
        self.assertIn("longer than 0.2 s", found["endless"]["summary_error"])
        self.assertEqual(found["long"]["summary"], "x" * 197 + "...")
        self.assertIn("Strange", found["strange"]["type"])
        self.assertEqual(preview(self.kernel, "broken")["text"], "ValueError: it is broken")
        self.assertEqual(preview(self.kernel, "endless", limit_ms=300)["reason"], "timeout")
        self.assertEqual(preview(self.kernel, "strange")["status"], "ok")
        open(f"{self.kernel.work}/looked", "w").close()
        messages, _ = self.end(asked)
        self.assertEqual(printed(messages), "off\n")
        self.assertNotIn("LOUD", str(messages))
        self.assertFalse({m["msg_type"] for m in messages} & {"display_data", "clear_output", "input_request"})
        with self.assertRaises(queue.Empty):
            self.kernel.client.get_stdin_msg(timeout=0.1)

    def test_native_code_that_does_not_come_back_is_left_to_itself(self):
        kernel = self.fresh()
        self.made(
            "import threading\nfirst, held = 1, threading.Lock()\nheld.acquire()\n"
            "class Sleeping:\n    def __repr__(self):\n        with held: return 'awake'\n"
            "sleeping = Sleeping()\nthreads = lambda: open('/proc/self/status').read().split('Threads:')[1].split()[0]",
            kernel,
        )
        before = kernel.value("threads()")
        found = variables(kernel, limit_ms=SLOW_MS)
        self.assertEqual(found["first"]["summary"], "1")
        self.assertEqual(found["sleeping"]["summary_error"], "it has not come to its end")
        reasons = []
        while "busy" not in reasons:
            # One whose time is up before it has begun holds no thread.
            answer = preview(kernel, "sleeping", limit_ms=300)
            self.assertEqual(answer["status"], "error", answer)
            reasons.append(answer["reason"])
        self.assertGreaterEqual(reasons.count("timeout"), 3)
        self.assertEqual(set(reasons), {"timeout", "busy"})
        self.assertEqual(complete(kernel, "fir")["reason"], "busy")
        self.assertEqual(kernel.value("first"), 1)
        self.made("held.release()", kernel)
        wait_until(lambda: complete(kernel, "fir")["status"] == "ok")
        wait_until(lambda: kernel.value("threads()") == before)

    def test_a_value_that_is_held_costs_no_other_its_text(self):
        kernel = self.fresh()
        self.made(
            "import threading\nheld = threading.Lock()\nheld.acquire()\n"
            "class Sleeping:\n    def __repr__(self):\n        with held: return 'awake'\n"
            "class Own:\n    def __repr__(self): return 'own'\n"
            "a, b, c, own, numbers, x = Sleeping(), Sleeping(), [Sleeping()], Own(), [1, 2], 1",
            kernel,
        )
        for _ in range(6):
            found = variables(kernel)
            self.assertEqual([found[name].get("summary") for name in ("own", "numbers", "x")], ["own", "[1, 2]", "1"])
            for name in ("b", "c"):
                self.assertEqual(found[name]["summary_error"], "the text of another __main__.Sleeping took too long")
            self.assertIn("summary_error", found["a"])
        self.made("held.release()", kernel)
        wait_until(lambda: variables(kernel)["a"].get("summary") == "awake")

    def test_pages_of_tables_and_arrays(self):
        self.made(
            "import pandas as pd, numpy as np, pyarrow as pa, datetime, decimal\n"
            "frame = pd.DataFrame({'n': pd.array([1, None], 'Int64'), 'f': [1.5, np.nan], 'b': [True, False],\n"
            "    't': ['001', None], 'd': pd.to_datetime(['2024-01-02T00:00:00', '2024-01-02T03:04:05']),\n"
            "    'o': [datetime.date(2024, 1, 2), decimal.Decimal('1.10')], 'x': [b'\\x01', {'a': 1}]}, index=['r', 's'])\n"
            "twice = pd.DataFrame([[1, 2]], columns=['same', 'same'])\n"
            "many = pd.DataFrame({'a': range(100_000)})\nodd = many[many['a'] % 2 == 1]\n"
            "matrix = np.arange(6).reshape(2, 3)\ncube = np.zeros((2, 2, 2))\nseries = many['a'] * 0.5\n"
            "table = pa.table({'d': [datetime.date(2024, 1, 2), None]})\n"
            "levels = frame.set_index(['t', 'b'])\nbig = pd.DataFrame({str(i): ['y' * 2_000] * 1_000 for i in range(20)})\n"
            "moments = np.array(['2024-01-02', 'NaT'], dtype='datetime64[ns]')"
        )
        answer = preview(self.kernel, "frame")
        self.assertEqual(answer["status"], "ok", answer)
        page = answer["page"]
        cells = {column["name"]: (column["values"], column["missing_rows"]) for column in page["columns"]}
        self.assertEqual(cells["n"], (["1", ""], [1]))
        self.assertEqual(cells["f"], (["1.5", ""], [1]))
        self.assertEqual(cells["b"], (["true", "false"], []))
        self.assertEqual(cells["t"], (["001", ""], [1]))
        self.assertEqual(cells["d"], (["2024-01-02T00:00:00", "2024-01-02T03:04:05"], []))
        self.assertEqual(cells["o"], (["2024-01-02", "1.10"], []))
        self.assertEqual(cells["x"], (["01", "{a: 1}"], []))
        self.assertEqual(page["labels"]["values"], ["r", "s"])
        page = preview(self.kernel, "many", (99_999, 50))["page"]
        self.assertEqual((page["columns"][0]["values"], page["total_rows"]), (["99999"], 100_000))
        self.assertNotIn("labels", page)
        self.assertEqual(preview(self.kernel, "many", (100_001, 50))["page"]["row_count"], 0)
        page = preview(self.kernel, "odd", (10, 2))["page"]
        self.assertEqual((page["columns"][0]["values"], page["labels"]["values"]), (["21", "23"], ["21", "23"]))
        page = preview(self.kernel, "twice", columns=(1, 1))["page"]
        self.assertEqual([(each["name"], each["values"]) for each in page["columns"]], [("same", ["2"])])
        page = preview(self.kernel, "matrix", columns=(1, 2))["page"]
        self.assertEqual([each["values"] for each in page["columns"]], [["1", "4"], ["2", "5"]])
        self.assertIn("[[0., 0.]", preview(self.kernel, "cube")["text"])
        self.assertEqual(preview(self.kernel, "series", (3, 1))["page"]["columns"][0]["values"], ["1.5"])
        self.assertEqual(preview(self.kernel, "table")["page"]["columns"][0]["values"], ["2024-01-02", ""])
        self.assertEqual(preview(self.kernel, "levels")["page"]["labels"]["values"][0], "001 / true")
        values = preview(self.kernel, "moments")["page"]["columns"][0]
        self.assertEqual((values["values"], values["missing_rows"]), (["2024-01-02T00:00:00", ""], [1]))
        page = preview(self.kernel, "big", (0, 1_000))["page"]
        self.assertEqual({len(value) for column in page["columns"] for value in column["values"]}, {50})

    def test_other_values_are_text(self):
        self.made("poem = 'a\\nb'\nmany = list(range(10**6))\nlines = {'key %d' % i: 'x' * 20 for i in range(9)}")
        self.assertEqual(preview(self.kernel, "poem")["text"], "a\nb")
        text = preview(self.kernel, "many")["text"]
        self.assertTrue(text.startswith("[\n 0,\n 1,") and text.endswith("...\n]") and len(text) <= 20_000)
        self.assertEqual(len(preview(self.kernel, "lines")["text"].splitlines()), 11)
        self.assertEqual(preview(self.kernel, "no_such")["reason"], "not_found")

    def test_questions_that_are_none_are_answered_or_passed_over(self):
        self.assertEqual(ask(self.kernel, "knife")["status"], "error")
        self.assertEqual(ask(self.kernel, "complete")["status"], "error")
        self.assertEqual(ask(self.kernel, "preview", limit_ms="soon")["status"], "error")
        stranger = self.kernel.client.session.clone()
        stranger.key = b"another key"
        channel = self.kernel.client.control_channel
        stranger.send(channel.socket, "fenxi_inspection_request", {"op": "variables", "limit_ms": 1})
        self.assertEqual(ask(self.kernel, "variables")["status"], "ok")


class Forked(Looks, Housed):
    """A kernel forked from a process that has looked into itself."""

    def fresh(self):
        return self.fork().start()


class ColdKernel(Looks, unittest.TestCase):
    """A kernel that is a program of its own."""

    @classmethod
    def setUpClass(cls):
        home = tempfile.TemporaryDirectory(dir="/tmp")
        cls.addClassCleanup(home.cleanup)
        cls.home = home.name
        cls.kernel = Cold(cls.home)
        cls.addClassCleanup(cls.kernel.end)
        cls.kernel.start()

    def fresh(self):
        kernel = Cold(self.home)
        self.addCleanup(kernel.end)
        return kernel.start()


if __name__ == "__main__":
    unittest.main()
