"""``python -m fenxi_kernel.forkserver --control-fd N``: loads the libraries, then forks kernels on request."""

import argparse
import gc
import os
import socket
import sys
import time

DEEP, WARM = "deep", "warm"

# Each library would start a thread a processor, and a copy has one thread only.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def main(argv: list[str]) -> int:
    """Serves until the control socket is closed; gives the exit code."""
    begun = time.monotonic()
    arguments = _arguments(argv)
    try:
        control = socket.socket(fileno=arguments.control_fd)
        if (control.family, control.type) != (socket.AF_UNIX, socket.SOCK_SEQPACKET):
            raise OSError("it is no AF_UNIX socket of SOCK_SEQPACKET")
    except OSError as error:
        print(f"fork server: --control-fd {arguments.control_fd} cannot be used: {error}", file=sys.stderr)
        return 2
    os.set_inheritable(control.fileno(), False)
    # Whatever it was when it was made: the server has nothing to do but wait for it.
    control.setblocking(True)
    os.umask(0o077)
    _prepare_environment()
    # Nothing is collected before the objects of the libraries are frozen: each collection would write to all of them.
    gc.disable()
    from fenxi_kernel.forkserver import prepare, selftest, serve

    try:
        prepared = selftest.checked(prepare.prepare(deep=arguments.mode == DEEP, wanted=arguments.preload))
    except Exception as error:  # whatever a library raises: the service starts kernels cold then
        print(f"fork server: cannot become ready: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    serve.announce(control, prepared, round((time.monotonic() - begun) * 1000))
    serve.serve(control, prepared)
    return 0


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fenxi_kernel.forkserver")
    parser.add_argument("--control-fd", type=int, required=True, help="the connected SOCK_SEQPACKET socket")
    parser.add_argument("--mode", choices=(DEEP, WARM), default=DEEP, help="deep: with the application built, too")
    parser.add_argument(
        "--preload", default="", metavar="MODULE,...",
        help="modules to import beside the usual; what cannot be loaded before a fork is left out, and said",
    )  # fmt: skip
    arguments = parser.parse_args(argv)
    arguments.preload = _names(arguments.preload)
    return arguments


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))


def _prepare_environment() -> None:
    from fenxi_kernel import environment

    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    # Figures are drawn here to warm the libraries up; the kernel's own backend is set in the kernel.
    os.environ["MPLBACKEND"] = "agg"
    # What libraries write for their user belongs to the server's folder.
    os.environ["HOME"] = os.getcwd()
    # The debugger's advice on how to start the interpreter, which nobody can follow.
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    environment.prepare()


if __name__ == "__main__":
    # Not by sys.exit: the interpreter's own end would touch every object for nothing.
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
