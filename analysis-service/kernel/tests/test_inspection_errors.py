"""An error of a value's own code is told in a line, and telling it runs none of that code."""

import unittest

from fenxi_kernel.inspection.variables import reason
from forkserver.house import Housed, wait_until
from test_inspection import variables


class Told(Exception):
    """Must not be asked."""

    def __repr__(self):
        raise SystemExit

    __str__ = __repr__


class Lying(type):
    def __eq__(cls, other):
        raise SystemExit

    __hash__ = type.__hash__


class Odd(str, metaclass=Lying):
    __str__ = __repr__ = Told.__repr__


class Plain(ValueError):
    pass


class Errors(unittest.TestCase):
    def test_a_plain_error_is_told_with_its_text(self):
        for error, text in (
            (ValueError("it is broken"), "ValueError: it is broken"), (KeyError("a"), "KeyError: 'a'"),
            (ValueError("a", 1, None), "ValueError: ('a', 1, None)"), (ValueError(), "ValueError:"),
            (FileNotFoundError(2, "no file", "x"), "FileNotFoundError: [Errno 2] no file: 'x'"),
            (ValueError(b"x" * 9), f"ValueError: {b'x' * 9}"), (ValueError("two\nlines"), "ValueError: two lines"),
        ):  # fmt: skip
            self.assertEqual(reason(error).strip(), text)
        self.assertTrue(reason(Plain("own")).endswith("Plain: own"))
        self.assertEqual(len(reason(ValueError("x" * 10**6))), 200)

    def test_nothing_of_the_users_is_asked(self):
        name = FileNotFoundError(2, "no file", "x")
        name.filename = Told()
        arguments = (ValueError(Told()), ValueError([Told()]), ValueError(Odd()), KeyError(Told()), OSError(2, Told()))
        for error in (*arguments, name):
            self.assertEqual(reason(error), type(error).__name__)
        self.assertTrue(reason(Told()).endswith("Told"))
        self.assertEqual(reason(ValueError(10**5000)), "ValueError")
        self.assertEqual(reason(ValueError("x" * 10**6, 1)), "ValueError")


class Kernels(Housed):
    def test_an_error_that_cannot_be_told_costs_no_other_value_its_text(self):
        self.run_ok(
            "class Endless:\n    def __repr__(self):\n        while True: pass\n"
            "class Broken:\n    def __repr__(self): raise ValueError(Endless())\n"
            "broken, later = Broken(), 1\nthreads = lambda: sum(each.name == 'inspection' for each in threading.enumerate())\n"
            "import threading"
        )
        for _ in range(5):
            found = variables(self.kernel)
            self.assertEqual(found["broken"]["summary_error"], "ValueError")
            self.assertEqual(found["later"]["summary"], "1")
        wait_until(lambda: self.kernel.value("threads()") == 0)
