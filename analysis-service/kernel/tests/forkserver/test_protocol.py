"""The control socket, whatever comes by it; who outlives whom."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import unittest

from forkserver.house import LIGHT, Failed, Server, memfd, remove_group, wait_until
from forkserver.talk import LIMIT_SECS, ROOT

TWO_FORKS = LIGHT[1].replace(
    "preload\n",
    "preload, clone\ndef refuse(*_, **__):\n    raise OSError(38, 'no clone3')\nclone.by_clone3 = refuse\n",
)

# A service that says the pids of its kernel and its server, and stays.
SERVICE = """
import sys, threading
from forkserver.house import LIGHT, Server
server = Server(program=LIGHT)
server.ready()
kernel = server.fork().start()
print(kernel.pid, server.process.pid, flush=True)
threading.Event().wait()
"""

THREADED = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"


def own_cgroup():
    """A new group of cgroup v2, if the machine lets us make one."""
    with open("/proc/mounts", encoding="utf-8") as mounts:
        roots = [line.split()[1] for line in mounts if line.split()[2] == "cgroup2"]
    with contextlib.suppress(OSError, IndexError):
        folder = os.path.join(roots[0], f"fenxi-test-{os.getpid()}")
        os.mkdir(folder)
        return folder
    return None


class Protocol(unittest.TestCase):
    def serve(self, *arguments, program=LIGHT, ready=True, **options):
        server = Server("deep", *arguments, program=program, **options)
        self.addCleanup(server.stop)
        if ready:
            server.greeting = server.ready()
        return server

    def test_it_greets(self):
        server = self.serve()
        greeting = server.greeting
        self.assertEqual([greeting[name] for name in ("op", "mode", "clone")], ["ready", "deep", "clone3"])
        self.assertEqual(greeting["pid"], server.process.pid)
        self.assertGreater(greeting["modules"], 500)
        self.assertGreater(greeting["preload_ms"], 0)

    def test_garbage_is_answered_or_logged_and_does_no_harm(self):
        server = self.serve()
        # Before the first packet: while one is read a file may be open, such as a codec's that is imported for it.
        before = os.listdir(f"/proc/{server.process.pid}/fd")
        for packet in (b"", b"{", b"[]", b"7", b'{"op": "fork"}', b'{"id": true}', b"[" * 4000, bytes(4000)):
            server.control.send(packet)
        null = os.open(os.devnull, os.O_RDONLY)
        self.addCleanup(os.close, null)
        for descriptors, fields, reason in (
            ([null, null], {"op": "knife"}, "op"),
            ([null, null], {"flags": "0"}, "flags"),
            ([null, null], {"flags": 0x100}, "flags"),
            ([null, null], {"flags": -1}, "flags"),
            ([], {}, "descriptors"),
            ([null], {}, "descriptors"),
            ([null] * 4, {}, "descriptors"),
            ([null] * 3, {"listens": True}, "network of its own"),
            ([null] * 3, {"listens": 1, "flags": 0x4000_0000}, "network of its own"),
            ([null] * 2, {"listens": True, "flags": 0x4000_0000}, "descriptors"),
            ([null] * 30, {}, "too large"),
            ([null, null], {"padding": "x" * 5000}, "JSON"),
            ([null, null, null], {}, "cannot be forked"),
        ):
            with self.subTest(fields=fields, descriptors=len(descriptors)):
                if reason == "JSON":
                    # Cut off: without an id nothing is answered.
                    packet = json.dumps({"op": "fork", "id": 5, **fields}).encode()
                    socket.send_fds(server.control, [packet], descriptors)
                    continue
                answer, received = server.request(descriptors, **fields)
                self.assertEqual((answer["op"], received), ("failed", []), answer)
                self.assertIn(reason, answer["error"])
                self.assertNotIn("\n", answer["error"])
        self.assertEqual(server.fork().start().run("print(1)").text, "1\n")
        wait_until(lambda: os.listdir(f"/proc/{server.process.pid}/fd") == before, "a descriptor stays open")
        self.assertIn("a packet is ignored: it has no id", server.said())

    def test_a_body_that_is_none_ends_the_kernel_alone(self):
        server = self.serve()
        for body in (b"", b"{}", b"nonsense"):
            reader, writer = os.pipe()
            descriptors = [memfd(body), writer]
            answer, (pidfd,) = server.request(descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            self.assertEqual(os.waitid(os.P_PIDFD, pidfd, os.WEXITED).si_status, 1)
            with open(reader, encoding="utf-8") as said:
                self.assertIn("Error", said.read())
            os.close(pidfd)
        server.fork().start()

    def test_many_requests_are_answered_in_order(self):
        server = self.serve()
        kernels = [server.fork() for _ in range(10)]
        self.assertEqual([kernel.start().value("1+1") for kernel in kernels], [2] * 10)

    def test_a_signal_to_its_group_reaches_a_kernel_at_once(self):
        for program in (LIGHT, ("-c", TWO_FORKS)):
            server = self.serve(program=program)
            for _ in range(10):
                kernel = server.fork()
                os.killpg(kernel.pid, signal.SIGKILL)
                self.assertEqual(kernel.wait(), -signal.SIGKILL)
            self.assertEqual(server.fork().start().value("1+1"), 2)

    def test_kernels_end_every_time(self):
        server = self.serve()
        for _ in range(2):
            kernels = [server.fork().start() for _ in range(6)]
            for kernel in kernels:
                kernel.client.shutdown()
            self.assertEqual([kernel.wait() for kernel in kernels], [0] * len(kernels))

    def test_kernels_outlive_it(self):
        for end in (lambda server: server.process.kill(), lambda server: server.control.close()):
            server = self.serve()
            kernel = server.fork().start()
            end(server)
            self.assertIn(server.process.wait(LIMIT_SECS), (0, -signal.SIGKILL))
            self.assertEqual(kernel.run("print(1)").text, "1\n")
            kernel.client.shutdown()
            self.assertEqual(kernel.wait(), 0)

    def test_kernels_die_with_the_service(self):
        env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/tests"}
        with subprocess.Popen([sys.executable, "-c", SERVICE], env=env, stdout=subprocess.PIPE, text=True) as service:
            pids = [int(pid) for pid in service.stdout.readline().split()]
            service.kill()
        # They fall to us, a subreaper.
        kernel, server = (os.waitpid(pid, 0)[1] for pid in pids)
        self.assertEqual(os.waitstatus_to_exitcode(kernel), -signal.SIGKILL)
        self.assertEqual(os.waitstatus_to_exitcode(server), 0)

    def test_without_clone3_it_forks_twice(self):
        server = self.serve(program=("-c", TWO_FORKS))
        self.assertEqual(server.greeting["clone"], "double-fork")
        before = os.listdir(f"/proc/{server.process.pid}/fd")
        kernel = server.fork().start()
        pids = kernel.value("[__import__('os').getpid(), __import__('os').getppid()]")
        self.assertEqual(pids, [kernel.pid, os.getpid()])
        null = os.open(os.devnull, os.O_RDONLY)
        answer, _ = server.request([null, null, null])
        os.close(null)
        self.assertEqual(answer["op"], "failed", answer)
        wait_until(lambda: os.listdir(f"/proc/{server.process.pid}/fd") == before, "a descriptor stays open")
        if os.geteuid() == 0:
            self.assertEqual(server.fork(flags=0x2000_0000).start().value("__import__('os').getpid()"), 1)
        kernel.signal(signal.SIGKILL)
        self.assertEqual(kernel.wait(), -signal.SIGKILL)

    def test_a_kernel_begins_in_its_cgroup(self):
        root = own_cgroup()
        if root is None:
            self.skipTest("no group of cgroup v2 can be made here")
        self.addCleanup(remove_group, root)
        for program in (LIGHT, ("-c", TWO_FORKS)):
            server = self.serve(program=program)
            folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
            kernel = server.fork(cgroup=folder).start()
            os.close(folder)
            with open(os.path.join(root, "cgroup.procs"), encoding="ascii") as procs:
                self.assertEqual(procs.read().split(), [str(kernel.pid)])
            kernel.end()

    def test_an_application_that_does_not_fit_is_left_out(self):
        for broken in ("prebuild.build", "prebuild.complete"):
            change = f"from fenxi_kernel.forkserver import prebuild\n{broken} = None\n"
            program = LIGHT[1].replace("sys.exit", f"{change}sys.exit")
            server = self.serve(program=("-c", program))
            self.assertEqual(server.greeting["mode"], "warm")
            self.assertIn("'NoneType' object is not callable", server.said())
            self.assertEqual(server.fork().start().value("1+1"), 2)

    def test_a_namespace_that_is_not_allowed_is_said(self):
        change = "from fenxi_kernel.isolation import users\nusers.drop_capabilities()\n"
        server = self.serve(program=("-c", LIGHT[1].replace("sys.exit", f"{change}sys.exit")))
        with self.assertRaisesRegex(Failed, "not permitted"):
            server.fork(flags=0x2000_0000)

    def test_isolation_that_is_not_there_is_not_left_out(self):
        change = "sys.modules['fenxi_kernel.isolation'] = None\n"
        server = self.serve(program=("-c", LIGHT[1].replace("sys.exit", f"{change}sys.exit")))
        kernel = server.fork(isolation={})
        self.assertEqual(kernel.wait(), 1)
        self.assertIn("isolation is asked for", kernel.said())

    def test_it_ends_with_a_line_when_it_cannot_serve(self):
        program = LIGHT[1].replace("preload._LIBRARIES = preload._LATE = ()", "preload._LIBRARIES = ['threaded']")
        server = self.serve(program=("-c", program), files={"threaded.py": THREADED}, ready=False)
        self.assertEqual(server.process.wait(LIMIT_SECS), 1)
        self.assertRegex(server.said(), r"^fork server: cannot become ready: .*threads.*python.*\n$")
        command = [sys.executable, "-m", "fenxi_kernel.forkserver", "--control-fd", "99"]
        done = subprocess.run(command, env={"PYTHONPATH": ROOT}, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)

    def test_there_is_no_server_where_no_kernel_comes_of_it(self):
        change = "from fenxi_kernel.forkserver import libraries\nlibraries.adopt = None\n"
        server = self.serve(program=("-c", LIGHT[1].replace("sys.exit", f"{change}sys.exit")), ready=False)
        self.assertEqual(server.process.wait(LIMIT_SECS), 1)
        last = server.said().splitlines()[-1]
        self.assertEqual(last, "fork server: cannot become ready: RuntimeError: a copy does not become a kernel")

    def test_modules_asked_for_are_loaded(self):
        files = {"good.py": "import deep.down", "deep/__init__.py": "", "deep/down.py": ""}
        server = self.serve("--preload", " good, deep.down,,good,", files=files)
        self.assertEqual(server.said(), "")
        loaded = "[name in __import__('sys').modules for name in ('good', 'deep.down')]"
        self.assertEqual(server.fork().start().value(loaded), [True, True])

    def test_modules_that_cannot_be_loaded_are_left_out_by_name(self):
        files = {
            "threaded.py": THREADED, "bad.py": "1/0", "leaves.py": "import sys\nsys.exit(3)", "good.py": "x = 1",
            "aborts.py": "import os\nos.abort()", "torch.py": "raise AssertionError('it is imported')",
        }  # fmt: skip
        for name, reason in (
            ("threaded", "RuntimeError: a library started threads, which a copy would not have: "),
            ("bad", "ZeroDivisionError: division by zero"),
            ("leaves", "SystemExit: 3"),
            ("aborts", "its import ends the process (-6)"),
            ("there_is_none", "ModuleNotFoundError: No module named 'there_is_none'"),
            ("torch", "it cannot be loaded before a fork: it has threads of its own"),
            ("torch.nn", "it cannot be loaded before a fork: it has threads of its own"),
            ("no-name", "it is no module's name"),
            ("x" * 500, "it is no module's name"),
        ):
            with self.subTest(name):
                server = self.serve("--preload", f"{name},good", files=files)
                line = f"fork server: {name[:200]!r} is left out: {reason}"
                self.assertEqual(server.said()[: len(line)], line)
                self.assertEqual(server.said().count("\n"), 1, server.said())
                self.assertTrue(server.fork().start().value("'good' in __import__('sys').modules"))
                server.stop()

    def test_there_is_an_end_to_modules_asked_for(self):
        server = self.serve("--preload", ",".join(f"none{number}" for number in range(70)))
        self.assertEqual(server.said().count("is left out: there are too many"), 6)


if __name__ == "__main__":
    unittest.main()
