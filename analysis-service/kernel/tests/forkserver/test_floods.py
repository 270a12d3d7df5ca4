"""Output without end, of a cell or of a process that it has left behind: cells end, all arrives, and little is kept."""

from forkserver.house import Housed

# More than any message of a stream that keeps pace.
MESSAGE_MAX_CHARS = 1024 * 1024


class Floods(Housed):
    """In a kernel of the test's own."""

    mode = "light"

    def test_a_process_that_prints_without_end_keeps_no_cell_from_ending(self):
        kernel = self.fork().start()
        for descriptor, name in ((1, "stdout"), (2, "stderr")):
            with self.subTest(name):
                start = f"import subprocess, sys\nleft = subprocess.Popen('yes >&{descriptor}', shell=True, process_group=0)"
                self.run_ok(start, kernel)
                text = self.run_ok(f"for i in range(20): print('x', i, file=sys.{name}, flush=True)", kernel)
                # Lines of others may come between the parts of one.
                own = "".join(text.replace("y", "").split())
                self.assertEqual(own, "".join(f"x{i}" for i in range(20)))
                self.run_ok("import os, signal\nos.killpg(left.pid, signal.SIGKILL); left.wait()", kernel)
                self.assertIn("quiet again\n", self.run_ok("print('quiet again')", kernel))

    def test_all_that_a_process_prints_arrives_in_order(self):
        code = """
            import subprocess
            left = subprocess.Popen(['seq', '1', '1000000'])
            while left.poll() is None:
                print('', end='', flush=True)
        """
        self.assertEqual(self.run_ok(code).splitlines(), [str(i) for i in range(1, 1_000_001)])

    def test_whoever_prints_waits_for_what_is_sent(self):
        for name, code in (
            ("a process", "import subprocess\nsubprocess.run('head -c 40000000 /dev/zero | tr \"\\\\0\" x', shell=True)"),
            ("the cell", "for _ in range(40_000): print('x' * 999)"),
        ):
            with self.subTest(name):
                reply = self.kernel.run(code)
                sizes = [len(content["text"]) for content in reply.of("stream")]
                self.assertEqual(sum(sizes), 40_000_000)
                self.assertLess(max(sizes), MESSAGE_MAX_CHARS)


if __name__ == "__main__":
    import unittest

    unittest.main()
