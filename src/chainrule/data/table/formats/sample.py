"""The first rows of a table of text, as one delimiter cuts them into cells."""

import csv
import re
from collections import Counter
from dataclasses import dataclass

from chainrule._settings import option
from chainrule.data.table.loaded import MOST_COLUMNS, check_columns
from chainrule.errors import DataError

__all__ = ["Row", "is_comment", "sample_rows", "usual_width"]

_SHOWN = 8  # cells of a row in a message
_VALUE = re.compile(r"[-+\d][-+\d.,:/eTZ ]*")  # a number or a date, which no header is made of alone
_PERIOD = re.compile(r"[A-Za-z]{3,9} \d{4}|\d{4}[ -:]?[QMW]\d{1,2}|Q[1-4][ -]\d{4}", re.IGNORECASE)
_COMMENT = re.compile(r"\s*#(?!N/A)")


@dataclass(frozen=True)
class Row:
    """A row of the sample, with the number of the line after it; it may run over several."""

    cells: list[str]
    end: int

    @property
    def comment(self) -> bool:
        return is_comment(self.cells[0])

    @property
    def filled(self) -> int:
        return sum(bool(cell.strip()) for cell in self.cells)

    @property
    def values(self) -> list[bool]:
        return [_is_value(cell) for cell in self.cells]

    def __str__(self) -> str:
        shown = self.cells[:_SHOWN]
        if len(self.cells) > _SHOWN:
            shown.append("...")
        return repr(", ".join(shown))


def is_comment(line: str) -> bool:
    """Whether a line is a comment; #N/A is a blank cell of Excel's."""
    return _COMMENT.match(line) is not None


def sample_rows(lines: list[str], delimiter: str, before: int, name: str) -> list[Row]:
    """The rows of the sample that are not blank, with a cell at least."""
    most = max(line.count(delimiter) for line in lines)
    if most >= MOST_COLUMNS * 10:
        check_columns(most + 1, name)
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, skipinitialspace=True)
    try:
        return [Row(cells, before + reader.line_num) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise DataError(
            f"{name} cannot be parsed near line {before + reader.line_num}: {error}. A quotation mark may be opened "
            f"and not closed. Correct it, or read the file as text with {option('kind', 'text')}."
        ) from error


def usual_width(rows: list[Row]) -> tuple[float, int]:
    """The share of rows that have the most common number of cells, and that number.

    Rows of one cell are no evidence of a delimiter, and count as a share of 0.
    """
    counts = Counter(len(row.cells) for row in rows if not row.comment) or Counter(len(row.cells) for row in rows)
    if not counts:
        return (0.0, 1)
    columns = max(counts, key=lambda cells: (counts[cells], cells))
    if columns == 1:
        return (0.0, 1)
    return (counts[columns] / counts.total(), columns)


def _is_value(cell: str) -> bool:
    cell = cell.strip()
    return bool(_VALUE.fullmatch(cell) or _PERIOD.fullmatch(cell))
