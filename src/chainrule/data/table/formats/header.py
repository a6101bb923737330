"""Where a table of text begins: its comments, titles, delimiter and header."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from itertools import takewhile

from chainrule._choices import counted
from chainrule._settings import option
from chainrule.data.table.formats.sample import Row, sample_rows, usual_width
from chainrule.data.table.loaded import MOST_COLUMNS, check_columns, named
from chainrule.errors import DataError, TooShortError

__all__ = ["DELIMITERS", "Layout", "find_layout"]

DELIMITERS = ",;\t|"
_SAMPLE = 200  # lines that are looked at
_LONGEST = 1 << 22  # characters of a line
_MORE_THAN_A_YEAR = re.compile(r"[-+]?\d*[.,]\d+|.*\d[-/:]\d.*")
_FIRST = re.compile(r"^[ \t]*(?:[^#\s]|#N/A)", re.MULTILINE)
_REMEDY = (
    f"Give {option('header', False)} to call the columns 'column 1', 'column 2' and so on, or "
    f"{option('header', True)} if this line names them."
)


@dataclass(frozen=True)
class Layout:
    """What stands before the values: ``start`` is the number of lines above the first of them."""

    delimiter: str
    names: list[str]
    start: int


def find_layout(
    text: str, name: str, header: bool | None, delimiter: str | None = None, most_columns: int = MOST_COLUMNS
) -> Layout:
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
    longest = max(map(len, lines))
    if longest > _LONGEST:
        raise DataError(
            f"{name} has a line of {counted(longest, 'character')}, too long for a row of a table. Break it into lines."
        )
    occur = "".join(mark for mark in DELIMITERS if any(mark in line for line in lines)) or DELIMITERS[0]
    marks = delimiter or _that_cut(lines, occur)
    rows_by = {mark: sample_rows(lines, mark, before, name) for mark in marks}
    delimiter, width = max(((mark, usual_width(rows)) for mark, rows in rows_by.items()), key=lambda found: found[1])
    rows = rows_by[delimiter]
    columns = width[1]
    if not rows:
        raise TooShortError(
            f"{name} has no cell that is not blank in its first {counted(len(lines), 'line')}; expected a header."
        )
    check_columns(columns, name, most_columns)
    of_width = [i for i, row in enumerate(rows) if len(row.cells) == columns and not _leads(rows, i)]
    first = of_width[0]
    if header is None and len(of_width) > 1:
        first = _below_title(rows, first, of_width[1])
    if header is not False and first and any(rows[first].values) and len(rows[first - 1].cells) > columns:
        first -= 1  # a header of more cells than rows have
    return _layout(rows, first, of_width, delimiter=delimiter, header=header, name=name)


def _that_cut(lines: list[str], marks: str) -> str:
    """The marks that leave no cell longer than the csv module takes; all of them if each does."""
    limit = csv.field_size_limit()
    long = [line for line in lines if len(line) > limit]
    return (
        "".join(mark for mark in marks if all(len(cell) <= limit for line in long for cell in line.split(mark)))
        or marks
    )


def _layout(
    rows: list[Row], first: int, of_width: list[int], *, delimiter: str, header: bool | None, name: str
) -> Layout:
    """The layout of a table whose first row of the usual width is ``rows[first]``: its header, or values."""
    row = rows[first]
    start = rows[first - 1].end if first else 0
    if header is False:
        return Layout(delimiter, [f"column {i + 1}" for i in range(len(row.cells))], start)
    if header is None:
        if first and all(row.values) and _names_columns(rows[first - 1], len(row.cells)):
            comment = rows[first - 1].cells
            return Layout(delimiter, named([comment[0].strip().removeprefix("#"), *comment[1:]]), start)
        _check_header(rows, first, of_width, name)
    return Layout(delimiter, named(row.cells), row.end)


def _names_columns(row: Row, columns: int) -> bool:
    """Whether a row above values is a comment with a name for each of them."""
    return row.comment and len(row.cells) == columns > 1


def _begin(text: str) -> int:
    """Where the last of the comments stands that stand before everything else; the first line without any."""
    found = _FIRST.search(text)
    if not found:
        return 0
    above = text[: found.start()]
    comments = above.rstrip("\n")
    if not comments:
        return len(above)
    return comments.rfind("\n") + 1


def _leads(rows: list[Row], i: int) -> bool:
    """Whether this is one of the comments that stand before everything else."""
    return i < sum(1 for _ in takewhile(lambda row: row.comment, rows)) < len(rows)


def _below_title(rows: list[Row], first: int, second: int) -> int:
    """The second row if the first is a title: nothing but a first cell, above a row that names several columns."""
    above = rows[first]
    below = rows[second]
    is_title = above.filled == 1 and above.cells[0].strip() and len(above.cells) > 1
    names_columns = below.filled > 1 and not any(below.values)
    return second if is_title and names_columns else first


def _check_header(rows: list[Row], first: int, of_width: list[int], name: str) -> None:
    """Refuse a header that is a row of values, or may be one."""
    row = rows[first]
    if all(row.values):
        above = [each for each in rows[:first] if not each.comment]
        if above and len(above[-1].cells) > 1:
            raise DataError(
                f"{name} has {counted(len(row.cells), 'cell')} in line {row.end}; expected "
                f"{len(above[-1].cells)}, as many as its header has. Correct the line, or the header."
            )
        raise DataError(f"{name} has no header: its first line is {row}. {_REMEDY}")
    alike = len(of_width) > 1 and row.values == rows[of_width[1]].values
    if alike and any(_MORE_THAN_A_YEAR.fullmatch(cell.strip()) for cell in row.cells):
        raise DataError(f"{name} may have no header: its first line, {row}, looks like the next. {_REMEDY}")
