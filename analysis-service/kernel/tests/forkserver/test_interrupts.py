"""An interrupt ends whatever a cell does, and leaves its kernel with all variables."""

import signal

from forkserver.house import Housed
from forkserver.talk import once_it_says

# Each says "on" when it is to be interrupted; none ends of itself.
AFTER_AN_AWAIT = {
    "a loop": "print('on', flush=True)\nwhile True: pass",
    "a call": "print('on', flush=True)\ntime.sleep(100_000)",
    "an await": "print('on', flush=True)\nawait asyncio.sleep(100_000)",
    "several": "print('on', flush=True)\nawait asyncio.gather(asyncio.sleep(100_000), asyncio.sleep(100_000))",
    "a loop in a function": "def turn():\n    while True: pass\nprint('on', flush=True)\nturn()",
    "a loop in another task": (
        "async def turn():\n    print('on', flush=True)\n    while True: pass\nawait asyncio.gather(turn(), turn())"
    ),
    "a loop in a callback": (
        "def turn():\n    print('on', flush=True)\n    while True: pass\n"
        "asyncio.get_running_loop().call_soon(turn)\nawait asyncio.sleep(100_000)"
    ),
    "a wait in a library": "print('on', flush=True)\nawait asyncio.wait_for(asyncio.Event().wait(), 100_000)",
}
NO_WAKE_UP = """
import asyncio, signal
await asyncio.sleep(0)
loop = asyncio.get_running_loop()
loop.add_signal_handler(signal.SIGUSR1, print)
loop.remove_signal_handler(signal.SIGUSR1)
"""


class Interrupts(Housed):
    """Of cells that await."""

    mode = "light"

    def interrupted(self, code):
        """Runs code and interrupts it when it says so."""
        return self.kernel.run(code, once_it_says("on", lambda: self.kernel.signal(signal.SIGINT)))

    def test_whatever_runs_after_an_await_is_interrupted(self):
        self.run_ok("import asyncio, time\nkept = 1")
        for name, code in AFTER_AN_AWAIT.items():
            with self.subTest(name):
                reply = self.interrupted(f"await asyncio.sleep(0)\n{code}")
                self.assertIn(reply.content.get("ename"), ("KeyboardInterrupt", "CancelledError"))
                self.assertEqual(self.run_ok("print(kept, await asyncio.sleep(0, 'goes on'))"), "1 goes on\n")

    def test_its_traceback_ends_in_the_cell(self):
        # A loop is interrupted in the cell, one that prints nearly always in the stream.
        for loop in ("if print('on', flush=True) is None:\n    while True: pass", "while True: print('on', flush=True)"):
            for start in ("", "import asyncio\nawait asyncio.sleep(0)\n"):
                with self.subTest(start=start, loop=loop):
                    reply = self.interrupted(start + loop)
                    text = "".join(reply.content["traceback"])
                    self.assertEqual(reply.content["ename"], "KeyboardInterrupt")
                    self.assertIn("while", text)
                    self.assertNotIn("fenxi_kernel", text)
                    self.assertNotIn("ipykernel", text)

    def test_it_is_heeded_between_two_statements(self):
        # The kernel's own compiler of statements, in which nothing of the cell's is on the stack.
        code = """
            import asyncio, os, signal
            def compile_late(*args, _compile=get_ipython().compile.__class__.__call__):
                if armed:
                    armed.clear()
                    os.kill(os.getpid(), signal.SIGINT)
                return _compile(*args)
            get_ipython().compile.__class__.__call__, armed = compile_late, []
        """
        self.run_ok(code)
        reply = self.kernel.run("await asyncio.sleep(0)\nran = 'before'; armed.append(1)\nran = 'after'")
        self.assertEqual(reply.content.get("ename"), "KeyboardInterrupt")
        self.assertEqual(self.run_ok("print(ran)"), "before\n")

    def test_a_cell_that_catches_it_goes_on(self):
        code = """
            import asyncio, time
            await asyncio.sleep(0)
            try:
                print('on', flush=True)
                time.sleep(100_000)
            except KeyboardInterrupt:
                print('caught')
            print(await asyncio.sleep(0.01, 'went further'))
        """
        reply = self.interrupted(code)
        self.assertEqual((reply.content["status"], reply.text), ("ok", "on\ncaught\nwent further\n"))

    def test_a_cell_cannot_switch_interrupts_off_by_handlers_of_its_loop(self):
        self.run_ok(NO_WAKE_UP)
        self.assertEqual(self.kernel.value("signal.set_wakeup_fd(-1)"), -1)
        for wait in ("await asyncio.sleep(100_000)", "while True: pass"):
            with self.subTest(wait):
                reply = self.interrupted(f"{NO_WAKE_UP}\nprint('on', flush=True)\n{wait}")
                self.assertIn(reply.content.get("ename"), ("KeyboardInterrupt", "CancelledError"))
        self.assertGreaterEqual(self.kernel.value("[await asyncio.sleep(0), signal.set_wakeup_fd(-1)]")[1], 0)


if __name__ == "__main__":
    import unittest

    unittest.main()
