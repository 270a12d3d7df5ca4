"""Another program in the place of ours: its environment is what was ordered, and its layers are in force."""

import json
import os
import select
import subprocess
import sys
import tempfile
import unittest

from isolated import KERNEL_UID, PROBE

KERNEL = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Foreign(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = os.path.realpath(made.name)

    def order(self, argv, env=None, isolation=None):
        order = os.path.join(self.folder, "order.json")
        with open(order, "w", encoding="utf-8") as file:
            json.dump({"argv": argv, "env": env or {}, "isolation": isolation, "work_dir": self.folder}, file)
        return order

    def become(self, argv, env=None, isolation=None):
        return subprocess.run(
            [sys.executable, "-m", "fenxi_kernel.foreign", self.order(argv, env, isolation)],
            env={"PYTHONPATH": KERNEL, "SECRET": "x"},
            capture_output=True,
            text=True,
            timeout=60,
            start_new_session=True,
        )

    def test_the_program_has_its_own_environment_and_ordinary_signals(self):
        script = "env; umask; grep SigIgn /proc/self/status"
        done = self.become(["/bin/sh", "-c", script], {"PATH": "/usr/bin:/bin", "GREETING": "hello"})
        self.assertIn("GREETING=hello", done.stdout)
        self.assertNotIn("SECRET", done.stdout)
        self.assertNotIn("PYTHONPATH", done.stdout)
        self.assertIn("0077", done.stdout)
        ignored = int(done.stdout.split("SigIgn:")[1].split()[0], 16)
        self.assertFalse(ignored >> 12 & 1, "SIGPIPE stays ignored")

    @unittest.skipUnless(PROBE["landlock_abi"], "this machine has no Landlock")
    def test_the_program_is_kept_apart(self):
        own, other = f"{self.folder}/own", f"{self.folder}/other"
        os.mkdir(own)
        os.mkdir(other)
        with open(f"{other}/secret", "w", encoding="utf-8") as file:
            file.write("x")
        plan = {
            "layers": {
                "namespaces": [],
                "uid": None,
                "gid": None,
                "landlock": True,
                "seccomp": True,
                "drop_capabilities": True,
            },
            "read": ["/usr", "/bin", "/lib", "/lib64"],
            "read_files": [],
            "write": [own],
            "tmp_bytes": 1 << 20,
            "processes": None,
            "network": False,
        }
        if os.geteuid() == 0:
            plan["layers"] |= {"uid": KERNEL_UID, "gid": KERNEL_UID}
            os.chmod(self.folder, 0o755)
            os.chmod(f"{other}/secret", 0o644)
            os.chown(own, KERNEL_UID, KERNEL_UID)
        script = f"cat {other}/secret; echo mine > {own}/file && cat {own}/file"
        done = self.become(["/bin/sh", "-c", script], {"PATH": "/usr/bin:/bin"}, plan)
        self.assertEqual(done.stdout, "mine\n", done.stderr)
        self.assertIn("Permission denied", done.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "only root becomes another user, which takes back what is arranged before")
    def test_the_program_ends_with_whoever_started_it(self):
        layers = {
            "namespaces": [], "uid": KERNEL_UID, "gid": KERNEL_UID, "landlock": False, "seccomp": False,
            "drop_capabilities": True,
        }  # fmt: skip
        plan = {
            "layers": layers, "read": [], "read_files": [], "write": [], "tmp_bytes": 0, "processes": None,
            "network": False,
        }  # fmt: skip
        os.chmod(self.folder, 0o755)
        order = self.order(["/bin/sh", "-c", "echo up; exec sleep 600"], {}, plan)
        start = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'fenxi_kernel.foreign', sys.argv[1]])"
        starter = subprocess.Popen(
            [sys.executable, "-c", start, order],
            env={"PYTHONPATH": KERNEL},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        with starter.stdout:
            self.addCleanup(starter.wait)
            self.assertEqual(starter.stdout.readline(), b"up\n")
            starter.kill()
            # Nobody else has the other end.
            self.assertTrue(select.select([starter.stdout], [], [], 60)[0], "it goes on alone")

    def test_a_program_that_is_not_there_is_said(self):
        done = self.become(["/no/such/program"])
        self.assertEqual(done.returncode, 127)
        self.assertIn("/no/such/program does not start", done.stderr)


if __name__ == "__main__":
    unittest.main()
