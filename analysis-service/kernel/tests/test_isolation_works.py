"""What code in a kernel can do from inside every set of layers: all of ``works``, one after another in one kernel."""

import atexit
import inspect
import sys
import traceback
import unittest

import works
import zmq
from isolated import ALL, IN_USER_NAMESPACE, OWN_USER, PLAIN_START, SHARED_USER, Set, inside
from world import World

NAMES = [
    name
    for name, function in works.__dict__.items()
    if inspect.isfunction(function) and function.__module__ == "works" and name not in ("prepare", "make_dataset")
]


class _Works:
    which: Set

    @classmethod
    def setUpClass(cls):
        missing = cls.which.missing()
        if missing:
            raise unittest.SkipTest(missing)
        cls.world = world = World(cls.which)
        cls.addClassCleanup(world.close)

        def outside(ask):
            works.prepare(world)
            works.make_dataset(world)

        inside(cls.which, None, outside, uid=cls.which.kernel_uid)
        with zmq.Context() as context, context.socket(zmq.REQ) as cls.caller:
            cls.caller.linger = 0
            cls.failures = inside(cls.which, world.plan(), cls.all_of_them, cls.answer)

    @classmethod
    def answer(cls, question):
        if question == "ipc":
            cls.caller.connect(f"ipc://{cls.world.sockets}/s-1")
            cls.caller.send(b"hello")
        return True

    @classmethod
    def all_of_them(cls, ask):
        works.prepare(cls.world)
        # What is registered so far belongs to the tests; what the libraries register runs when the kernel ends.
        atexit._clear()
        failures = {}
        for name in NAMES:
            try:
                getattr(works, name)(cls.world, ask)
            except BaseException as error:
                failures[name] = "".join(traceback.format_exception(error))
            # A sign of life: the wait for the whole begins anew.
            ask(name)
        atexit._run_exitfuncs()
        return failures


def _add(name):
    setattr(_Works, f"test_{name}", lambda self: self.assertEqual(self.failures.get(name, ""), ""))


for _name in NAMES:
    _add(_name)


class AllLayersAsRoot(_Works, unittest.TestCase):
    which = ALL


class OwnUserAsRoot(_Works, unittest.TestCase):
    which = OWN_USER


class PlainStartAsRoot(_Works, unittest.TestCase):
    which = PLAIN_START


class NoNamespacesAsPlainUser(_Works, unittest.TestCase):
    which = SHARED_USER


class AllLayersAsPlainUser(_Works, unittest.TestCase):
    which = IN_USER_NAMESPACE


if __name__ == "__main__":
    sys.exit(unittest.main())
