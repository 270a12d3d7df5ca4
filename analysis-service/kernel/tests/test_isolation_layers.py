"""The parts of isolation by themselves: what is refused to be entered, what probing says, which promise follows."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

from fenxi_kernel import isolation
from fenxi_kernel.isolation import joining, places
from forkserver.house import remove_group
from isolated import ALL, NO_NAMESPACES, PLAIN_UID, PROBE, ROOT, SETS, SHARED_USER, Failed, inside, plan
from world import World

GROUPS = list(PROBE["cgroups"].values())
KERNEL = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Places(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = os.path.realpath(made.name)
        for name in ("real/inner", "work", "other"):
            os.makedirs(f"{self.folder}/{name}")

    def test_links_on_the_way_are_made_again(self):
        os.symlink("real", f"{self.folder}/link")
        kept, links = places.arrange([f"{self.folder}/link/inner"], [f"{self.folder}/work"])
        self.assertEqual([place.path for place in kept], [f"{self.folder}/real/inner", f"{self.folder}/work"])
        self.assertEqual(links, [(f"{self.folder}/link", "real")])

    def test_what_another_place_shows_is_not_bound_again(self):
        kept, _ = places.arrange([f"{self.folder}/real", f"{self.folder}/real/inner"], [f"{self.folder}/work"])
        self.assertEqual([place.path for place in kept], [f"{self.folder}/real", f"{self.folder}/work"])
        kept, _ = places.arrange([self.folder], [f"{self.folder}/work"])
        self.assertEqual(
            [(place.path, place.writable) for place in kept], [(self.folder, False), (f"{self.folder}/work", True)]
        )

    def test_a_plan_that_shows_everything_is_refused(self):
        os.symlink("/", f"{self.folder}/root")
        os.symlink("loop", f"{self.folder}/loop")
        for path in ("/", f"{self.folder}/root", f"{self.folder}/loop", "relative"):
            with self.subTest(path), self.assertRaises((OSError, ValueError)):
                places.arrange([path], [])

    def test_paths_to_read_may_be_missing_and_those_to_write_may_not(self):
        self.assertEqual(places.arrange([f"{self.folder}/none"], []), ([], []))
        with self.assertRaises(FileNotFoundError):
            places.arrange([], [f"{self.folder}/none"])


class Entering(unittest.TestCase):
    """A layer that cannot be had stops the kernel, with its name."""

    def fails(self, which, entered, uid=None):
        with self.assertRaises(Failed) as raised:
            inside(which, entered, lambda ask: "entered", uid=uid)
        message = str(raised.exception)
        self.assertNotIn("\n", message)
        return message

    def test_each_missing_layer_is_named(self):
        which = next(which for which in reversed(SETS) if not which.missing() and "mount" in which.namespaces)
        world = World(which)
        self.addCleanup(world.close)
        good = world.plan()
        self.assertIn(
            "mount namespace: /nowhere does not exist", self.fails(which, {**good, "write": ["/nowhere"], "read": []})
        )
        self.assertIn("mount namespace: ", self.fails(which, {**good, "tmp_bytes": "x"}))
        self.assertIn("isolation: plan: KeyError", self.fails(which, {**good, "layers": {}}))
        both = {**good["layers"], "namespaces": ["user"], "uid": 7}
        self.assertIn("isolation: plan", self.fails(which, {**good, "layers": both}))

    @unittest.skipUnless(ROOT, "it takes root to become less")
    def test_without_privileges_nothing_is_half_done(self):
        for name, changed in {
            "uid": {},
            "net namespace": {"namespaces": ["net"], "uid": None},
            "mount namespace": {"namespaces": ["mount"], "uid": None},
            "uts namespace": {"namespaces": ["uts"], "uid": None},
        }.items():
            with self.subTest(name):
                world = World(NO_NAMESPACES)
                self.addCleanup(world.close)
                entered = plan(NO_NAMESPACES, write=[])
                entered["layers"] |= changed
                # The namespaces were not entered, as when a flag was forgotten.
                self.assertIn(f"isolation: {name}: ", self.fails(NO_NAMESPACES, entered, uid=PLAIN_UID))

    @unittest.skipUnless(ROOT, "it takes root to stay root")
    def test_nobody_stays_root(self):
        for namespaces in ([], ["mount", "pid"], ["user", "mount"]):
            entered = plan(NO_NAMESPACES, write=[])
            entered["layers"] |= {"namespaces": namespaces, "uid": None}
            self.assertIn("isolation: plan: a kernel is not root", self.fails(NO_NAMESPACES, entered))

    def test_what_a_process_cannot_enter_by_itself_is_refused(self):
        for name in ("pid", "user"):
            entered = plan(SHARED_USER, write=[], unshare=True)
            entered["layers"] |= {"namespaces": [name]}
            self.assertIn("isolation: namespaces: ", self.fails(SHARED_USER, entered))

    @unittest.skipIf(ALL.missing(), ALL.missing() or "")
    def test_an_open_folder_is_refused(self):
        world = World(ALL)
        self.addCleanup(world.close)
        opened = os.open("/", os.O_RDONLY)
        self.addCleanup(os.close, opened)
        self.assertIn(f"isolation: descriptors: descriptor {opened} is an open folder", self.fails(ALL, world.plan()))


def started_in(name) -> int:
    """In how many groups of this name a process is that this one starts."""
    said = subprocess.run(["cat", "/proc/self/cgroup"], capture_output=True, text=True, check=True).stdout
    return said.count(f"/{name}\n")


class Joining(unittest.TestCase):
    """No code runs before the process is in its control group."""

    def setUp(self):
        with open("/proc/self/cgroup", encoding="utf-8") as lines:
            paths = [line.rstrip("\n").rsplit("/", 1)[-1] for line in lines]
        self.here = next((name for name in paths if name), None)
        self.trees = paths.count(self.here)
        patched = unittest.mock.patch.object(joining, "_WAIT_SECS", 0)
        patched.start()
        self.addCleanup(patched.stop)

    def test_one_that_is_not_moved_ends_before_any_code(self):
        which = next(which for which in reversed(SETS) if not which.missing())
        world = World(which)
        self.addCleanup(world.close)
        entered = world.plan(group={"name": "fenxi-kernel-never", "trees": 1, "doors": []})
        with self.assertRaises(Failed) as raised:
            inside(which, entered, lambda ask: "code")
        self.assertIn("isolation: control group: the process is in 0 of 1 groups", str(raised.exception))

    def test_one_that_is_not_let_in_ends_before_any_code(self):
        which = next(which for which in reversed(SETS) if not which.missing())
        world = World(which)
        self.addCleanup(world.close)
        entered = world.plan(group={"name": "never", "trees": 1, "doors": ["/nowhere/tasks"]})
        with self.assertRaises(Failed) as raised:
            inside(which, entered, lambda ask: "code")
        self.assertIn("isolation: control group: /nowhere/tasks: ENOENT", str(raised.exception))

    @unittest.skipUnless(ROOT and [tree for tree in GROUPS if tree["version"] == 1], "it takes root and version 1")
    def test_all_code_runs_in_every_group_that_the_process_can_enter_by_itself(self):
        name = f"fenxi-test-{os.getpid()}"
        groups = [os.path.join(tree["path"], name) for tree in GROUPS if tree["version"] == 1]
        for group in groups:
            os.mkdir(group)
            self.addCleanup(remove_group, group)
        for which in SETS:
            if which.missing():
                continue
            with self.subTest(which.name):
                world = World(which)
                self.addCleanup(world.close)
                doors = [os.path.join(group, "tasks") for group in groups]
                for door in doors:
                    # As a manager hands groups to a service that is not root.
                    os.chown(door, which.service_uid, -1)
                entered = world.plan(group={"name": name, "trees": len(groups), "doors": doors})
                # What it starts is there, too.
                found = inside(which, entered, lambda ask: [joining._found(name), started_in(name)])
                self.assertEqual(found, [len(groups)] * 2)

    def test_one_that_is_there_goes_on(self):
        if self.here is None:
            self.skipTest("the tests are in no control group")
        joining.wait(self.here, self.trees)
        with self.assertRaises(OSError):
            joining.wait(self.here, self.trees + 1)

    @unittest.skipUnless(ROOT and PROBE["cgroups"], "it takes root and control groups")
    def test_it_waits_to_be_moved(self):
        joining._WAIT_SECS = 60
        group = os.path.join(next(iter(PROBE["cgroups"].values()))["path"], f"fenxi-test-{os.getpid()}-moved")
        os.mkdir(group)
        self.addCleanup(remove_group, group)
        waiting = os.fork()
        if waiting == 0:
            with contextlib.suppress(BaseException):
                joining.wait(os.path.basename(group), 1)
                os._exit(joining._found(os.path.basename(group)))
            os._exit(7)
        with open(f"{group}/cgroup.procs", "w") as file:
            file.write(str(waiting))
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(waiting, 0)[1]), 1)


class Probing(unittest.TestCase):
    def test_the_command_prints_what_the_function_finds(self):
        command = [sys.executable, "-m", "fenxi_kernel.isolation"]
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": KERNEL}, capture_output=True, text=True, check=True
        )
        said = json.loads(done.stdout)
        self.assertEqual(set(said), set(PROBE))
        layers = [
            name for name, value in said.items() if value is False and name not in ("needs_user_namespace", "user")
        ]
        self.assertEqual([name for name in layers if not said["why"].get(name)], [])
        self.assertTrue(said["together"], said["why"])
        self.assertEqual(said["levels"], isolation.levels(said))

    def test_it_leaves_nothing_behind(self):
        # A folder of its own, because others probe on this machine, too.
        with tempfile.TemporaryDirectory() as folder, unittest.mock.patch.object(tempfile, "tempdir", folder):
            isolation.probe()
            self.assertEqual(os.listdir(folder), [])
        groups = [os.path.join(found["path"], f"fenxi-probe-{os.getpid()}") for found in PROBE["cgroups"].values()]
        self.assertEqual([group for group in groups if os.path.exists(group)], [])

    @unittest.skipUnless(ROOT, "it takes root to become less")
    def test_a_plain_user_gets_other_answers(self):
        said = inside(NO_NAMESPACES, None, lambda ask: isolation.probe(), uid=PLAIN_UID)
        self.assertEqual((PROBE["uid"], said["uid"], said["cgroup_memory"]), (True, False, False))
        self.assertIn("EPERM", said["why"]["uid"])
        self.assertTrue(said["needs_user_namespace"] or not said["user_namespace"])
        self.assertEqual(said["namespaces"][:1], ["user"] if said["user_namespace"] else [])


class Levels(unittest.TestCase):
    FULL = {
        "no_new_privs": True, "seccomp": True, "landlock_abi": 7, "uid": True, "hidden_processes": True,
        "together": True, "namespaces": ["mount", "pid", "ipc", "uts", "net"], "cgroup_memory": True,
    }  # fmt: skip

    def missing(self, level, without=(), **changed):
        names = [name for name in self.FULL["namespaces"] if name not in without]
        said = isolation.levels({**self.FULL, "namespaces": names, **changed})[level]
        return [text.split(":")[0] for text in said]

    def test_each_promise_names_what_it_lacks(self):
        self.assertEqual(self.missing("strict"), [])
        self.assertEqual(self.missing("strict", cgroup_memory=False), ["a hard memory limit"])
        self.assertEqual(self.missing("strict", ["net"]), [])
        self.assertEqual(self.missing("strict", ["net"], landlock_abi=5), ["a barrier of networks"])
        self.assertIn("a barrier of files", self.missing("strict", ["mount"], landlock_abi=0))
        self.assertEqual(self.missing("strict", uid=False), [])
        self.assertEqual(self.missing("strict", ["pid"]), [])
        self.assertEqual(len(self.missing("strict", ["pid"], uid=False)), 1)
        self.assertEqual(len(self.missing("strict", ["pid"], hidden_processes=False)), 1)
        none = {"landlock_abi": 0, "uid": False, "namespaces": []}
        self.assertEqual(len(self.missing("strict", **none)), 3)
        self.assertEqual(len(self.missing("standard", **none)), 1)
        self.assertEqual(self.missing("none", **none), [])

    def test_what_kernels_do_not_get_keeps_no_promise(self):
        # The user is to be had, and no kernel would reach its folders as it.
        self.assertEqual(len(self.missing("strict", ["mount"])), 1)
        self.assertEqual(len(self.missing("standard", ["mount"], landlock_abi=0)), 1)
        # Each by itself, and not all of them at once.
        self.assertEqual(len(self.missing("strict", together=False)), 1)
        self.assertEqual(len(self.missing("strict", together=False, landlock_abi=5)), 2)
        self.assertEqual(len(self.missing("strict", together=False, landlock_abi=0)), 3)
        self.assertEqual(len(self.missing("standard", together=False, landlock_abi=0)), 1)

    def test_what_every_kernel_has_is_every_levels(self):
        for level in ("strict", "standard", "none"):
            self.assertEqual(self.missing(level, seccomp=False), ["a seccomp filter (x86_64 or aarch64)"])


if __name__ == "__main__":
    unittest.main()
