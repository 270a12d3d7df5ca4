"""How a kernel stands beside the other processes of the machine: behind the service, and the first to go; and where it
is at home."""

import contextlib
import os
import signal

# How much further back than the service in the queue for processors, where no control group shares them out.
_NICE_MORE = 5
# What the system prefers to end when the machine has no memory left: -1000 (never) to 1000 (first).
_OOM_SCORE = 500


def step_back() -> None:
    """Lets the service go first, for good where a kernel has no privileges: it may go further back only. To be called
    before it gives them up, because what root has set of memory nobody else can take back."""
    os.nice(_NICE_MORE)
    with contextlib.suppress(OSError):
        # Where the system shares processors out by sessions first, a session is behind others, too.
        _write("/proc/self/autogroup", os.getpriority(os.PRIO_PROCESS, 0))
    with open("/proc/self/oom_score_adj", encoding="ascii") as file:
        score = int(file.read())
    _write("/proc/self/oom_score_adj", max(score, _OOM_SCORE))


def die_with(parent: int) -> None:
    """Has the system kill this process when its parent ends, whose number it was given at its start. To be called once it
    is kept apart: a change of identity took back what the parent had arranged so."""
    from fenxi_kernel.isolation import linux

    linux.prctl("PR_SET_PDEATHSIG", linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It ended before the line above.
        os._exit(1)


def settle_in(work_dir: str) -> None:
    """Makes a kernel's folder its working folder and its home. To be called once it is kept apart: what code has left
    there counts from then on."""
    os.chdir(work_dir)
    os.environ["HOME"] = work_dir


def _write(path: str, value: int) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(str(value))
