"""What forked children of a kernel print: whole lines, each once."""

from forkserver.house import Housed

CHILDREN = """
import multiprocessing, os
def say(i):
    for n in range(20): print('child', i, n)
    return i
"""
# Every child's line, once.
SAID = sorted(f"child {i} {n}" for i in range(4) for n in range(20))


class Forked(Housed):
    """By each way to fork."""

    mode = "light"

    def lines(self, code):
        return self.run_ok(f"{CHILDREN}\n{code}").splitlines()

    def test_what_was_not_sent_before_a_fork_is_printed_once(self):
        code = """
            import os
            print('before', end=' ')
            child = os.fork()
            if child == 0:
                print('child')
                print('rest', end='', flush=True)
                os._exit(0)
            os.waitpid(child, 0)
            print(' after')
        """
        self.assertEqual(self.run_ok(code), "before child\nrest after\n")

    def test_processes_and_pools_print_whole_lines(self):
        for name, code in {
            "processes": (
                "all = [multiprocessing.Process(target=say, args=(i,)) for i in range(4)]\n"
                "for one in all: one.start()\nfor one in all: one.join()"
            ),
            "a pool": "with multiprocessing.Pool(4) as pool: pool.map(say, range(4), 1)",
            "futures": (
                "import concurrent.futures as futures\n"
                "with futures.ProcessPoolExecutor(4) as pool: list(pool.map(say, range(4)))"
            ),
        }.items():
            with self.subTest(name):
                first, *said, last = self.lines(f"print('first')\n{code}\nprint('last')")
                self.assertEqual((first, sorted(said), last), ("first", SAID, "last"))

    def test_a_process_that_ends_leaves_no_part_of_a_line_behind(self):
        code = "one = multiprocessing.Process(target=print, args=('no end',), kwargs={'end': ''})\none.start(); one.join()"
        self.assertEqual(self.lines(code), ["no end"])

    def test_long_lines_and_errors_arrive(self):
        code = """
            child = os.fork()
            if child == 0:
                print('x' * 1_000_000)
                print('分析', file=sys.stderr)
                os._exit(0)
            print(os.waitpid(child, 0)[1])
        """
        text = self.run_ok(f"import os, sys\nif True:\n{code}")
        self.assertEqual(text.replace("分析\n", "", 1), "x" * 1_000_000 + "\n0\n")

    def test_a_thread_that_prints_leaves_no_child_waiting(self):
        code = """
            import os, sys, threading
            on = True
            def talk():
                while on: print('t', end='')
            talking = threading.Thread(target=talk, daemon=True)
            talking.start()
            for _ in range(60):
                child = os.fork()
                if child == 0:
                    print('child')
                    os._exit(0)
                os.waitpid(child, 0)
            on = False
            talking.join()
        """
        text = self.run_ok(code)
        self.assertEqual(text.count("child\n"), 60)
        self.assertEqual(set(text), set("tchild\n"))

    def test_a_childs_child_prints_once(self):
        code = """
            import os
            for who in ('child', 'grandchild'):
                child = os.fork()
                if child: break
                print(who, end=' ')
            if child == 0:
                print('ends')
                os._exit(0)
            os.waitpid(child, 0)
            if os.getpid() != kernel:
                print('too')
                os._exit(0)
        """
        text = self.run_ok(f"import os\nkernel = os.getpid()\nif True:\n{code}")
        self.assertEqual(text, "grandchild ends\nchild too\n")


if __name__ == "__main__":
    import unittest

    unittest.main()
