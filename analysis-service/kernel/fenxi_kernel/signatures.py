"""Signatures of what is written in C, without a copy of the list of modules.

The standard library makes one for each, to find what a default names ("sys.maxsize"), and so writes to every module. Of a
kernel that shares them with others the first look at `print` or `len` copied 10 MB.
"""

import inspect
import sys
import types


class _Modules(dict):
    """The modules that are loaded, each looked up when it is asked for. As the globals of an expression, too."""

    def __missing__(self, name):
        return sys.modules[name]

    def get(self, name, default=None):
        return sys.modules.get(name, default)

    def copy(self):
        return _Modules()


class _Sys:
    modules = _Modules()

    def __getattr__(self, name):
        return getattr(sys, name)


def install() -> None:
    """Has them looked up so, where the standard library does it as it is known here."""
    made = getattr(inspect, "_signature_fromstr", None)
    if not isinstance(made, types.FunctionType) or made.__closure__:
        return
    # The same code, which finds another `sys`.
    mended = types.FunctionType(made.__code__, {**vars(inspect), "sys": _Sys()}, made.__name__, made.__defaults__)
    mended.__kwdefaults__ = made.__kwdefaults__
    inspect._signature_fromstr = mended
