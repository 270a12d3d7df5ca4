"""Tracebacks through long files show what they would if the files were parsed whole."""

import ast
import importlib.util
import os
import subprocess
import sys
import tempfile
import types
import unittest
from unittest import mock

import executing
import stack_data
from fenxi_kernel import sources
from places import AROUND, PLACES
from pygments.formatters.terminal256 import Terminal256Formatter
from stack_data import core

# As they are made, wherever another test has installed it already; each with caches of its own.
AS_MADE = {name: vars(executing.Source)[name] for name in ("executing", "_for_filename_and_lines")}
whole, few = (type(name, (core.Source,), AS_MADE) for name in ("Whole", "Few"))
sources.install(types.SimpleNamespace(Source=few))

STYLE = stack_data.style_with_executing_node("default", "bg:ansiyellow")
OPTIONS = stack_data.Options(before=2, after=1, pygments_formatter=Terminal256Formatter(style=STYLE))


def raised(function):
    """The traceback of a function, by its frames in the module of places."""
    try:
        function()
    except Exception as error:
        entry = error.__traceback__.tb_next
        while entry is not None:
            yield entry
            entry = entry.tb_next


def shown(source, entry, options=OPTIONS):
    """All that IPython takes from stack_data for a frame, and the source that it came from."""
    with mock.patch.object(core, "Source", source):
        info = stack_data.FrameInfo(entry, options)
    lines = [
        (line.lineno, line.is_current, line.render(pygmented=True), [place[:2] for place in line.executing_node_ranges])
        if isinstance(line, stack_data.Line) else line
        for line in info.lines
    ]  # fmt: skip
    node = info.executing.node
    place = node and (type(node), node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
    names = [variable.name for variable in info.variables]
    return (info.executing.code_qualname(), str(lines), place, names), info.source


class Sources(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        file = os.path.join(folder.name, "places_of_this_test.py")
        with open(file, "w", encoding="utf-8") as made:
            made.write(AROUND + PLACES + AROUND)
        spec = importlib.util.spec_from_file_location("places_of_this_test", file)
        cls.places = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(cls.places)

    def test_each_place_is_shown_as_ever_and_parsed_alone(self):
        parsed_whole = set()
        for function in self.places.ALL:
            for entry in raised(function):
                code = entry.tb_frame.f_code
                with self.subTest(code.co_qualname, line=entry.tb_lineno):
                    expected, _ = shown(whole, entry)
                    found, source = shown(few, entry)
                    self.assertEqual(found, expected)
                    if "other_0" in source.text:
                        parsed_whole.add(code.co_qualname)
        # One that stands in no function, and those that may only be entered, by their line.
        self.assertEqual(parsed_whole, {"<lambda>", "Outer.one_line", "Raises.default"})

    def test_a_function_that_is_only_entered_is_shown_with_what_is_around(self):
        entry = next(raised(self.places.Outer().generated))
        frame = entry.tb_frame
        entered = types.TracebackType(None, frame, 0, frame.f_code.co_firstlineno)
        (expected, _), (found, source) = (shown(kind, entered) for kind in (whole, few))
        self.assertEqual(found, expected)
        self.assertIn("other_0", source.text)

    def test_functions_of_a_library_are_shown_as_ever(self):
        alone = 0
        for function in vars(ast).values():
            if isinstance(function, types.FunctionType):
                frame = types.SimpleNamespace(f_code=function.__code__, f_globals=vars(ast))
                alone += self.compare(frame)
        self.assertGreater(alone, 100)

    def compare(self, frame):
        """At each of the lines of a frame's code; gives how many were parsed alone."""
        alone = 0
        for offset, _, line in frame.f_code.co_lines():
            frame.f_lasti, frame.f_lineno = offset, line
            found, expected = few.executing(frame), whole.executing(frame)
            self.assertEqual(found.code_qualname(), expected.code_qualname())
            if found.source.text != expected.source.text:
                alone += 1
                dumped = (one.node and ast.dump(one.node, include_attributes=True) for one in (found, expected))
                self.assertEqual(*dumped)
        return alone

    def test_a_file_that_has_changed_is_read_again(self):
        entry = next(raised(self.places.otherwise))
        file = entry.tb_frame.f_code.co_filename
        with open(file, "a", encoding="utf-8") as changed:
            changed.write("\n# Changed.\n")
        frame = types.TracebackType(None, entry.tb_frame, entry.tb_lasti, entry.tb_lineno + 1)
        self.assertEqual(shown(few, frame)[0], shown(whole, frame)[0])

    def test_it_is_installed_where_tracebacks_are_made(self):
        code = (
            "import sys\nfrom fenxi_kernel import environment\nenvironment.prepare()\nassert 'stack_data' not in sys.modules\n"
            "import stack_data\nprint(stack_data.Source.executing.__module__)"
        )  # fmt: skip
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "fenxi_kernel.sources\n")


if __name__ == "__main__":
    unittest.main()
