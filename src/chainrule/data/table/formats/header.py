"""Where a table of text begins: its comments, titles, delimiter and header."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from itertools import takewhile

from chainrule._choices import counted
from chainrule.data.table.loaded import MOST_COLUMNS, check_columns, named
from chainrule.errors import DataError, TooShortError

__all__ = ["DELIMITERS", "Layout", "find_layout", "is_comment"]

DELIMITERS = ",;\t|"
_SAMPLE = 200  # lines that are looked at
_LONGEST = 1 << 22  # characters of a line
_VALUE = re.compile(r"[-+\d][-+\d.,:/eTZ ]*")  # a number or a date, which no header is made of alone
_PERIOD = re.compile(r"[A-Za-z]{3,9} \d{4}|\d{4}[ -:]?[QMW]\d{1,2}|Q[1-4][ -]\d{4}", re.IGNORECASE)
_MORE_THAN_A_YEAR = re.compile(r"[-+]?\d*[.,]\d+|.*\d[-/:]\d.*")
_FIRST = re.compile(r"^[ \t]*(?:[^#\s]|#N/A)", re.MULTILINE)
_COMMENT = re.compile(r"\s*#(?!N/A)")


@dataclass(frozen=True)
class Layout:
    """What stands before the values: ``start`` is the number of lines above the first of them."""

    delimiter: str
    names: list[str]
    start: int


@dataclass(frozen=True)
class _Row:
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
        return repr(", ".join(self.cells[:8]) + (", ..." if len(self.cells) > 8 else ""))


def is_comment(line: str) -> bool:
    """Whether a line is a comment; #N/A is a blank cell of Excel's."""
    return _COMMENT.match(line) is not None


def find_layout(text: str, name: str, header: bool | None, delimiter: str | None = None) -> Layout:
    """Find the delimiter, and the header below comments and titles.

    The delimiter is the one that cuts most rows into equally many cells. The header is the first row of so many,
    unless it holds values: then the last comment above may name the columns.

    Raises:
        TooShortError: nothing but blank cells.
        DataError: no header, or one that may be a row of values, where ``header`` does not say which.
    """
    begin = _begin(text)
    before = text.count("\n", 0, begin)
    lines = text[begin:].split("\n", _SAMPLE)[:_SAMPLE]
    if (longest := max(map(len, lines))) > _LONGEST:
        raise DataError(
            f"{name} has a line of {counted(longest, 'character')}, which is no row of a table. Part the lines."
        )
    rows_by = {mark: _rows(lines, mark, before, name) for mark in delimiter or DELIMITERS}
    delimiter, width = max(((mark, _width(rows)) for mark, rows in rows_by.items()), key=lambda found: found[1])
    rows = rows_by[delimiter]
    columns = width[1]
    if not rows:
        raise TooShortError(
            f"{name} has no cell that is not blank in its first {counted(len(lines), 'line')}; expected a header."
        )
    check_columns(columns, name)
    of_width = [i for i, row in enumerate(rows) if len(row.cells) == columns and not _leads(rows, i)]
    first = of_width[0]
    if header is None and len(of_width) > 1:
        first = _below_title(rows, first, of_width[1])
    if header is not False and first and any(rows[first].values) and len(rows[first - 1].cells) > columns:
        first -= 1  # a header of more cells than rows have
    row = rows[first]
    start = rows[first - 1].end if first else 0
    if header is False:
        return Layout(delimiter, [f"column {i + 1}" for i in range(len(row.cells))], start)
    if header is None:
        comment = rows[first - 1] if first else None
        if all(row.values) and comment is not None and comment.comment and len(comment.cells) == columns > 1:
            return Layout(delimiter, named([comment.cells[0].strip().removeprefix("#"), *comment.cells[1:]]), start)
        _check_header(rows, first, of_width, name)
    return Layout(delimiter, named(row.cells), row.end)


def _begin(text: str) -> int:
    """Where the last of the comments stands that stand before everything else; the first line without any."""
    found = _FIRST.search(text)
    above = text[: found.start()] if found else ""
    comments = above.rstrip("\n")
    return comments.rfind("\n") + 1 if comments else len(above)


def _rows(lines: list[str], delimiter: str, before: int, name: str) -> list[_Row]:
    """The rows of the sample that are not blank, with a cell at least."""
    if max(line.count(delimiter) for line in lines) >= MOST_COLUMNS * 10:
        check_columns(max(line.count(delimiter) for line in lines) + 1, name)
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, skipinitialspace=True)
    try:
        return [_Row(cells, before + reader.line_num) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise DataError(
            f"{name} cannot be parsed near line {before + reader.line_num}: {error}. A quotation mark may be opened "
            "and not closed. Correct it, or read it with --kind text."
        ) from error


def _leads(rows: list[_Row], i: int) -> bool:
    """Whether this is one of the comments that stand before everything else."""
    return i < sum(1 for _ in takewhile(lambda row: row.comment, rows)) < len(rows)


def _width(rows: list[_Row]) -> tuple[float, int]:
    """How many rows have the cells that most have, and how many cells; one cell is no evidence of a delimiter."""
    counts = Counter(len(row.cells) for row in rows if not row.comment) or Counter(len(row.cells) for row in rows)
    if not counts:
        return (0.0, 1)
    columns = max(counts, key=lambda cells: (counts[cells], cells))
    return (0.0 if columns == 1 else counts[columns] / counts.total(), columns)


def _below_title(rows: list[_Row], first: int, second: int) -> int:
    """The second row if the first is a title: nothing but a first cell, above a row that names several columns."""
    title = rows[first].filled == 1 and rows[first].cells[0].strip() and len(rows[first].cells) > 1
    return second if title and rows[second].filled > 1 and not any(rows[second].values) else first


def _check_header(rows: list[_Row], first: int, of_width: list[int], name: str) -> None:
    """Refuse a header that is a row of values, or may be one."""
    row = rows[first]
    above = [above for above in rows[:first] if not above.comment]
    if all(row.values):
        if above and len(above[-1].cells) > 1:
            raise DataError(
                f"{name} has {counted(len(row.cells), 'cell')} in line {row.end}; expected "
                f"{len(above[-1].cells)}, as many as its header has. Correct the line, or the header."
            )
        raise DataError(
            f"{name} has no header: its first line is {row}. Give --no-header to call the columns 'column 1', "
            "'column 2' and so on, or --header if this line names them."
        )
    alike = len(of_width) > 1 and row.values == rows[of_width[1]].values
    if alike and any(_MORE_THAN_A_YEAR.fullmatch(cell.strip()) for cell in row.cells):
        raise DataError(
            f"{name} may have no header: its first line, {row}, is as the next. Give --no-header to call the columns "
            "'column 1', 'column 2' and so on, or --header if this line names them."
        )


def _is_value(cell: str) -> bool:
    cell = cell.strip()
    return bool(_VALUE.fullmatch(cell) or _PERIOD.fullmatch(cell))
