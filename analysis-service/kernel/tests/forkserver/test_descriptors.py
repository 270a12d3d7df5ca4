"""What is written to the descriptors of a kernel's streams is output, in the order in which it was written."""

from forkserver.house import Housed


class Descriptors(Housed):
    """Of the standard output and error."""

    mode = "light"

    def test_the_stream_itself_can_be_given_to_a_process(self):
        code = """
            import subprocess, sys
            print('before')
            done = subprocess.run(['sh', '-c', 'echo out; echo error >&2'], stdout=sys.stdout, stderr=sys.stderr)
            print('after', done.returncode)
        """
        reply = self.kernel.run(code)
        said = {name: [] for name in ("stdout", "stderr")}
        for content in reply.of("stream"):
            said[content["name"]].append(content["text"])
        self.assertEqual("".join(said["stdout"]), "before\nout\nafter 0\n")
        self.assertEqual("".join(said["stderr"]), "error\n")

    def test_its_descriptor_can_be_written_to(self):
        self.assertEqual(self.run_ok("import os, sys\nos.write(sys.stdout.fileno(), b'direct\\n') and None"), "direct\n")
        text = self.run_ok("import faulthandler\nfaulthandler.dump_traceback()")
        self.assertIn("Current thread", text)

    def test_what_was_written_first_comes_first(self):
        code = "import os\nfor i in range(100):\n    os.write(1, b'direct %d\\n' % i)\n    print('printed', i)"
        self.assertEqual(self.run_ok(code), "".join(f"direct {i}\nprinted {i}\n" for i in range(100)))

    def test_what_is_being_taken_from_the_pipe_comes_first(self):
        code = """
            import os, threading, time, types
            from fenxi_kernel import stream
            taken = threading.Event()
            def read(*args):
                data = os.read(*args)
                taken.set()
                time.sleep(0.2)
                return data
            stream.os = types.SimpleNamespace(read=read)
            try:
                os.write(1, b'direct\\n')
                taken.wait()
                print('printed')
            finally:
                stream.os = os
        """
        self.assertEqual(self.run_ok(code), "direct\nprinted\n")

    def test_crashes_are_still_told_in_the_log(self):
        self.assertEqual(self.kernel.value("[__import__('sys').stderr.fileno()]"), [2])
        kernel = self.fork().start()
        kernel.client.execute("import ctypes\nctypes.string_at(0)")
        kernel.wait()
        self.assertIn("Segmentation fault", kernel.said())


if __name__ == "__main__":
    import unittest

    unittest.main()
