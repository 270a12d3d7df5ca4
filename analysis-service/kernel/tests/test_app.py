"""The application is ipykernel's with the repairs: driven by the real jupyter_client."""

import os
import queue
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

from forkserver.talk import until_it_may_ask
from jupyter_client import BlockingKernelClient

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT_SECS = 60


class App(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.TemporaryDirectory(dir="/tmp")
        cls.client = BlockingKernelClient(transport="ipc", ip=os.path.join(cls.home.name, "s"))
        for number, port in enumerate(("shell", "iopub", "stdin", "control", "hb"), 1):
            setattr(cls.client, f"{port}_port", number)
        cls.client.session.key = uuid.uuid4().hex.encode()
        file = os.path.join(cls.home.name, "connection.json")
        cls.client.connection_file = file
        cls.client.write_connection_file()
        env = {"HOME": cls.home.name, "PATH": os.environ["PATH"], "PYTHONPATH": ROOT, "LANG": "C.UTF-8"}
        command = [sys.executable, "-m", "fenxi_kernel", file]
        cls.kernel = subprocess.Popen(command, env=env, cwd=cls.home.name, stdin=subprocess.DEVNULL)
        # jupyter_client takes a kernel for dead that has not opened its sockets within a second.
        begun = time.monotonic()
        while not all(os.path.exists(f"{cls.home.name}/s-{number}") for number in range(1, 6)):
            assert time.monotonic() - begun < LIMIT_SECS and cls.kernel.poll() is None, "the kernel does not start"
            time.sleep(0.02)
        until_it_may_ask(f"{cls.home.name}/s-3")
        cls.client.start_channels()
        cls.client.wait_for_ready(timeout=LIMIT_SECS)

    @classmethod
    def tearDownClass(cls):
        cls.client.stop_channels()
        cls.kernel.kill()
        cls.kernel.wait()
        cls.home.cleanup()

    def run_code(self, code, while_running=None):
        """Gives the reply's content, and the text that was printed."""
        text, asked = [], self.client.execute(code, allow_stdin=True)
        if while_running:
            while_running()
        while True:
            message = self.client.get_iopub_msg(timeout=LIMIT_SECS)
            if message["parent_header"].get("msg_id") != asked:
                continue
            if message["msg_type"] == "stream":
                text.append(message["content"]["text"])
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        return self.reply_to(asked)["content"], "".join(text)

    def reply_to(self, asked):
        # jupyter_client asks again and again whether a kernel is ready; answers to that come late on a busy machine.
        while True:
            message = self.client.get_shell_msg(timeout=LIMIT_SECS)
            if message["parent_header"].get("msg_id") == asked:
                return message

    def interrupt_when_running(self):
        while True:
            message = self.client.get_iopub_msg(timeout=LIMIT_SECS)
            if message["msg_type"] == "stream" and "on" in message["content"]["text"]:
                break
        self.kernel.send_signal(signal.SIGINT)

    def test_runs_code_and_counts(self):
        first, _ = self.run_code("1+1")
        second, _ = self.run_code("_ + 1")
        self.assertEqual(second["execution_count"], first["execution_count"] + 1)
        self.assertEqual(self.run_code("print(_)")[1], "3\n")

    def test_messages_are_not_noted(self):
        # ipykernel has notes of each message made, which its handler throws away.
        self.assertEqual(self.run_code("print(get_ipython().kernel.log.isEnabledFor(10))")[1], "False\n")

    def test_its_connection_file_is_found_again_where_it_was_named(self):
        folder = "print(get_ipython().kernel.parent.connection_dir)"
        self.assertEqual(self.run_code(folder)[1], f"{self.home.name}\n")
        named = "from ipykernel import connect\nprint(connect.get_connection_file())"
        self.assertEqual(self.run_code(named)[1], f"{self.home.name}/connection.json\n")

    def test_an_await_is_interrupted(self):
        code = "import asyncio\nprint('on', flush=True)\nawait asyncio.sleep(600)"
        reply, _ = self.run_code(code, self.interrupt_when_running)
        self.assertEqual(reply["status"], "error")

    def test_input_is_answered_and_interrupted_without_polling(self):
        def answer():
            asked = self.client.get_stdin_msg(timeout=LIMIT_SECS)
            self.assertEqual(asked["content"]["prompt"], "name? ")
            self.client.input("分析")

        self.assertEqual(self.run_code("print(input('name? '))", answer)[1], "分析\n")

        def interrupt():
            self.client.get_stdin_msg(timeout=LIMIT_SECS)
            self.kernel.send_signal(signal.SIGINT)

        reply, _ = self.run_code("input('x')", interrupt)
        self.assertEqual(reply["ename"], "KeyboardInterrupt")

    def test_writes_files_for_itself_alone_and_keeps_no_history(self):
        code = "open('made.txt', 'w').close()\nimport os\nprint(oct(os.stat('made.txt').st_mode & 0o777))"
        self.assertEqual(self.run_code(code)[1], "0o600\n")
        self.assertEqual(self.run_code("print(get_ipython().history_manager.enabled)")[1], "False\n")
        self.assertEqual(self.run_code("print(get_ipython().Completer.use_jedi)")[1], "False\n")

    def test_sends_output_of_many_threads_and_wakes_for_nothing_else(self):
        code = "\n".join(
            (
                "import threading",
                "from ipykernel.kernelapp import IPKernelApp",
                "for i in range(500):",
                "    thread = threading.Thread(target=print, args=(i,), kwargs={'flush': True})",
                "    thread.start()",
                "    thread.join()",
                "sender = IPKernelApp.instance().iopub_thread",
                "print(len(sender._event_pipes) < 100, sender._event_pipe_gc_task.done())",
            )
        )
        reply, text = self.run_code(code)
        self.assertEqual(reply["status"], "ok", reply)
        self.assertEqual(text.split(), [*(str(i) for i in range(500)), "True", "True"])

    def test_output_waits_for_a_slow_reader(self):
        lines = 20_000
        code = f"import sys\nfor i in range({lines}):\n    sys.stdout.write(f'{{i}}\\n')\n    sys.stdout.flush()"
        asked = self.client.execute(code)
        time.sleep(1)  # the reader pauses while the kernel fills every buffer on the way
        text = []
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=LIMIT_SECS)
            except queue.Empty:
                self.fail(f"the output ended after {len(''.join(text).splitlines())} lines")
            if message["msg_type"] == "stream":
                text.append(message["content"]["text"])
            elif message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                if message["parent_header"].get("msg_id") == asked:
                    break
        self.reply_to(asked)
        self.assertEqual("".join(text).split(), [str(i) for i in range(lines)])


if __name__ == "__main__":
    unittest.main()
