"""Numbers as texts, in as few digits as tell each from all others of its kind."""

import decimal as decimals
import math
import sys

# Floating-point numbers are written in digits alone from here to there.
_PLAIN_MIN, _PLAIN_END = 1e-4, 1e16
# Whole numbers below are exact in every kind that holds them.
_EXACT_END = 2**24
# Decimal numbers of more digits have an exponent.
_DECIMAL_MAX_PLACES = 1_000


def narrowed(values: list, kind: str) -> list:
    """Python's numbers in the kind that numpy, pandas or pyarrow had them in: as Python's they would have the digits of a
    longer one."""
    numpy, name = sys.modules.get("numpy"), kind.lower()
    if numpy is None or name not in ("float16", "float32"):
        return values
    make = getattr(numpy, name)
    return [make(each) if type(each) is float else each for each in values]


def real(value) -> str:
    """A floating-point number, in as few digits as tell it from all others of its kind."""
    double, numpy = float(value), sys.modules.get("numpy")
    if type(value) is float or not math.isfinite(double) or (double.is_integer() and abs(double) < _EXACT_END):
        shown = repr(double)
    elif type(value)(_PLAIN_MIN) <= abs(value) and abs(double) < _PLAIN_END:
        return numpy.format_float_positional(value, trim="0")
    else:
        shown = numpy.format_float_scientific(value, trim="-")
    digits, mark, exponent = shown.partition("e")
    return f"{digits}e{int(exponent)}" if mark else shown


def decimal(value: decimals.Decimal) -> str:
    """A decimal number, with all its digits and, unless there are very many, without an exponent."""
    plain = not value.is_finite() or abs(value.adjusted()) + len(value.as_tuple().digits) <= _DECIMAL_MAX_PLACES
    return format(value, "f") if plain else str(value)
