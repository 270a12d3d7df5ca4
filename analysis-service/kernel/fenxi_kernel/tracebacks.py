"""Tracebacks of many frames, as an endless recursion has them, in less than a second; and the first of a forked kernel
without a copy of what it shares.

IPython asks `inspect.getmodule` for each frame, twice for each error, and for a frame of a cell that looks through all
modules: 3,000 frames and as many modules took ten seconds. A frame's module depends on its file alone, as long as no module
comes or goes. And whoever looks at a module writes to it, which copied 20 MB in a kernel. So all are looked at before the
fork, and in a kernel only those that it has loaded itself.
"""

import inspect
import itertools
import operator
import os
import sys
from functools import partial
from types import ModuleType

_look_for = inspect.getmodule
# By file, as many modules being loaded.
_known = {}
_known_of = 0
# The last module that was loaded before the fork: all up to it are in `inspect.modulesbyfile`.
_last_shared: str | None = None


def module_of(object, _filename=None):  # noqa: A002  as the standard library has it
    """What `inspect.getmodule` gives; of frames and code it is looked for once in each file."""
    global _known_of
    code = getattr(object, "f_code", object)
    file = _filename or getattr(code, "co_filename", None)
    if not inspect.iscode(code) or file is None:
        return _look_for(object, _filename)
    if len(sys.modules) != _known_of:
        _known.clear()
        _known_of = len(sys.modules)
    if file not in _known:
        _known[file] = _module_of_code(object, _filename)
    return _known[file]


def install() -> None:
    """Has it asked instead of the standard library's."""
    inspect.getmodule = module_of


def share_modules() -> None:
    """Looks at all modules that are loaded. Called before the fork, when the last is."""
    global _last_shared
    _last_shared = None
    # It has no module's file, so that all are looked through.
    _look_for(compile("", "<none>", "exec"))
    _known.clear()
    _last_shared = next(reversed(sys.modules))


def _module_of_code(code, filename: str | None) -> ModuleType | None:
    """As the standard library does it, but for the modules that it looks at."""
    if _last_shared not in sys.modules:
        return _look_for(code, filename)
    try:
        file = inspect.getabsfile(code, filename)
    except (TypeError, FileNotFoundError):
        return None
    if file not in inspect.modulesbyfile:
        _note_later_modules()
    return sys.modules.get(inspect.modulesbyfile.get(file))


def _note_later_modules() -> None:
    """Notes the files of the modules that were loaded after the fork."""
    # In one step, between which no thread can load another.
    names = [*itertools.takewhile(partial(operator.ne, _last_shared), reversed(sys.modules))]
    for name in reversed(names):
        module = sys.modules.get(name)
        if inspect.ismodule(module) and hasattr(module, "__file__"):
            file = inspect.getabsfile(module)
            inspect.modulesbyfile[file] = inspect.modulesbyfile[os.path.realpath(file)] = module.__name__
