"""An interrupt of what prints, wherever in the stream it comes, costs the kernel neither its output nor its thread."""

from forkserver.house import Housed

# Raises as a signal's handler does, at each place in turn at which the interpreter looks for signals: where a function
# begins, and where one of C has come back.
EVERYWHERE = """
import sys
from ipykernel.kernelapp import IPKernelApp

def interrupted_at(place, say):
    left = place
    def pass_by(_frame, event, _function):
        nonlocal left
        left -= event in ('call', 'c_return')
        if left == 0: raise KeyboardInterrupt
    try:
        sys.setprofile(pass_by)
        say()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False

def everywhere(say):
    place = 1
    while interrupted_at(place, say): place += 1
    return place
"""


class Everywhere(Housed):
    """In a kernel of the test's own."""

    mode = "light"

    def test_it_goes_on_sending(self):
        kernel = self.fork().start()
        self.run_ok(EVERYWHERE, kernel)
        sender = "IPKernelApp.instance().iopub_thread"
        for say in (
            "print('on', flush=True)", "print('x' * 100_000)", "print('on', file=sys.stderr)", f"{sender}.schedule(int)",
        ):  # fmt: skip
            with self.subTest(say):
                self.run_ok(f"places = everywhere(lambda: {say})", kernel)
                self.assertGreater(kernel.value("places"), 5)
                self.assertTrue(kernel.value(f"{sender}.thread.is_alive()"))
                self.assertEqual(self.run_ok("print('goes on')", kernel), "goes on\n")


if __name__ == "__main__":
    import unittest

    unittest.main()
