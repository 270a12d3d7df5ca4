"""Cells as texts: as previews of datasets have them.

A cell that cannot be shown is said to be one. It costs no other its text.
"""

import sys
from typing import NamedTuple

from fenxi_kernel.inspection import arrow_texts, digits, texts


class Cells(NamedTuple):
    """Texts, and the numbers of those rows that have no value."""

    values: list[str]
    missing_rows: list[int]


def elements(part) -> list:
    """The elements of a part of a Series, an Index or an array."""
    return digits.narrowed(part.tolist(), getattr(part.dtype, "name", ""))


def of(part, chars: int) -> Cells:
    """Cells of a part of a Series, an Index or an array."""
    return rendered(_texts(part, chars))


def of_arrow(part, chars: int) -> Cells:
    """Cells of a part of a column of Arrow's."""
    return rendered([arrow_texts.text(scalar, chars) for scalar in part])


def rendered(shown: list[str | None]) -> Cells:
    """Cells of texts, of which some are none."""
    missing = [row for row, text in enumerate(shown) if text is None]
    return Cells([text or "" for text in shown], missing)


def _texts(part, chars: int) -> list[str | None]:
    dtype = part.dtype
    if hasattr(dtype, "pyarrow_dtype"):
        return [arrow_texts.text(scalar, chars) for scalar in part.array.__arrow_array__()]
    if getattr(dtype, "categories", None) is not None:
        codes = part.array.codes
        shown = iter(_texts(dtype.categories.take(codes[codes >= 0]), chars))
        return [None if code < 0 else next(shown) for code in codes.tolist()]
    if type(dtype).__name__ == "DatetimeTZDtype":
        bare = part.to_numpy(f"datetime64[{dtype.unit}]")
        numbers, gone = bare.astype("int64").tolist(), sys.modules["numpy"].isnat(bare).tolist()
        numbers = [None if gone[at] else number for at, number in enumerate(numbers)]
        return texts.of_moments(numbers, dtype.unit, dtype.tz)
    if dtype.kind in "mM" and type(dtype).__module__ == "numpy.dtypes":
        # A masked array stays one.
        return texts.of_array(part if hasattr(part, "filled") else part.__array__(), chars)
    return [texts.text(each, chars) for each in elements(part)]
