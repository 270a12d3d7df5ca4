"""Values of Arrow's as texts of cells, by their own types and numbers: Python's types have not all of them."""

import itertools
import sys

from fenxi_kernel.inspection import digits, moments, texts
from fenxi_kernel.inspection.brief import type_name

_DAY_MILLIS = moments.DAY_SECS * 1_000
_NARROW = {"float": "float32", "halffloat": "float16"}


def text(scalar, chars: int) -> str | None:
    """One value; ``None`` where there is none."""
    try:
        return _text(scalar, sys.modules["pyarrow"].types, chars)
    except Exception:  # noqa: BLE001  an extension may be of the user's own kind
        return texts.cut(f"<a value of {type_name(scalar)} that cannot be shown>", chars)


def _text(scalar, types, chars: int) -> str | None:
    kind = scalar.type
    if not scalar.is_valid:
        return None
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind) or hasattr(kind, "storage_type"):
        return text(scalar.value, chars)
    if types.is_floating(kind):
        return texts.text(*digits.narrowed([scalar.as_py()], _NARROW.get(str(kind), "float64")), chars)
    if types.is_timestamp(kind):
        return moments.moment(scalar.value, kind.unit, moments.zone_named(kind.tz))
    if types.is_duration(kind):
        return moments.length(scalar.value, kind.unit)
    if types.is_time(kind):
        return moments.time_of_day(scalar.value, kind.unit)
    if types.is_date32(kind):
        return moments.day(scalar.value)
    if types.is_date64(kind):
        return moments.day(scalar.value // _DAY_MILLIS)
    if types.is_nested(kind):
        return _nested(scalar, kind, types, chars)
    return texts.text(scalar.as_py(), chars)


def _nested(scalar, kind, types, chars: int) -> str | None:
    if types.is_struct(kind):
        names = [kind.field(at).name for at in range(min(kind.num_fields, chars))]
        parts = (f"{name}: {_part(scalar[at], chars)}" for at, name in enumerate(names))
        return texts.joined("{", parts, "}", chars)
    if types.is_map(kind):
        # Keys may be there twice.
        entries = itertools.islice(scalar.values, chars)
        return texts.joined("[", (f"({_part(each[0], chars)}, {_part(each[1], chars)})" for each in entries), "]", chars)
    if types.is_union(kind):
        return text(scalar.value, chars)
    return texts.joined("[", (text(each, chars) for each in itertools.islice(scalar.values, chars)), "]", chars)


def _part(scalar, chars: int) -> str:
    shown = text(scalar, chars)
    return texts.MISSING if shown is None else shown
