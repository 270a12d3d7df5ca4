"""The thread that sends output."""

import threading
import unittest

import zmq
from fenxi_kernel.output_thread import QuietIOPubThread

LIMIT_SECS = 60


class OutputThreadTest(unittest.TestCase):
    def test_what_fails_keeps_nothing_behind_it_from_being_done(self):
        context = zmq.Context()
        self.addCleanup(context.destroy, linger=0)
        thread = QuietIOPubThread(context.socket(zmq.PUB))
        thread.start()
        self.addCleanup(thread.stop)
        begin, ended = threading.Event(), threading.Event()
        # All of it waits when the thread comes to the first.
        for step in (begin.wait, lambda: 1 / 0, ended.set):
            thread.schedule(step)
        begin.set()
        self.assertTrue(ended.wait(LIMIT_SECS))
        self.assertTrue(thread.done(int, LIMIT_SECS))


if __name__ == "__main__":
    unittest.main()
