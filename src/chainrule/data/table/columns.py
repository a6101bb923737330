"""The columns of a table to model: chosen, and their cells read as numbers."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule._optional import require
from chainrule._settings import option
from chainrule.data.numerals import Marks, is_ambiguous, to_numbers
from chainrule.data.table.loaded import LoadedTable
from chainrule.errors import ColumnError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["choose_columns", "is_numeric", "numbers_of"]

_MINUS = "\u2212\u2013\ufe63\uff0d"  # signs that look like a minus
_MARKED_NUMBER = re.compile(  # $51, 12 kg, (51)
    rf"[-+{_MINUS}(]?([$€£¥]|[A-Z]{{3}} )?\s?[-+{_MINUS}]?\d[\d,.'’_ \u00a0\u202f]*\s?([$€£¥%]|[A-Za-z]{{1,3}})?\)?"
)
_NO_MARKS = Marks()
_ALL_MARKS = [Marks(group, point) for group in (",", ".", " ", "'", "_") for point in (".", ",") if group != point]


def choose_columns(
    table: LoadedTable, named: tuple[str, ...], others: Collection[str], marks: Marks = _NO_MARKS
) -> tuple[str, ...]:
    """The named columns, else the only numeric one beside ``others`` and the row numbers that pandas writes.

    Raises:
        ColumnError: a column missing or named twice, none that is numeric, or several to choose from.
    """
    for i, column in enumerate(named):
        table.check_has(column)
        if column in named[:i]:
            raise ColumnError(f"`columns` names {column!r} twice; name each column once.")
    if named:
        return named
    free = [column for column in table.frame.columns if column not in others]
    numeric = [name for name in free if is_numeric(table.frame[name], marks) and not _counts_rows(table.frame[name])]
    filled = [column for column in numeric if table.frame[column].notna().any()] or numeric
    if len(filled) == 1:
        return (filled[0],)
    if filled:
        raise ColumnError(
            f"{table.name} has {counted(len(filled), 'numeric column')}: {listed(filled)}. "
            f"Choose with `columns`, for example {option('columns', (filled[0],))}."
        )
    for column in free:
        if _nearly_numeric(table.frame[column], marks):
            numbers_of(table, column, marks)
    taken = [column for column in others if is_numeric(table.frame[column], marks)]
    if taken:
        verb = "is" if len(taken) == 1 else "are"
        raise ColumnError(
            f"{table.name} has no numeric column to model beside {listed(taken)}, which {verb} taken as dates, as ids "
            "or as what goes with the target. Leave out the setting that names the column to model, or add one."
        )
    raise ColumnError(
        f"{table.name} has no numeric column; it has {listed(table.frame.columns)}. "
        f"Add a column of numbers, or read it as text with {option('kind', 'text')}."
    )


def is_numeric(column: pd.Series, marks: Marks = _NO_MARKS) -> bool:
    """Whether the column holds only numbers and blanks; truth values are not numbers."""
    types = require("pandas").api.types
    if types.is_numeric_dtype(column):
        return not (types.is_bool_dtype(column) or types.is_complex_dtype(column))
    known = column.dropna()
    if not len(known) or to_numbers(known.head(20), marks).isna().any():
        return False
    return bool(to_numbers(known, marks).notna().all())


def numbers_of(table: LoadedTable, column: str, marks: Marks = _NO_MARKS) -> NDArray[np.float64]:
    """The column as float64, NaN where it is blank.

    Raises:
        ColumnError: cells that are not numbers.
    """
    cells = table.frame[column]
    numbers = to_numbers(cells, marks)
    if not marks and is_ambiguous(cells):
        raise _in_doubt(table, column, ",", cells.dropna().iloc[0])
    if not marks and column in table.dotted:
        raise _in_doubt(table, column, ".", table.dotted[column])
    bad = (cells.notna() & numbers.isna()).to_numpy()
    if bad.any():
        hold = "holds" if bad.sum() == 1 else "hold"
        raise ColumnError(
            f"column {column!r} of {table.name} is not numeric: {table.at(bad)} {hold} {table.cells(column, bad)}. "
            f"{_remedy(cells[bad])}"
        )
    return np.asarray(numbers, dtype=np.float64)


def _in_doubt(table: LoadedTable, column: str, mark: str, example: object) -> ColumnError:
    words = {",": "commas", ".": "dots"}[mark]
    return ColumnError(
        f"column {column!r} of {table.name} has {words} that may stand before decimals or between thousands, for "
        f"example {example!r}. Give {option('decimal', mark)} or {option('thousands', mark)} to say which."
    )


def _counts_rows(column: pd.Series) -> bool:
    """Whether this is the index that pandas writes under no name: 0 to n - 1, or 1 to n."""
    if not re.fullmatch(r"Unnamed: \d+", str(column.name)):
        return False
    numbers = column.dropna().to_numpy()
    return any(np.array_equal(numbers, np.arange(first, first + len(numbers))) for first in (0, 1))


def _nearly_numeric(cells: pd.Series, marks: Marks) -> bool:
    """Whether some cells are numbers, or all are with a sign, a unit or a mark taken off."""
    text = [str(cell).strip() for cell in cells.dropna()]
    return bool(to_numbers(cells, marks).notna().any()) or (bool(text) and all(map(_MARKED_NUMBER.fullmatch, text)))


def _remedy(bad: pd.Series) -> str:
    """What to do about cells that are not numbers, told by the first of them."""
    types = require("pandas").api.types
    if types.is_bool_dtype(bad):
        return "Write truths as 1 and 0."
    if types.is_timedelta64_dtype(bad):
        return "Write durations as numbers of one unit, as pandas' column.dt.total_seconds() does."
    correct = "Correct these cells, leave them blank, or choose another column with `columns`."
    if types.is_datetime64_any_dtype(bad):
        return correct
    cell = str(bad.iloc[0]).strip()
    if not _MARKED_NUMBER.fullmatch(cell):
        return correct
    if cell[0] == "(" and cell[-1] == ")":
        return f"Write negative numbers with a minus, for example -{cell[1:-1].strip()} for {cell!r}."
    if cell[0] in _MINUS:
        return f"Write the minus as a hyphen, for example -{cell[1:].strip()} for {cell!r}."
    begins_with_unit = cell[0] in "$€£¥" or cell[0].isalpha()
    ends_with_unit = not cell[-1].isdigit()
    if any(mark in cell for mark in ",.'_ \u00a0\u202f") and not begins_with_unit and not ends_with_unit:
        return _name_marks(bad)
    return f"Strip the sign or unit, for example {re.sub(r'[^-+.0-9]', '', cell)} for {cell!r}."


def _name_marks(bad: pd.Series) -> str:
    """The settings of the marks with which all of the cells are numbers; an example where there are none."""
    text = bad.astype("str").str.strip()
    fitting = [marks for marks in _ALL_MARKS if text.str.fullmatch(marks.number).all()]
    if not fitting:
        example = f"{option('thousands', '.')} and {option('decimal', ',')} for 1.234,5"
        return f"Name the marks with `thousands` and `decimal`: {example}."
    marks = fitting[0]
    group = option("thousands", marks.thousands)
    both = f"{group} and {option('decimal', marks.decimal)}"
    has_point = text.str.contains(marks.point, regex=False).any()
    return f"Name the marks with `thousands` and `decimal`: {both if has_point else group} for {text.iloc[0]}."
