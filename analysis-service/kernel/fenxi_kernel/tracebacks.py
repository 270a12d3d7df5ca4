"""Tracebacks of many frames, as an endless recursion has them, in less than a second.

IPython asks `inspect.getmodule` for each frame, twice for each error, and for a frame of a cell that looks through all
modules: 3,000 frames and as many modules took ten seconds. A frame's module depends on its file alone, as long as no module
comes or goes.
"""

import inspect
import sys

_look_for = inspect.getmodule
# By file, as many modules being loaded.
_known = {}
_known_of = 0


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
        _known[file] = _look_for(object, _filename)
    return _known[file]


def install():
    """Has it asked instead of the standard library's."""
    inspect.getmodule = module_of
