"""Processes that are started anew: from a namespace that was reset, and by joblib."""

from forkserver.house import Housed


class Workers(Housed):
    """Of a kernel."""

    mode = "light"

    def test_what_joblibs_processes_print_comes_with_the_cell(self):
        code = """
            import joblib
            def say(i):
                for n in range(20): print('job', i, n)
                return i
            with joblib.parallel_backend('loky'):
                joblib.Parallel(2)(joblib.delayed(say)(i) for i in range(6))
        """
        self.assertEqual(sorted(self.run_ok(code).splitlines()), sorted(f"job {i} {n}" for i in range(6) for n in range(20)))

    def test_a_reset_leaves_a_module_that_processes_start_from(self):
        self.run_ok("x = 1\n%reset -f")
        code = """
            import math, multiprocessing
            with multiprocessing.get_context('spawn').Pool(1) as pool: print(pool.map(math.sqrt, [4]), 'x' in globals())
        """
        self.assertEqual(self.run_ok(code), "[2.0] False\n")


if __name__ == "__main__":
    import unittest

    unittest.main()
