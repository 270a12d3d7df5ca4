"""What a dotted name means, found without evaluating a property or a ``__getattr__`` of the user's."""

import builtins
import inspect
import keyword
import sys
import types

from fenxi_kernel.inspection import documents
from fenxi_kernel.inspection.looks import maker

_MISSING = object()
_METHODS = (
    types.FunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType,
    classmethod, staticmethod,
)  # fmt: skip


class NotFound(Exception):
    """Nothing has this name."""


def resolve(shell, name: str) -> object:
    """The object that a dotted name means."""
    first, *rest = name.split(".")
    value = shell.user_ns.get(first, _MISSING)
    if value is _MISSING:
        value = builtins.__dict__.get(first, _MISSING)
    for part in rest:
        if value is _MISSING:
            break
        value = attribute(value, part)
    if value is _MISSING:
        raise NotFound(name)
    return value


def attribute(value: object, name: str) -> object:
    """An attribute: a method bound to its object, a property as itself, or what lies in the object."""
    if issubclass(type(value), types.ModuleType):
        # Libraries load parts of themselves when they are asked for; classes derived from a module may be anything.
        return getattr(value, name, _MISSING) if type(value) is types.ModuleType else vars(value).get(name, _MISSING)
    found = inspect.getattr_static(value, name, _MISSING)
    if issubclass(type(found), _METHODS):
        return _bound(found, value)
    if found is _MISSING:
        pandas = sys.modules.get("pandas")
        if pandas is not None and type(value) is pandas.DataFrame and name in value.columns:
            return value[name]
    return found


def _bound(found, value):
    is_class = documents.is_class(value)
    owner = value if is_class else type(value)
    binder = maker(type(found), "__get__")
    if binder is staticmethod:
        return found.__func__
    if binder is classmethod:
        # Its own binding would go on to that of a property in it.
        return types.MethodType(found.__func__, owner) if callable(found.__func__) else found.__func__
    # A class of the user's may bind as it likes: that is left.
    if issubclass(type(found), classmethod | staticmethod):
        return found
    return found.__get__(None, owner) if is_class else found.__get__(value, owner)


def kind_of(value: object) -> str:
    """A word for it, as completions have it."""
    kind = type(value)
    if issubclass(kind, types.ModuleType):
        return "module"
    if issubclass(kind, type):
        return "class"
    if issubclass(kind, property) or kind is types.GetSetDescriptorType or kind is types.MemberDescriptorType:
        return "property"
    if issubclass(kind, (*_METHODS, types.BuiltinFunctionType, types.MethodType, types.MethodWrapperType)):
        return "function"
    return "variable"


def kind_of_name(shell, owner: object, name: str) -> str:
    """A word for what a name means: of ``owner``'s attributes, or anywhere if it is ``None``."""
    if owner is None:
        if keyword.iskeyword(name):
            return "keyword"
        value = shell.user_ns.get(name, builtins.__dict__.get(name, _MISSING))
    elif issubclass(type(owner), types.ModuleType):
        value = vars(owner).get(name, _MISSING)
    else:
        value = inspect.getattr_static(owner, name, _MISSING)
    return "" if value is _MISSING else kind_of(value)
