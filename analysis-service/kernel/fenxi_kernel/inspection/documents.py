"""Documentation and source, found without evaluating a property: ``inspect`` asks whatever it is given.

A class of classes may be the user's, and has its say in every attribute of its classes.
"""

import enum
import inspect
import itertools
import sys
import types

from fenxi_kernel.inspection.looks import dict_of, mro_of

_NATIVE = (
    types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, types.MethodWrapperType,
    types.ClassMethodDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType,
)  # fmt: skip
_PLAIN = (*_NATIVE, types.FunctionType, types.MethodType, types.ModuleType, classmethod, staticmethod)
# What `inspect` asks a class for, or is asked instead.
_ASKED = (
    "__getattr__", "__getattribute__", "__doc__", "__module__", "__name__", "__qualname__", "__wrapped__", "__signature__",
    "__text_signature__", "__mro__", "__dict__",
)  # fmt: skip
_fget = property.__dict__["fget"].__get__


def is_class(value: object) -> bool:
    """Whether a value is a class, by its real class: ``__class__`` may be a property."""
    return issubclass(type(value), type)


def may_be_asked(value: object) -> bool:
    """Whether nothing of the user's answers when ``inspect`` asks a value for its attributes."""
    if not is_class(value):
        return any(type(value) is plain for plain in _PLAIN)
    own = itertools.takewhile(lambda kind: kind is not type, mro_of(type(value)))
    entries = (dict_of(kind).get(name) for kind in own if kind is not enum.EnumMeta for name in _ASKED)
    return all(type(each) in (str, types.NoneType) for each in entries)


def doc(value: object) -> str:
    """The documentation of a function, a property, a class or a module."""
    text = _class_doc(value) if is_class(value) else _doc(value) or _inherited(value)
    return inspect.cleandoc(text) if text else ""


def source(value: object) -> str:
    """The source of a function, a property, a class or a module."""
    if issubclass(type(value), property):
        value = _fget(value)
    return inspect.getsource(value) if may_be_asked(value) else ""


def _doc(value: object) -> str | None:
    value = _function(value)
    if issubclass(type(value), types.ModuleType):
        text = vars(value).get("__doc__")
    elif type(value) is types.FunctionType or any(type(value) is native for native in _NATIVE):
        text = value.__doc__
    else:
        text = None
    return text if type(text) is str else None


def _function(value: object) -> object:
    """What was wrapped as a method or a property."""
    if issubclass(type(value), property):
        return value if _fget(value) is None else _fget(value)
    if type(value) is types.MethodType or type(value) is classmethod or type(value) is staticmethod:
        return value.__func__
    return value


def _class_doc(value: type) -> str | None:
    for each in mro_of(value):
        text = dict_of(each).get("__doc__")
        if type(text) is str and (each is not object or value is object):
            return text
    return None


def _inherited(value: object) -> str | None:
    """The documentation of the method that this one stands for."""
    function = _function(value)
    if type(function) is not types.FunctionType:
        return None
    *names, last = function.__qualname__.split(".")
    owner = sys.modules.get(function.__module__) if type(function.__module__) is str else None
    for name in names:
        inside = dict_of(owner) if is_class(owner) else vars(owner) if type(owner) is types.ModuleType else {}
        owner = inside.get(name)
    bases = mro_of(owner)[1:] if names and is_class(owner) else ()
    return next((text for each in bases if (text := _doc(dict_of(each).get(last)))), None)
