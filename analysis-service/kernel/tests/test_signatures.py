"""Signatures of what is written in C are as the standard library has them."""

import builtins
import inspect
import itertools
import math
import sys
import unittest
from unittest import mock

from fenxi_kernel import signatures


def signature(thing):
    try:
        return str(inspect.signature(thing))
    except (TypeError, ValueError) as error:
        return str(error)


class Signatures(unittest.TestCase):
    def setUp(self):
        self.enterContext(mock.patch.object(inspect, "_signature_fromstr", inspect._signature_fromstr))

    def test_they_are_the_standard_librarys(self):
        modules = (builtins, math, itertools, sys, __import__("_io"), __import__("posix"), __import__("_socket"))
        things = [thing for module in modules for thing in vars(module).values() if callable(thing)]
        things += [thing for kind in (list, dict, str, bytes, int) for thing in vars(kind).values() if callable(thing)]
        expected = [signature(thing) for thing in things]
        signatures.install()
        self.assertEqual([signature(thing) for thing in things], expected)

    def test_a_default_is_found_in_another_module(self):
        signatures.install()
        self.assertEqual(str(inspect.signature([].index)), f"(value, start=0, stop={sys.maxsize}, /)")

    def test_a_default_that_is_nowhere_is_refused(self):
        signatures.install()
        with self.assertRaises(ValueError):
            inspect._signature_fromstr(inspect.Signature, print, "(one=nowhere.value)")

    def test_the_modules_are_not_copied(self):
        signatures.install()
        modules = inspect._signature_fromstr.__globals__["sys"].modules
        self.assertEqual(len(modules.copy()), 0)
        self.assertIs(modules.copy()["math"], math)
        self.assertIs(modules.get("math"), math)


if __name__ == "__main__":
    unittest.main()
