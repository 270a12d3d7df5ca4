"""What a value's own code computes is counted, and not how long it is kept waiting for a processor."""

import gc
import time
import types
import unittest
from unittest import mock

import numpy
import pandas
from fenxi_kernel.inspection import budget, variables
from fenxi_kernel.inspection.asked import Asked


class Value:
    """Whose text takes so long each time, with or without a collection of garbage in it."""

    def __init__(self, steps, times):
        self.steps, self.times = steps, list(times)

    def __repr__(self):
        secs, collects = self.times.pop(0)
        if collects:
            gc.collect()
        self.steps.computed += secs
        self.steps.now += secs
        self.steps.budget.enforce()
        return "a value"


class Steps(unittest.TestCase):
    """Of a thread whose clocks are moved by hand."""

    def setUp(self):
        self.now = self.computed = 0.0
        clocks = types.SimpleNamespace(
            monotonic=lambda: self.now, clock_gettime=lambda _: self.computed, sleep=self.sleep,
            pthread_getcpuclockid=time.pthread_getcpuclockid,
        )  # fmt: skip
        patched = mock.patch.object(budget, "time", clocks)
        patched.start()
        self.addCleanup(patched.stop)
        self.budget = budget.Budget(5.0)

    def sleep(self, secs):
        self.now += secs

    def step(self, waits, computes):
        """A step that is looked at when it has waited and computed for so long."""

        def work():
            self.now += waits + computes
            self.computed += computes
            self.budget.enforce()
            return "done"

        return self.budget.step(0.2, work)

    def test_one_that_is_kept_waiting_comes_to_its_end(self):
        self.assertEqual(self.step(0.7, 0.1), "done")
        self.assertEqual(self.step(0.7, 0.1), "done")

    def test_one_that_computes_or_waits_for_too_long_does_not(self):
        for waits, computes in ((0, 0.3), (1.1, 0)):
            with self.subTest(waits=waits), self.assertRaisesRegex(budget.TooSlow, "longer than 0.2 s"):
                self.step(waits, computes)

    def test_what_was_too_slow_costs_no_other_step_its_time(self):
        with self.assertRaises(budget.TooSlow):
            self.step(0, 0.3)
        self.assertEqual(self.now, 0.3)

    def test_a_value_in_whose_time_garbage_was_collected_has_another_try(self):
        text, too_slow = ("a value", ""), ("", "it took longer than 0.2 s")
        for times, shown in (
            ([(0.3, True), (0.1, False)], text), ([(0.3, False)], too_slow), ([(0.3, True), (0.3, True)], too_slow),
        ):  # fmt: skip
            with self.subTest(times):
                self.assertEqual(variables._summary(Value(self, times), self.budget, Asked({})), shown)

    def test_none_takes_longer_than_all_of_them_may(self):
        self.now = 4.9
        with self.assertRaises(budget.TooSlow):
            self.step(0.15, 0)

    def test_a_class_that_was_too_slow_is_not_asked_again(self):
        class Slow(Value):
            pass

        slow = {f"slow{at}": Slow(self, [(0.3, False)]) for at in range(50)}
        namespace = {"a": [slow["slow0"]], **slow, "nested": [slow["slow1"]], "z": [1], "zz": "text", "value": Value(self, [(0.1, False)])}
        shell = mock.Mock(user_ns=namespace, user_ns_hidden={})
        listing = variables.Listing(shell, {})
        self.assertTrue(listing.fill(self.budget))
        found = {each.pop("name"): each for each in listing.answer["variables"]}
        self.assertEqual(found["a"]["summary_error"], "it took longer than 0.2 s")
        for name in (*slow, "nested"):
            self.assertIn(".Slow took too long", found[name]["summary_error"])
        self.assertEqual([found[name]["summary"] for name in ("value", "z", "zz")], ["a value", "[1]", "'text'"])
        self.assertAlmostEqual(self.computed, 0.4)

    def test_what_cannot_be_slow_is_told_whatever_the_others_take(self):
        classes = [type(f"Slow{at}", (Value,), {}) for at in range(30)]
        namespace = {f"a{at:02}": each(self, [(0.3, False)]) for at, each in enumerate(classes)}
        namespace |= {"z1": 1, "z2": "x", "z3": pandas.DataFrame({"a": [1]}), "z4": numpy.zeros(2), "z5": [1]}
        shell = mock.Mock(user_ns=namespace, user_ns_hidden={})
        listing = variables.Listing(shell, {})
        self.budget = budget.Budget(1.0)
        listing.fill(self.budget)
        found = {each.pop("name"): each for each in listing.answer["variables"]}
        self.assertTrue(all("summary" in found[f"z{at}"] for at in range(1, 5)), found)
        self.assertEqual(found["a00"]["summary_error"], "it took longer than 0.2 s")
        self.assertEqual({found[name]["summary_error"] for name in ("a29", "z5")}, {"the time was up"})


if __name__ == "__main__":
    unittest.main()
