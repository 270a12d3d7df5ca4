"""A forked kernel's life: interrupts, questions, its channels, its end."""

import os
import signal

import zmq
from forkserver.house import Housed
from forkserver.talk import LIMIT_SECS, once_it_says


class Deep(Housed):
    """With the application built before the fork."""

    def test_everything_that_runs_is_interrupted(self):
        for wait in ("import time; time.sleep(600)", "while True: pass", "import asyncio; await asyncio.sleep(600)"):
            with self.subTest(wait):
                interrupt = once_it_says("on", lambda: self.kernel.signal(signal.SIGINT))
                reply = self.kernel.run(f"print('on', flush=True)\n{wait}", interrupt)
                self.assertEqual(reply.content["status"], "error")
                self.assertIn(reply.content["ename"], ("KeyboardInterrupt", "CancelledError"))
        self.assertEqual(self.run_ok("print('alive')"), "alive\n")

    def test_input_and_getpass_are_answered(self):
        for code, hidden in (("print(input('q? '))", False), ("import getpass\nprint(getpass.getpass('q? '))", True)):
            with self.subTest(code):

                def answer(message, hidden=hidden):
                    if message["msg_type"] == "execute_input":
                        asked = self.kernel.client.get_stdin_msg(timeout=LIMIT_SECS)["content"]
                        self.assertEqual(asked, {"prompt": "q? ", "password": hidden})
                        self.kernel.client.input("分析")

                self.assertEqual(self.kernel.run(code, answer).text, "分析\n")

    def test_getpass_has_a_prompt_of_its_own(self):
        def answer(message):
            if message["msg_type"] == "execute_input":
                asked = self.kernel.client.get_stdin_msg(timeout=LIMIT_SECS)["content"]
                self.assertEqual(asked, {"prompt": "Password: ", "password": True})
                self.kernel.client.input("x")

        self.assertEqual(self.kernel.run("import getpass\nprint(getpass.getpass())", answer).text, "x\n")

    def control(self, kind, content):
        client = self.kernel.client
        message = client.session.msg(kind, content)
        client.control_channel.send(message)
        reply = client.get_control_msg(timeout=LIMIT_SECS)
        self.assertEqual(reply["parent_header"]["msg_id"], message["header"]["msg_id"])
        return reply["content"]

    def test_the_control_channel_tells_usage_and_the_debugger_starts(self):
        self.assertEqual(self.control("usage_request", {})["pid"], self.kernel.pid)
        asked = {"type": "request", "seq": 1, "command": "debugInfo", "arguments": {}}
        self.assertFalse(self.control("debug_request", asked)["body"]["isStarted"])
        asked |= {"seq": 2, "command": "initialize", "arguments": {"clientID": "x", "adapterID": ""}}
        self.assertTrue(self.control("debug_request", asked)["success"])

    def test_its_heart_beats(self):
        with zmq.Context() as context, context.socket(zmq.REQ) as heart:
            heart.linger, heart.rcvtimeo = 0, LIMIT_SECS * 1000
            heart.connect(self.kernel.client.hb_channel.address)
            for beat in (b"ping", b"again"):
                heart.send(beat)
                self.assertEqual(heart.recv(), beat)

    def test_it_ends_when_told_to(self):
        kernel = self.fork().start()
        self.run_ok("import atexit; atexit.register(lambda: open('ended', 'w').close())", kernel)
        self.run_ok("import threading, time; threading.Thread(target=time.sleep, args=[0.2]).start()", kernel)
        kernel.client.shutdown()
        self.assertEqual(kernel.wait(), 0)
        self.assertTrue(os.path.exists(os.path.join(kernel.work, "ended")))
        self.assertEqual(kernel.said(), "")

    def test_a_crash_tells_where_it_was(self):
        for code, number, cause in (
            ("import ctypes; ctypes.string_at(0)", signal.SIGSEGV, "Segmentation fault"),
            ("import os; os.abort()", signal.SIGABRT, "Aborted"),
        ):
            with self.subTest(code):
                kernel = self.fork().start()
                kernel.client.execute(code)
                self.assertEqual(kernel.wait(), -number)
                self.assertIn(f"Fatal Python error: {cause}", kernel.said())
                self.assertIn("<module>", kernel.said())

    def test_a_killed_kernel_is_followed_by_another(self):
        kernel = self.fork().start()
        kernel.signal(signal.SIGKILL)
        self.assertEqual(kernel.wait(), -signal.SIGKILL)
        self.assertEqual(self.run_ok("print(1)", self.fork().start()), "1\n")

    def test_libc_knows_its_thread(self):
        # What libc keeps of the thread's id is used by raise() and pthread_kill(), and would be the server's.
        code = """
            import ctypes, os, signal, threading
            got = []
            signal.signal(signal.SIGUSR1, lambda *_: got.append(1))
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            ctypes.CDLL(None)['raise'](signal.SIGUSR1)
            print(len(got), ctypes.CDLL(None).gettid() == os.getpid() == threading.get_native_id())
        """
        self.assertEqual(self.run_ok(code), "2 True\n")


class Warm(Deep):
    """With the libraries only."""

    mode = "warm"


if __name__ == "__main__":
    import unittest

    unittest.main()
