"""A kernel that no interrupt ends tells where it is: on a signal, in its log, whoever has the interpreter's lock."""

import re
import signal
import time

from fenxi_kernel.app import STACKS_SIGNAL
from forkserver.house import Housed, wait_until
from forkserver.talk import Cold, once_it_says

# A lock that is taken twice: no signal ends the second wait.
LOCK = """
import ctypes
libc, lock = ctypes.{library}(None), ctypes.create_string_buffer(64)
libc.pthread_mutex_lock(lock)
def wait_in_c():
    libc.pthread_mutex_lock(lock)
wait_in_c()
"""
# None of these looks at signals. Two keep the interpreter's lock, the last gives it back.
STUCK = (
    "def wait_in_c():\n    sum(range(10**12))\nwait_in_c()",
    LOCK.format(library="PyDLL"),
    LOCK.format(library="CDLL"),
)
# One thread's part, with the cell's function innermost.
IN_THE_CELL = re.compile(
    r'^(?:Current thread|Thread) 0x[0-9a-f]+ \(most recent call first\):\n'
    r'  File "[^"\n]+", line \d+ in wait_in_c\n  File "[^"\n]+", line \d+ in <module>\n',
    re.MULTILINE,
)
A_THREAD = re.compile(r"^(?:Current thread|Thread) 0x[0-9a-f]+ \(most recent call first\):$", re.MULTILINE)


class Deep(Housed):
    """With the application built before the fork."""

    def another(self):
        """A kernel of the test's own, started."""
        return self.fork().start()

    def stacks(self, kernel, found):
        """Asks for stacks until there is what is looked for, once more than before."""
        before = len(found.findall(kernel.so_far()))

        def told():
            # Not in a rush: while other threads run, reading their stacks is a risk that a kernel takes only before its end.
            time.sleep(0.3)
            kernel.signal(STACKS_SIGNAL)
            time.sleep(0.2)
            return len(found.findall(kernel.so_far())) > before

        wait_until(told, "no stack is told")

    def test_a_kernel_stuck_in_c_tells_its_stacks(self):
        for code in STUCK:
            with self.subTest(code):
                kernel = self.another()
                # It says nothing before: what would send it may wait for the interpreter's lock.
                kernel.client.execute(code)
                # Twice, because it may have been on its way into C the first time.
                self.stacks(kernel, IN_THE_CELL)
                self.stacks(kernel, IN_THE_CELL)
                kernel.signal(signal.SIGINT)
                self.stacks(kernel, IN_THE_CELL)
                # Beside the cell's: control, iopub, heartbeat and others.
                self.assertGreater(len(A_THREAD.findall(kernel.so_far())), 4)
                kernel.end()

    def test_a_cell_goes_on_after_it_and_does_not_see_it(self):
        kernel = self.another()

        def ask():
            self.stacks(kernel, re.compile("in told\n"))
            open(f"{kernel.work}/told", "w").close()

        code = """
            import os, time
            def told():
                while not os.path.exists('told'):
                    time.sleep(0.01)
            print('on', flush=True)
            told()
        """
        self.assertEqual(kernel.run(code, once_it_says("on", ask)).content["status"], "ok")
        self.assertEqual(kernel.run("print(1)").text, "1\n")

    def test_code_may_have_the_signal_for_itself(self):
        kernel = self.another()
        number = int(STACKS_SIGNAL)
        code = f"""
            import os, signal
            got = []
            before = signal.signal({number}, lambda *_: got.append(1))
            os.kill(os.getpid(), {number})
            print(before is signal.SIG_DFL, got)
        """
        self.assertEqual(self.run_ok(code, kernel), "True [1]\n")
        # A program that it starts ends by the signal as ever.
        code = f"""
            import subprocess
            started = subprocess.Popen(['sleep', '600'])
            started.send_signal({number})
            print(started.wait())
        """
        self.assertEqual(self.run_ok(code, kernel), f"-{number}\n")
        self.assertEqual(kernel.so_far(), "")


class Warm(Deep):
    """With the libraries only."""

    mode = "warm"


class Plain(Deep):
    """A program of its own."""

    def another(self):
        kernel = Cold(self.server.home).start()
        self.addCleanup(kernel.end)
        return kernel


if __name__ == "__main__":
    import unittest

    unittest.main()
