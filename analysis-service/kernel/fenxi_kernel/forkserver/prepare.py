"""Everything before the first fork, in its order."""

import contextlib
import gc
import importlib
import os
import sys
from types import ModuleType
from typing import NamedTuple

from fenxi_kernel import tracebacks
from fenxi_kernel.forkserver import clone, extra, pages, plug, prebuild, preload, settle, title


class Prepared(NamedTuple):
    """What kernels are made from."""

    # The application with its shell; without it (mode "warm") each kernel builds its own.
    app: object | None
    isolation: ModuleType | None
    # What libraries put into the environment when they were imported.
    variables: dict[str, str]
    areas: title.Areas | None
    clone_name: str
    copy: clone.Copy
    # An empty file for the standard input, and the service by which the kernel's end is asked for.
    null: int
    service: int
    modules: int

    @property
    def mode(self) -> str:
        """``"deep"`` or ``"warm"``."""
        return "warm" if self.app is None else "deep"


def prepare(*, deep: bool, wanted: list[str]) -> Prepared:
    """Loads, builds and freezes everything; raises if kernels cannot be forked then."""
    before = set(os.environ)
    preload.load()
    extra.load(wanted)
    preload.warm_up()
    settle.annotate()
    settle.forget_lookups()
    variables = {name: value for name, value in os.environ.items() if name not in before}
    gc.collect()
    plug.fill()
    app = _prebuild() if deep else None
    # Imported here and not in a kernel, where files may be out of reach already.
    isolation = _isolation()
    _forget_inline_backend()
    tracebacks.share_modules()
    preload.assert_one_thread()
    clone_name, copy = clone.choose()
    prepared = Prepared(
        app=app,
        isolation=isolation,
        variables=variables,
        areas=title.Areas.find(),
        clone_name=clone_name,
        copy=copy,
        null=os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC),
        service=os.pidfd_open(os.getppid()),
        modules=len(sys.modules),
    )
    gc.collect()
    settle.forget_lookups()
    plug.fill()
    # Frozen objects are never looked at again: a collection in a kernel would copy 55 MB of them.
    gc.freeze()
    pages.enlarge()
    return prepared


def _prebuild():
    try:
        return prebuild.build()
    except Exception as error:  # noqa: BLE001  another version of IPython: kernels are slower, and work
        reason = f"{type(error).__name__}: {error}"
        print(f"fork server: the application cannot be built before the fork: {reason}", file=sys.stderr, flush=True)
        prebuild.discard()
        return None


def _isolation() -> ModuleType | None:
    with contextlib.suppress(ModuleNotFoundError):
        return importlib.import_module("fenxi_kernel.isolation")
    return None


def _forget_inline_backend() -> None:
    """Lets each kernel import the inline backend: its import is what connects it with the kernel's shell."""
    sys.modules.pop("matplotlib_inline.backend_inline", None)
    package = sys.modules.get("matplotlib_inline")
    if package is not None:
        vars(package).pop("backend_inline", None)
