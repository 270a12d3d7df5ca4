"""What code in a kernel reaches: every attempt of ``reach``, from inside every set of layers. Each attempt is first
made by the same process without isolation, where it must succeed, so that no refusal is an accident."""

import inspect
import unittest

import isolated
import reach
from isolated import ALL, IN_USER_NAMESPACE, OWN_USER, PLAIN_START, PLAIN_UID, ROOT, SHARED_USER, Failed, inside
from world import World

# What a set does not stop. docs/isolation.md has this table in words.
REACHED = {
    "see_that_a_file_exists": {SHARED_USER},
    "change_the_mode_of_a_file": {SHARED_USER},
    "change_the_mode_of_a_file_of_the_service": {SHARED_USER},
    "list_other_processes": {SHARED_USER},
    "count_other_processes": {OWN_USER, PLAIN_START, SHARED_USER},
    "wait_for_the_end_of_another": {OWN_USER, PLAIN_START, SHARED_USER},
    "connect_to_an_open_socket": {SHARED_USER},
    "connect_to_the_control_socket": {SHARED_USER},
    "read_anothers_shared_memory": {SHARED_USER},
}
# Attempts that prove something outside only as this user.
CONTROL_UID = {
    "become_root_by_a_program": lambda which: PLAIN_UID,
    "limit_another_kernel": lambda which: which.other_uid,
}
# What a system may not have at all, and how the attempt ends there.
ABSENT = {"call_as_32_bit": "killed by 11"}
ATTEMPTS = {
    name: function
    for name, function in inspect.getmembers(reach, inspect.isfunction)
    if not name.startswith("_") and function.__module__ == "reach" and name != "start_many_processes"
}


class _Reach:
    which: isolated.Set

    @classmethod
    def setUpClass(cls):
        missing = cls.which.missing()
        if missing:
            raise unittest.SkipTest(missing)
        cls.world = World(cls.which)
        cls.addClassCleanup(cls.world.close)

    def succeeds(self, attempt, entered, uid=None):
        """Whether it does, and how not."""
        try:
            return bool(inside(self.which, entered, lambda ask: attempt(self.world, ask), self.world.answer, uid)), ""
        except Failed as error:
            return False, str(error)

    def control(self, name, attempt):
        uid = CONTROL_UID[name](self.which) if ROOT and name in CONTROL_UID else None
        done, how = self.succeeds(attempt, None, uid)
        if not done and ROOT:
            done, how = self.succeeds(attempt, None, 0)
        if not done and ABSENT.get(name) == how:
            self.skipTest(f"this system does not have it: {how}")
        if not done and not ROOT:
            self.skipTest("outside of a kernel it takes root")
        self.assertTrue(done, f"the attempt fails without isolation, so its refusal proves nothing: {how}")

    def attempt(self, name, attempt):
        self.control(name, attempt)
        done, how = self.succeeds(attempt, self.world.plan())
        self.assertNotIn("IsolationError", how)
        self.assertEqual(done, self.which in REACHED.get(name, ()), how)

    def test_start_many_processes(self):
        bomb = reach.start_many_processes
        self.assertEqual(self.succeeds(bomb, self.world.plan()), (True, ""))
        if self.which.uid is None and "user" not in self.which.namespaces:
            return
        done, how = self.succeeds(bomb, self.world.plan(processes=self.world.processes))
        self.assertFalse(done)
        self.assertIn("BlockingIOError", how)


def _add(name, function):
    setattr(_Reach, f"test_{name}", lambda self: self.attempt(name, function))


for _name, _function in ATTEMPTS.items():
    _add(_name, _function)


class AllLayersAsRoot(_Reach, unittest.TestCase):
    which = ALL


class OwnUserAsRoot(_Reach, unittest.TestCase):
    which = OWN_USER


class PlainStartAsRoot(_Reach, unittest.TestCase):
    which = PLAIN_START


class NoNamespacesAsPlainUser(_Reach, unittest.TestCase):
    which = SHARED_USER


class AllLayersAsPlainUser(_Reach, unittest.TestCase):
    which = IN_USER_NAMESPACE


if __name__ == "__main__":
    unittest.main()
