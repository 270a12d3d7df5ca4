"""Jupyter's own checks of a kernel (jupyter_kernel_test), against a kernelspec that goes through a fork server."""

import contextlib
import json
import os
import queue
import sys
import tempfile
import unittest
from unittest import mock

import jupyter_kernel_test
from forkserver.talk import LIMIT_SECS, ROOT
from jupyter_client.manager import start_new_kernel


class Deep(jupyter_kernel_test.KernelTests):
    """With the application built before the fork."""

    mode = "deep"
    kernel_name = "fenxi"
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = (
        {"text": "zi", "matches": {"zip"}},
        {"text": "import tokeni", "matches": {"tokenize"}},
        {"text": "分析 = 1; 分"},
    )
    complete_code_samples = ("1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n", "%matplotlib inline")
    incomplete_code_samples = ("print('''hello", "def f(x):\n  x*2", "for i in [1]:", "[1,")
    invalid_code_samples = ("import = 7q", "1 +* 2")
    code_page_something = "zip?"
    code_generate_error = "raise ValueError('x')"
    code_execute_result = (
        {"code": "1+2+3", "result": "6"},
        {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"},
        {"code": "import pandas; pandas.DataFrame({'a': [1]})", "mime": "text/html"},
    )
    code_display_data = (
        {"code": "from IPython.display import HTML, display; display(HTML('<b>test</b>'))", "mime": "text/html"},
        {"code": "from IPython.display import Math, display; display(Math('x'))", "mime": "text/latex"},
        {"code": "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()", "mime": "image/png"},
        {"code": "import plotly.express as px; px.line(y=[1]).show()", "mime": "application/vnd.plotly.v1+json"},
    )
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"

    @classmethod
    def setUpClass(cls):
        # Short, because it is the folder of sockets, too.
        home = tempfile.TemporaryDirectory(prefix="j", dir="/tmp")
        cls.addClassCleanup(home.cleanup)
        folder = os.path.join(home.name, "kernels", cls.kernel_name)
        os.makedirs(folder)
        spec = {
            "argv": [sys.executable, "-m", "forkserver.through", cls.mode, "{connection_file}"],
            "display_name": "Fenxi", "language": "python",
            "env": {"PYTHONPATH": f"{ROOT}:{ROOT}/tests", "PYTHONDONTWRITEBYTECODE": "1"},
        }  # fmt: skip
        with open(os.path.join(folder, "kernel.json"), "w", encoding="utf-8") as file:
            json.dump(spec, file)
        places = mock.patch.dict(os.environ, JUPYTER_PATH=home.name, JUPYTER_RUNTIME_DIR=os.path.join(home.name, "r"))
        places.start()
        cls.addClassCleanup(places.stop)
        cls.km, cls.kc = start_new_kernel(startup_timeout=LIMIT_SECS, kernel_name=cls.kernel_name)

    def flush_channels(self):
        # Theirs takes a channel for empty that was silent for 0.1 s. Whatever a kernel still has to say comes before the
        # end of another request, which is made again where nobody heard it: a kernel may just have been started anew.
        ended = False
        while not ended:
            asked = self.kc.kernel_info()
            with contextlib.suppress(queue.Empty):
                while not ended:
                    said = self.kc.get_iopub_msg(timeout=1)
                    jupyter_kernel_test.validate_message(said)
                    idle = said["content"].get("execution_state") == "idle"
                    ended = idle and said["parent_header"].get("msg_id") == asked
        while True:
            reply = self.kc.get_shell_msg(timeout=LIMIT_SECS)
            jupyter_kernel_test.validate_message(reply)
            if reply["parent_header"].get("msg_id") == asked:
                return

    def execute_helper(self, *arguments, **options):
        # Theirs gives up when a message takes more than 0.1 s, which a busy machine needs now and then.
        channel = self.kc.iopub_channel
        get = jupyter_kernel_test.ensure_sync(channel.get_msg)
        with mock.patch.object(channel, "get_msg", lambda timeout: get(timeout=LIMIT_SECS)):
            return super().execute_helper(*arguments, timeout=LIMIT_SECS, **options)

    def test_history(self):
        # Theirs asks the database for what other sessions ran. A kernel of ours has none, the service keeps the
        # history; so these answers are empty, and the kernel's own cells are told from its memory.
        codes = [sample["code"] for sample in self.code_execute_result]
        for kind, options in (("tail", {"n": 3}), ("search", {"pattern": "1*", "n": 3})):
            with self.subTest(kind):
                reply = self.history_helper(codes, output=False, raw=True, hist_access_type=kind, **options)
                self.assertEqual((reply["content"]["status"], reply["content"]["history"]), ("ok", []))
        reply = self.history_helper(codes, output=False, raw=True, hist_access_type="range", session=0, start=-3)
        self.assertEqual([code for _, _, code in reply["content"]["history"]], codes)

    def test_it_is_interrupted_and_started_anew_by_its_manager(self):
        self.flush_channels()
        asked = self.kc.execute("import time; print('on', flush=True); time.sleep(600)")
        while self.kc.get_iopub_msg(timeout=LIMIT_SECS)["msg_type"] != "stream":
            pass
        self.km.interrupt_kernel()
        reply = self.get_non_kernel_info_reply(timeout=LIMIT_SECS)
        self.assertEqual((reply["parent_header"]["msg_id"], reply["content"]["ename"]), (asked, "KeyboardInterrupt"))
        self.flush_channels()
        self.execute_helper("kept = 1")
        self.km.restart_kernel(now=False)
        self.kc.wait_for_ready(timeout=LIMIT_SECS)
        self.flush_channels()
        reply, _ = self.execute_helper("kept")
        self.assertEqual(reply["content"]["ename"], "NameError")


class Warm(Deep):
    """With the libraries only."""

    mode = "warm"


if __name__ == "__main__":
    unittest.main()
