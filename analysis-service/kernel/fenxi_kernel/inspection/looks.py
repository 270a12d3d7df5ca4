"""How the values of Python's own kinds are written, piece by piece: brackets, and the first few of what lies between.

Their own ``__repr__`` would write out all of a value, let nothing else run meanwhile, and go as deep as the value does.
Here a value is asked by the class that would have written it, never by a class of the user's that is derived from it, and
no property is evaluated. A class with a ``__repr__`` of its own has no look.
"""

import array
import collections
import dataclasses
import functools
import gc
import inspect
import itertools
import types
from collections.abc import Callable, MappingView
from typing import NamedTuple

LIBRARY_CONTAINERS = (collections.OrderedDict, collections.defaultdict, collections.Counter)

# Of a class, whatever its own class says.
mro_of = type.__dict__["__mro__"].__get__
dict_of = type.__dict__["__dict__"].__get__
_qualname = type.__dict__["__qualname__"].__get__
# What only code could tell.
UNKNOWN = object()


class Key(NamedTuple):
    """What stands before an element and its colon."""

    value: object


class Look(NamedTuple):
    """What a value is made of. Before an element there may be a ``Key``, or a text such as ``name=``."""

    begin: str
    elements: list[tuple[Key | str | None, object]]
    end: str
    length: int


def maker(kind: type, method: str = "__repr__") -> type:
    """The class from which a class has a method; finding it runs no code of the user's."""
    return next(each for each in mro_of(kind) if method in dict_of(each))


def look(value: object, items: int) -> Look | None:
    """The look of a value with its first elements, or ``None`` for a value that must write itself."""
    kind = type(value)
    writer = maker(kind)
    # By the number, because the class of a class may be the user's, with a ``__hash__`` of its own.
    found = _LOOKS.get(id(writer))
    if found is not None:
        return found(value, kind, items)
    if issubclass(kind, tuple) and _is_made_by(writer, _NAMED_CODE):
        names = inspect.getattr_static(writer, "_fields", ())
        names = names if type(names) is tuple else ()
        return _named(_qualname(kind), zip(names, tuple.__iter__(value), strict=False), items, len(names))
    if _is_made_by(writer, _DATACLASS_CODE) and "__dataclass_fields__" in dict_of(writer):
        fields = dict_of(writer)["__dataclass_fields__"].values()
        names = [each.name for each in fields if each.repr and each._field_type is dataclasses._FIELD]
        return _named(_qualname(kind), ((name, _held(value, name)) for name in names), items, len(names))
    return None


def _held(value: object, name: str) -> object:
    """What lies in an object under a name."""
    found = inspect.getattr_static(value, name, UNKNOWN)
    if type(found) is types.MemberDescriptorType:
        # A slot, which may be empty.
        try:
            return found.__get__(value)
        except AttributeError:
            return UNKNOWN
    # A property, or something like it.
    return UNKNOWN if any("__set__" in dict_of(each) for each in mro_of(type(found))) else found


def _is_made_by(writer: type, code: types.CodeType) -> bool:
    """Whether a class has its ``__repr__`` from the library's maker of such classes."""
    function = dict_of(writer)["__repr__"]
    return type(function) is types.FunctionType and function.__code__ is code


def _of(base: type, begin: str, end: str, pairs: bool = False) -> Callable:
    """The look of a container."""
    every = base.items if pairs else base.__iter__

    def found(value, kind, items):
        # Taken in one go: a cell that runs may add to it.
        first = list(itertools.islice(every(value), items))
        elements = [(Key(key), each) for key, each in first] if pairs else [(None, each) for each in first]
        size = base.__len__(value)
        if not size and (kind is set or kind is frozenset):
            return Look(f"{kind.__name__}(", [], ")", 0)
        left, right = (begin, end) if kind is base else (f"{_qualname(kind)}({begin}", f"{end})")
        return Look(left, elements, f",{right}" if base is tuple and size == 1 else right, size)

    return found


