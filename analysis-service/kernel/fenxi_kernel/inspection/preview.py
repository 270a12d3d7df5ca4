"""The value of a variable: a page of cells, or text."""

from fenxi_kernel.inspection import tables
from fenxi_kernel.inspection.brief import listing, type_name
from fenxi_kernel.inspection.variables import kind_of

_TEXT_MAX_CHARS = 20_000
_TEXT_ITEMS = 200
_CELL_MAX_CHARS = 1_000
# Of all cells of a page together.
_PAGE_MAX_CHARS = 1_000_000


class Unknown(Exception):
    """There is no such variable."""


def preview(shell, name: str, row_offset: int, row_count: int, column_offset: int, column_count: int) -> dict:
    """A page of a table or of an array of one or two dimensions, or the beginning of anything else."""
    if name not in shell.user_ns:
        raise Unknown(name)
    value = shell.user_ns[name]
    answer = {"type": type_name(value), "kind": kind_of(value)}
    shape = tables.shape(value) if answer["kind"] in ("TABLE", "ARRAY") else []
    if len(shape) not in (1, 2):
        return answer | {"text": listing(value, _TEXT_MAX_CHARS, _TEXT_ITEMS)}
    rows = max(0, min(row_count, shape[0] - row_offset))
    columns = tables.columns(value, column_offset, column_count)
    chars = max(1, min(_CELL_MAX_CHARS, _PAGE_MAX_CHARS // max(1, rows * len(columns))))
    shown = []
    for at, column in enumerate(columns, column_offset):
        cells = tables.cells(value, at, row_offset, rows, chars)
        shown.append(column._asdict() | cells._asdict())
    page = {
        "row_offset": row_offset, "row_count": rows, "columns": shown, "total_rows": shape[0],
        "total_columns": shape[1] if len(shape) == 2 else 1,
    }  # fmt: skip
    labels = tables.labels(value, row_offset, rows, chars)
    if labels is not None:
        page["labels"] = labels[0]._asdict() | labels[1]._asdict()
    return answer | {"page": page}
