"""What a kernel has sent does not stay in its memory."""

import unittest

from forkserver.house import Housed, shared_server
from forkserver.talk import Cold

# How many cells there is something kept of, and how many pieces.
KEPT = "[len(get_ipython().history_manager.outputs), sum(map(len, get_ipython().history_manager.outputs.values()))]"


class Forked(Housed):
    """In a forked kernel."""

    mode = "light"

    def test_nothing_that_was_shown_is_kept(self):
        self.run_ok("for i in range(1000): print('line', i)\n[i] * 3")
        self.run_ok("import sys\nprint('error', file=sys.stderr)\ndisplay('shown')\n'result'")
        self.assertEqual(self.kernel.value(KEPT), [0, 0])

    def test_results_can_still_be_named_and_output_captured(self):
        reply = self.kernel.run("6 * 7")
        self.assertEqual(reply.of("execute_result")[0]["data"]["text/plain"], "42")
        self.assertEqual(self.run_ok(f"print(_, Out[{reply.content['execution_count']}])"), "42 42\n")
        self.assertEqual(self.run_ok("%%capture taken\nprint('x')\ndisplay(1)"), "")
        self.assertEqual(self.kernel.value("[taken.stdout, len(taken.outputs)]"), ["x\n", 1])
        self.run_ok("%reset -f")
        self.assertEqual(self.run_ok("print('on')"), "on\n")


class Plain(Forked):
    """In one that was started cold."""

    @classmethod
    def setUpClass(cls):
        cls.kernel = Cold(shared_server("light").home).start()
        cls.addClassCleanup(cls.kernel.end)


if __name__ == "__main__":
    unittest.main()
