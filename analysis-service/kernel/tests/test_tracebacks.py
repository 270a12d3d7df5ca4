"""A frame's module is what the standard library says it is, looked for once in each file."""

import inspect
import sys
import types
import unittest
from unittest import mock

from fenxi_kernel import tracebacks

look_for = tracebacks._look_for


def frames(depth):
    return [sys._getframe()] if depth == 0 else [sys._getframe(), *frames(depth - 1)]


def code_of(name):
    """The code of a function in the file of a module of that name."""
    return compile("def f(): pass", f"/{name}.py", "exec").co_consts[0]


class Tracebacks(unittest.TestCase):
    def setUp(self):
        tracebacks._known.clear()
        self.enterContext(mock.patch.object(tracebacks, "_last_shared", None))
        self.enterContext(mock.patch.object(inspect, "getmodule", tracebacks.module_of))

    def test_a_recursion_is_looked_for_once(self):
        cell = {}
        source = "import sys\ndef f(n): return [sys._getframe()] if n == 0 else [sys._getframe(), *f(n - 1)]"
        exec(compile(source, "<cell 1>", "exec"), cell)
        with mock.patch.object(tracebacks, "_look_for", side_effect=look_for) as looked:
            found = {tracebacks.module_of(frame) for frame in cell["f"](500)}
            # Looking may load a module itself.
            self.assertLess(looked.call_count, 5)
        self.assertEqual(found, {look_for(cell["f"](0)[0])})
        self.assertEqual({tracebacks.module_of(frame) for frame in frames(10)}, {sys.modules[__name__]})

    def test_what_is_loaded_later_is_found(self):
        name = "a_module_of_this_test"
        code = code_of(name)
        self.assertEqual(tracebacks.module_of(code), look_for(code))
        module = types.ModuleType(name)
        module.__file__ = f"/{name}.py"
        with mock.patch.dict(sys.modules, {name: module}):
            self.assertIs(tracebacks.module_of(code), module)

    def test_all_else_is_the_standard_librarys(self):
        for thing in (inspect, unittest.TestCase, frames, 7):
            self.assertIs(tracebacks.module_of(thing), look_for(thing))

    def test_of_shared_modules_it_looks_at_none_again(self):
        looked = []

        class Watched(types.ModuleType):
            @property
            def __file__(self):
                looked.append(self.__name__)
                return f"/{self.__name__}.py"

        def watched(*names):
            return {name: Watched(name) for name in names}

        with mock.patch.dict(sys.modules, watched("one_shared", "last_shared")):
            tracebacks.share_modules()
            self.assertEqual(set(looked), {"one_shared", "last_shared"})
            looked.clear()
            self.assertIs(tracebacks.module_of(code_of("one_shared")), sys.modules["one_shared"])
            self.assertIsNone(tracebacks.module_of(code_of("in_no_module")))
            self.assertEqual(looked, [])
            sys.modules |= watched("one_later", "another_later")
            for name in ("one_later", "one_shared", "another_later", "last_shared"):
                self.assertIs(tracebacks.module_of(code_of(name)), sys.modules[name])
            self.assertEqual(set(looked), {"one_later", "another_later"})

    def test_without_the_last_that_was_shared_it_looks_at_all(self):
        with mock.patch.dict(sys.modules, {"last_shared": types.ModuleType("last_shared")}):
            tracebacks.share_modules()
            del sys.modules["last_shared"]
            self.assertIsNone(tracebacks.module_of(code_of("in_no_module")))
            later = sys.modules["one_later"] = types.ModuleType("one_later")
            later.__file__ = "/one_later.py"
            self.assertIs(tracebacks.module_of(code_of("one_later")), later)


if __name__ == "__main__":
    unittest.main()
