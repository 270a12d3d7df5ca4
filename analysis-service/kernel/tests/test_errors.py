"""What IPython only prints is sent as an error."""

import asyncio
import unittest
from unittest import mock

from fenxi_kernel import errors
from IPython.core.interactiveshell import InteractiveShell


class Errors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shell = InteractiveShell()
        errors.tell_all(cls.shell)

    def told(self, code):
        """The name and the traceback of each error that a cell sends."""
        with mock.patch.object(self.shell, "_showtraceback") as show:
            asyncio.run(self.shell.run_cell_async(code, transformed_cell=self.shell.transform_cell(code)))
        return [(call.args[0].__name__, "\n".join(call.args[2])) for call in show.call_args_list]

    def test_a_group_has_its_parts_and_begins_in_the_cell(self):
        ((name, traceback),) = self.told("def f(): raise ExceptionGroup('both', [ValueError('one'), KeyError('two')])\nf()")
        self.assertEqual(name, "ExceptionGroup")
        for part in ("both (2 sub-exceptions)", "ValueError: one", "KeyError: 'two'"):
            self.assertIn(part, traceback)
        self.assertNotIn("interactiveshell", traceback)

    def test_an_error_that_came_after_a_group_is_told_with_it(self):
        code = "try: raise ExceptionGroup('both', [ValueError('one')])\nexcept* ValueError: 1/0"
        ((name, traceback),) = self.told(code)
        self.assertEqual(name, "ZeroDivisionError")
        self.assertIn("both (1 sub-exception)", traceback)

    def test_a_magic_that_is_not_there_is_an_error(self):
        self.assertEqual(self.told("%nosuch"), [("UsageError", "UsageError: Line magic function `%nosuch` not found.")])

    def test_all_else_is_ipythons(self):
        (error,) = self.told("1/0")
        self.assertEqual(error[0], "ZeroDivisionError")
        self.assertEqual(self.told("1"), [])

    def test_a_ring_of_errors_has_an_end(self):
        one, two = ValueError(), KeyError()
        one.__context__, two.__context__ = two, one
        self.assertFalse(errors.has_group(one))


if __name__ == "__main__":
    unittest.main()
