"""What a name is: its signature, type, value in short, documentation and source."""

import inspect
import re
import types

from fenxi_kernel.inspection import documents, names, tables
from fenxi_kernel.inspection.brief import brief, cut, type_name
from IPython.utils.tokenutil import token_at_cursor

_ALL_MAX_CHARS = 100_000
_DOC_MAX_CHARS = 40_000
_SOURCE_MAX_CHARS = 50_000
_SIGNATURE_MAX_CHARS = 4_000
# Of a parameter's default.
_DEFAULT_MAX_CHARS = 80

# The argument that native methods and functions have bound.
_OF_ITSELF = re.compile(r"^\(\$\w+(?:, /(?=[,)]))?(?:, )?")


def explain(shell, code: str, cursor: int, with_source: bool) -> dict:
    """A text about the name at the cursor; ``found`` says whether there is one."""
    name = token_at_cursor(code, min(cursor, len(code)))
    try:
        value = names.resolve(shell, name) if name else None
    except names.NotFound:
        name = ""
    if not name:
        return {"found": False, "text": ""}
    return {"found": True, "text": cut("\n".join(_lines(name, value, with_source)), _ALL_MAX_CHARS)}


def _lines(name: str, value: object, with_source: bool) -> list[str]:
    kind = names.kind_of(value)
    lines = []
    if kind in ("function", "class"):
        signature = _signature(value)
        if signature:
            lines.append(f"Signature: {name.rpartition('.')[2]}{signature}")
    lines.append(f"Type: {'property' if kind == 'property' else type_name(value)}")
    if tables.kind_of(value) is not None:
        lines.append(f"Shape: {' x '.join(f'{length:,}' for length in tables.shape(value))}")
    if kind == "variable":
        lines.append(f"Value: {brief(value)}")
    about = value if kind != "variable" else type(value)
    lines += _section("Documentation", cut(_quietly(documents.doc, about), _DOC_MAX_CHARS))
    if with_source:
        lines += _section("Source", cut(_quietly(documents.source, about), _SOURCE_MAX_CHARS))
    return lines


def _section(title: str, text: str) -> list[str]:
    return ["", f"{title}:", text.strip("\n")] if text else []


def _signature(value) -> str:
    return cut(_quietly(_signature_text, value), _SIGNATURE_MAX_CHARS)


def _signature_text(value) -> str:
    if not documents.may_be_asked(value):
        return ""
    is_class = documents.is_class(value)
    makers = [inspect.getattr_static(value, name) for name in ("__init__", "__new__")] if is_class else []
    about = value.__func__ if type(value) is types.MethodType else value
    if any(type(each) in (types.FunctionType, staticmethod) for each in (about, *makers)):
        return str(_shortened(inspect.signature(value)))
    # Of native code. `inspect` would copy the list of all modules, and with it 10 MB of a forked kernel's memory.
    return _OF_ITSELF.sub("(", value.__text_signature__ or "")


class _Short:
    """Stands in a signature for a value, whose own text may be of any length."""

    def __init__(self, value):
        self._text = brief(value, _DEFAULT_MAX_CHARS)

    def __repr__(self):
        return self._text


def _shortened(signature: inspect.Signature) -> inspect.Signature:
    parameters = [
        each.replace(default=_short(each.default), annotation=_short(each.annotation))
        for each in signature.parameters.values()
    ]
    return signature.replace(parameters=parameters, return_annotation=_short(signature.return_annotation))


def _short(value):
    # Classes, and what is made of them, have a look of their own in annotations.
    if issubclass(type(value), type) or type(value).__module__ in ("types", "typing"):
        return value
    return _Short(value)


def _quietly(function, value) -> str:
    """What cannot be had is left out."""
    try:
        text = function(value)
    except Exception:  # noqa: BLE001  no source, no signature, or a class that raises whatever it is asked
        return ""
    return text if type(text) is str else ""
