"""Code is looked into as in any Python: where it stops, and where the last error was."""

import unittest

from forkserver.house import Housed, shared_server
from forkserver.talk import LIMIT_SECS, Cold


class Forked(Housed):
    """In a forked kernel."""

    mode = "light"

    def test_a_breakpoint_stops_and_asks(self):
        code = """
            def look():
                here = 41
                breakpoint()
                return here
            print('went on', look())
        """
        asked = self.kernel.client.execute(code, allow_stdin=True)
        for reply in ("p here + 1", "c"):
            request = self.kernel.client.get_stdin_msg(timeout=LIMIT_SECS)
            self.assertEqual(request["parent_header"]["msg_id"], asked)
            self.kernel.client.input(reply)
        text = ""
        while "went on 41\n" not in text:
            message = self.kernel.client.get_iopub_msg(timeout=LIMIT_SECS)
            if message["msg_type"] == "stream":
                text += message["content"]["text"]
        self.assertIn("42\n", text)

    def test_the_debugger_has_no_error_before_there_was_one(self):
        kernel = self.another()
        self.assertIn("No traceback has been produced", self.run_ok("%debug", kernel))
        self.assertEqual(kernel.value("[name for name in dir(__import__('sys')) if name.startswith('last_')]"), [])

    def another(self):
        """A kernel in which nothing has run."""
        return self.fork().start()


class Plain(Forked):
    """In one that was started cold."""

    @classmethod
    def setUpClass(cls):
        cls.kernel = Cold(shared_server("light").home).start()
        cls.addClassCleanup(cls.kernel.end)

    def another(self):
        kernel = Cold(shared_server("light").home).start()
        self.addCleanup(kernel.end)
        return kernel


if __name__ == "__main__":
    unittest.main()
