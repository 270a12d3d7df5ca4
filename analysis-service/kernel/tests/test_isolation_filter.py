"""The filter of system calls, judged by a BPF machine of our own: also what this machine would not let us try."""

import errno
import os
import struct
import unittest

from fenxi_kernel.isolation import linux, seccomp
from fenxi_kernel.isolation.numbers import MACHINE, NUMBERS

ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}.get(MACHINE)
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000


def run_filter(steps, number, *arguments, arch=ARCH):
    """What the system's BPF machine would answer, for the instructions that the filter uses."""
    data = struct.pack("=IIQ6Q", number & 0xFFFFFFFF, arch, 0, *(list(arguments) + [0] * 6)[:6])
    program = [struct.unpack_from("=HBBI", steps, at) for at in range(0, len(steps), 8)]
    at = loaded = 0
    while True:
        code, if_true, if_false, value = program[at]
        at += 1
        if code == 0x06:
            return value
        if code == 0x20:
            loaded = struct.unpack_from("=I", data, value)[0]
            continue
        holds = {0x15: loaded == value, 0x35: loaded >= value, 0x45: loaded & value}[code]
        at += if_true if holds else if_false


@unittest.skipUnless(NUMBERS, f"the numbers of system calls on {MACHINE} are not known")
class Filter(unittest.TestCase):
    def setUp(self):
        self.strict = seccomp.program(internet=False, ipc_namespace=False, others_apart=False)
        self.apart = seccomp.program(internet=True, ipc_namespace=True, others_apart=True)

    def test_ordinary_calls_pass(self):
        for number in range(0, 600):
            if number not in NUMBERS.values():
                self.assertEqual(run_filter(self.strict, number), ALLOW, number)
        self.assertEqual(run_filter(self.strict, NUMBERS["clone"], 0x003D0F00), ALLOW)
        self.assertEqual(run_filter(self.strict, NUMBERS["ioctl"], 0, 0x5401), ALLOW)
        self.assertEqual(run_filter(self.strict, NUMBERS["prlimit64"], 0, 7), ALLOW)
        self.assertEqual(run_filter(self.strict, NUMBERS["sched_setscheduler"], 77, 0), ALLOW)
        self.assertEqual(run_filter(self.strict, NUMBERS["prctl"], 15), ALLOW)
        self.assertEqual(run_filter(self.apart, NUMBERS["prlimit64"], 77, 7), ALLOW)
        self.assertEqual(run_filter(self.apart, NUMBERS["shmget"]), ALLOW)

    def test_a_process_has_its_environment_where_it_was_put(self):
        for program in (self.strict, self.apart):
            self.assertEqual(run_filter(program, NUMBERS["prctl"], 35, 14), REFUSE | errno.EPERM)

    def test_priorities_are_the_callers_alone(self):
        refused = REFUSE | errno.EPERM
        for call, which in (("setpriority", 0), ("ioprio_set", 1)):
            for kind in range(4):
                expected = ALLOW if kind == which else refused
                self.assertEqual(run_filter(self.strict, NUMBERS[call], kind, 0), expected, (call, kind))
            self.assertEqual(run_filter(self.strict, NUMBERS[call], which, 77), refused, call)
            self.assertEqual(run_filter(self.apart, NUMBERS[call], which, 77), ALLOW, call)

    def test_upper_halves_of_arguments_hide_nothing(self):
        # The system takes the lower half only, so it is what counts here too.
        high = 1 << 32
        self.assertEqual(run_filter(self.apart, NUMBERS["ioctl"], 0, high | 0x5412), REFUSE | errno.EPERM)
        self.assertEqual(run_filter(self.strict, NUMBERS["socket"], high | 2), REFUSE | errno.EAFNOSUPPORT)
        self.assertEqual(run_filter(self.strict, NUMBERS["clone"], high | linux.CLONE_NEWNS), REFUSE | errno.EPERM)

    def test_other_architectures_end_the_process(self):
        self.assertEqual(run_filter(self.apart, 20, arch=0x40000003), KILL)

    @unittest.skipUnless(MACHINE == "x86_64", "x32 is a mode of x86_64")
    def test_calls_of_x32_are_refused(self):
        for number in (39, NUMBERS["mount"], 512, 0xFFFFFFFF):
            self.assertEqual(run_filter(self.apart, 0x40000000 | number), REFUSE | errno.ENOSYS)

    def test_sockets_by_family_and_protocol(self):
        refused = REFUSE | errno.EAFNOSUPPORT
        unix, inet, inet6, netlink, packet, alg, vsock = 1, 2, 10, 16, 17, 38, 40
        number = NUMBERS["socket"]
        for program, reached in ((self.strict, {unix}), (self.apart, {unix, inet, inet6})):
            for family in (unix, inet, inet6, packet, alg, vsock):
                self.assertEqual(run_filter(program, number, family), ALLOW if family in reached else refused, family)
            self.assertEqual(run_filter(program, number, netlink, 3, 0), ALLOW)
            self.assertEqual(run_filter(program, number, netlink, 3, 12), refused)
            self.assertEqual(run_filter(program, NUMBERS["socketpair"], unix), ALLOW)
            self.assertEqual(run_filter(program, NUMBERS["socketpair"], inet), refused)

    def test_numbers_are_those_of_the_system(self):
        header = f"/usr/include/{MACHINE}-linux-gnu/asm/unistd_64.h"
        if not os.path.exists(header):
            self.skipTest(f"{header} is not installed")
        with open(header) as lines:
            known = {
                fields[1]: int(fields[2])
                for fields in map(str.split, lines)
                if len(fields) == 3 and fields[2].isdigit()
            }
        for name, number in NUMBERS.items():
            self.assertEqual(known.get(f"__NR_{name}", number), number, name)


if __name__ == "__main__":
    unittest.main()
