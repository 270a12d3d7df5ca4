"""A progress bar is one line of text that is written over, without a warning. Forked and cold."""

import tempfile
import unittest

from forkserver.house import Housed
from forkserver.talk import Cold

# Each step is written, however fast it is.
STEPS = 40
CELLS = {
    "auto": f"from tqdm.auto import tqdm\nfor step in tqdm(range({STEPS}), mininterval=0, desc='work'): pass",
    "notebook": f"from tqdm.notebook import trange\nfor step in trange({STEPS}, mininterval=0, desc='work', display=True): pass",
    "plain": f"import tqdm\nfor step in tqdm.trange({STEPS}, mininterval=0, desc='work'): pass",
    "pandas": f"import pandas\ntqdm.tqdm.pandas(mininterval=0, desc='work')\n"
    f"pandas.Series(range({STEPS})).progress_apply(lambda each: each)",
}


def screen(text):
    """What a terminal shows of it; tqdm goes up where bars lie one in another."""
    lines, row, column = [""], 0, 0
    text = text.replace("\x1b[A", "\x01")
    for char in text:
        if char == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif char == "\r":
            column = 0
        elif char == "\x01":
            row -= 1
        else:
            lines[row] = lines[row][:column].ljust(column) + char + lines[row][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines if line.strip()]


class Bars:
    """What holds for every kernel."""

    def said(self, code):
        reply = self.kernel.run(code)
        self.assertEqual(reply.content["status"], "ok", reply.content.get("traceback"))
        kinds = {each["msg_type"] for each in reply.messages} - {"status", "execute_input", "execute_result"}
        self.assertEqual(kinds, {"stream"})
        self.assertEqual({each["name"] for each in reply.of("stream")}, {"stderr"})
        return reply.text

    def test_a_bar_is_one_line_that_is_written_over(self):
        for name, code in CELLS.items():
            with self.subTest(name):
                text = self.said(code)
                self.assertGreater(text.count("\r"), STEPS // 2, "it is not shown while it goes on")
                lines = screen(text)
                self.assertEqual(len(lines), 1, lines)
                self.assertTrue(lines[0].startswith("work: 100%|██████████| 40/40 ["), lines)

    def test_bars_within_bars_leave_the_outer_one(self):
        text = self.said(
            "from tqdm.auto import tqdm\nfor step in tqdm(range(3), desc='outer'):\n"
            "    for part in tqdm(range(3), desc='inner', leave=False): pass"
        )
        lines = screen(text)
        self.assertEqual([line.split(":")[0] for line in lines], ["outer"], lines)


class Forked(Bars, Housed):
    """A kernel that has tqdm loaded."""


class ColdKernel(Bars, unittest.TestCase):
    """A kernel that loads it itself."""

    @classmethod
    def setUpClass(cls):
        home = tempfile.TemporaryDirectory(dir="/tmp")
        cls.addClassCleanup(home.cleanup)
        cls.kernel = Cold(home.name)
        cls.addClassCleanup(cls.kernel.end)
        cls.kernel.start()


if __name__ == "__main__":
    unittest.main()
