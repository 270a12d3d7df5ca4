"""Imports are completed without importing anything."""

from forkserver.house import Housed
from forkserver.talk import once_it_says
from test_inspection import complete, texts

FILES = {
    "plain.py": "open('ran', 'w').close()\nvalue = 1\nlimit: int = 2\nif value == 1: pass\n"
    "class Car:\n    wheels = 4\n    def drive(self): ...\nasync def wait(): ...\ndef stop(): ...",
    "package/__init__.py": "open('ran', 'w').close()\nvalue = 1",
    "package/part.py": "open('ran', 'w').close()",
    "package/deep/__init__.py": "open('ran', 'w').close()",
    "package/deep/lower.py": "open('ran', 'w').close()",
    "loose/inner/leaf.py": "open('ran', 'w').close()",
    "lazy.py": "kept = 1\n_own = 2\n__all__ = ['kept', 'told', 3]\ndef __getattr__(name): open('ran', 'w').close()",
}


class Imports(Housed):
    def setUp(self):
        self.own = self.fork(files=FILES).start()

    def found(self, code):
        return texts(complete(self.own, code))

    def test_nothing_is_run_to_complete_an_import(self):
        self.run_ok("import sys, os\nbefore = set(sys.modules)\nos.listdir()", self.own)
        self.assertEqual(self.found("from plain import "), ["Car", "limit", "stop", "value", "wait"])
        self.assertEqual(self.found("from package import "), ["deep", "part", "value"])
        self.assertEqual(self.found("import package.d"), ["package.deep"])
        self.assertEqual(self.found("import package.deep."), ["package.deep.lower"])
        self.assertEqual(self.found("from package.deep import l"), ["lower"])
        odd = ("from no_such import ", "from no.such.at_all import ", "from .plain import ", "import loose.inner.")
        for code in (*odd, "from  import ", "from . import ", "import ..", "from package.part.x import "):
            self.assertEqual(complete(self.own, code)["status"], "ok", code)
        self.assertIn("plain", self.found("import pl"))
        self.assertFalse(self.own.value("os.path.exists('ran')"))
        mine = ("plain", "package", "loose", "no")
        self.assertEqual(self.own.value(f"[name for name in set(sys.modules) - before if name.startswith({mine})]"), [])

    def test_a_loaded_module_gives_its_names(self):
        self.run_ok("import os, package, lazy, json\nos.remove('ran')", self.own)
        self.assertEqual(self.found("from package import "), ["deep", "part", "value"])
        self.assertEqual(self.found("from lazy import "), ["_own", "kept", "told"])
        self.assertIn("dumps", self.found("from json import d"))
        self.assertIn("json.decoder", self.found("import json.d"))
        self.assertIn("path", self.found("from os import pa"))
        self.assertFalse(self.own.value("os.path.exists('ran')"))

    def test_a_module_that_is_being_imported_is_not_waited_for(self):
        with open(f"{self.own.work}/slow.py", "w", encoding="utf-8") as file:
            file.write("import os, time\nfirst = 1\nprint('on', flush=True)\n")
            file.write("while not os.path.exists('go'):\n    time.sleep(0.01)\nlast = 2\n")
        found = []

        def look():
            found.extend(self.found("from slow import f"))
            open(f"{self.own.work}/go", "w").close()

        reply = self.own.run("import slow\nslow.last", once_it_says("on", look))
        self.assertEqual((reply.content["status"], found), ("ok", ["first"]))