def _named(name: str, parts, items: int, length: int) -> Look:
    return Look(f"{name}(", [_part(*each) for each in itertools.islice(parts, items)], ")", length)


def _part(name, value):
    return f"{name if type(name) is str else '?'}=", value


def _unnamed(name: str, parts, items: int) -> Look:
    return Look(f"{name}(", [(None, each) for each in parts[:items]], ")", len(parts))


def _namespace(value, kind, items):
    name = "namespace" if kind is types.SimpleNamespace else _qualname(kind)
    own = _own_dict(value)
    return _named(name, list(itertools.islice(own.items(), items)), items, len(own))


def _partial(value, kind, items):
    function, arguments, keywords = (functools.partial.__dict__[each].__get__(value) for each in _OF_PARTIALS)
    parts = [(None, function), *((None, each) for each in arguments[:items])]
    parts += [_part(*each) for each in list(itertools.islice(dict.items(keywords), items))]
    name = "functools.partial" if kind is functools.partial else _qualname(kind)
    return Look(f"{name}(", parts[:items], ")", 1 + len(arguments) + len(keywords))


def _method(value, _kind, _items):
    function = value.__func__
    name = getattr(function, "__qualname__", "?") if type(function) is types.FunctionType else "?"
    return Look(f"<bound method {name} of ", [(None, value.__self__)], ">", 1)


def _array(value, kind, items):
    # Of the class that it is derived from, which gives no object of the user's.
    head = array.array.__getitem__(value, slice(0, items))
    letter = array.array.typecode.__get__(value)
    elements = [(None, each) for each in array.array.tolist(head)]
    begin, end = (", [", "])") if elements else ("", ")")
    return Look(f"{_qualname(kind)}('{letter}'{begin}", elements, end, array.array.__len__(value))


def _keys(value, kind, items):
    # The views of plain dictionaries, also those of an ``OrderedDict``.
    first = list(itertools.islice(maker(kind, "__iter__").__iter__(value), items))
    return Look(f"{_qualname(kind)}([", [(None, each) for each in first], "])", maker(kind, "__len__").__len__(value))


def _view(value, kind, _items):
    return Look(f"{_qualname(kind)}(", [(None, _held(value, "_mapping"))], ")", 1)


def _proxy(value, _kind, _items):
    # Nothing else gives the mapping itself, and it is the one thing that it refers to.
    return Look("mappingproxy(", [(None, each) for each in gc.get_referents(value)[:1]], ")", 1)


def _data(value, _kind, _items):
    return Look("", [(None, _held(value, "data"))], "", 1)


def _maps(value, kind, items):
    maps = _held(value, "maps")
    return _unnamed(_qualname(kind), maps if type(maps) is list else [maps], items)


def _exception(value, kind, items):
    return _unnamed(_qualname(kind), BaseException.args.__get__(value), items)


_OF_PARTIALS = ("func", "args", "keywords")
_own_dict = types.SimpleNamespace.__dict__["__dict__"].__get__
# Each maker gives all its classes the same code.
_NAMED_CODE = collections.namedtuple("_Named", "field").__repr__.__code__
_DATACLASS_CODE = dataclasses.make_dataclass("_Data", ["field"]).__repr__.__code__
_LOOKS = {
    id(kind): found
    for kind, found in {
        list: _of(list, "[", "]"), tuple: _of(tuple, "(", ")"), set: _of(set, "{", "}"),
        frozenset: _of(frozenset, "frozenset({", "})"), collections.deque: _of(collections.deque, "deque([", "])"),
        **dict.fromkeys((dict, *LIBRARY_CONTAINERS), _of(dict, "{", "}", pairs=True)),
        **dict.fromkeys((type({}.keys()), type({}.values()), type({}.items())), _keys), MappingView: _view,
        types.MappingProxyType: _proxy, array.array: _array, types.SimpleNamespace: _namespace,
        functools.partial: _partial, types.MethodType: _method, collections.ChainMap: _maps,
        collections.UserList: _data, collections.UserDict: _data, collections.UserString: _data,
        BaseException: _exception,
    }.items()
}  # fmt: skip
