"""Startup files of a kernel's own profile run, and cannot make it unstartable."""

import os

from forkserver.house import Housed, wait_until

FOLDER = ".ipython/profile_default/startup"


class Startup(Housed):
    """In kernels that are given files."""

    mode = "light"

    def mark(self, kernel):
        return os.path.join(kernel.work, FOLDER, ".running")

    def test_they_run_at_each_start_and_leave_no_mark(self):
        kernel = self.fork(files={f"{FOLDER}/first.py": "started = 1\n", f"{FOLDER}/second.py": "1/0\n"}).start()
        self.assertEqual(self.run_ok("print(started)", kernel), "1\n")
        self.assertFalse(os.path.exists(self.mark(kernel)))

    def test_one_that_ends_the_process_is_left_out_at_the_next_start(self):
        files = {f"{FOLDER}/end.py": "import os\nos._exit(7)\n"}
        kernel = self.fork(files=files)
        self.assertEqual(kernel.wait(), 7)
        self.assertTrue(os.path.exists(self.mark(kernel)))
        # What the first has left is what the next one finds.
        again = self.fork(files=files | {f"{FOLDER}/.running": ""}).start()
        self.assertEqual(self.run_ok("print('on')", again), "on\n")
        wait_until(lambda: "end.py\n" in again.so_far(), "the log does not say it")
        self.assertIn("left out", again.so_far())
        self.assertFalse(os.path.exists(self.mark(again)))


if __name__ == "__main__":
    import unittest

    unittest.main()
