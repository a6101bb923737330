"""The columns of a table to model: chosen, and their cells read as numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed, near
from chainrule._optional import require
from chainrule.data.tables import Table
from chainrule.errors import ColumnError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_exists", "choose_columns", "is_numeric", "numbers_of"]

_MARKED_NUMBER = re.compile(r"[-+]?([$€£¥]|[A-Z]{3} )?\s?[-+]?\d[\d,.]*\s?([$€£¥%]|[A-Za-z]{1,3})?")  # $51, 12 kg
_PLAIN_NAME = re.compile(r"[\w.+-]+")


def choose_columns(table: Table, named: tuple[str, ...], date: str | None) -> tuple[str, ...]:
    """The named columns, else the only numeric one beside the dates and the row numbers that pandas writes.

    Raises:
        ColumnError: a column missing or named twice, none that is numeric, or several to choose from.
    """
    for i, column in enumerate(named):
        check_exists(table, column)
        if column in named[:i]:
            raise ColumnError(f"the column {column!r} is chosen twice in --columns; name each column once.")
    if named:
        return named
    others = [column for column in table.frame.columns if column != date]
    numeric = [c for c in others if is_numeric(table.frame[c]) and not _counts_rows(table.frame[c])]
    if len(numeric) == 1:
        return (numeric[0],)
    if numeric:
        example = min(numeric, key=lambda column: "," in column)  # a comma would part names on the command line
        example = example if _PLAIN_NAME.fullmatch(example) else f'"{example}"'
        raise ColumnError(
            f"{table.name} has {counted(len(numeric), 'numeric column')}: {listed(numeric)}. "
            f"Choose with --columns, for example --columns {example}."
        )
    for column in others:
        if not is_numeric(table.frame[column]) and _nearly_numeric(table.frame[column]):
            numbers_of(table, column)
    raise ColumnError(
        f"{table.name} has no numeric column; it has {listed(table.frame.columns)}. "
        "Add a column of numbers, or read it as text with --kind text."
    )


def check_exists(table: Table, column: str) -> None:
    """Refuse the name of a column that the table does not have."""
    names = list(table.frame.columns)
    if column not in names:
        raise ColumnError(f"{table.name} has no column {column!r}; it has {listed(names)}.{near(column, names)}")


def is_numeric(column: pd.Series) -> bool:
    """Whether the column holds numbers; truths are none."""
    types = require("pandas").api.types
    return bool(types.is_numeric_dtype(column) and not types.is_bool_dtype(column))


def numbers_of(table: Table, column: str) -> NDArray[np.float64]:
    """The column as float64, NaN where it is blank.

    Raises:
        ColumnError: cells that are not numbers.
    """
    cells = table.frame[column]
    numbers = _coerced(cells)
    bad = (cells.notna() & numbers.isna()).to_numpy()
    if bad.any():
        got = listed((repr(cell) for cell in cells[bad]), shown=5)
        raise ColumnError(
            f"column {column!r} of {table.name} is not numeric: {table.at(bad)} "
            f"hold{'s' if bad.sum() == 1 else ''} {got}. {_remedy(str(cells[bad].iloc[0]))}"
        )
    values: NDArray[np.float64] = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _counts_rows(column: pd.Series) -> bool:
    """Whether this is the index that pandas writes under no name: 0 to n - 1, or 1 to n."""
    if not re.fullmatch(r"Unnamed: \d+", str(column.name)):
        return False
    numbers = column.dropna().to_numpy()
    return any(np.array_equal(numbers, np.arange(first, first + len(numbers))) for first in (0, 1))


def _coerced(cells: pd.Series) -> pd.Series:
    """The cells as numbers, missing where they are none."""
    pandas = require("pandas")
    types = pandas.api.types
    if types.is_bool_dtype(cells) or types.is_datetime64_any_dtype(cells):
        cells = cells.astype("str")
    numbers: pd.Series[float] = pandas.to_numeric(cells, errors="coerce")
    return numbers


def _nearly_numeric(cells: pd.Series) -> bool:
    """Whether some cells are numbers, or all are numbers with a sign, a unit or a comma."""
    text = [str(cell).strip() for cell in cells.dropna()]
    return bool(_coerced(cells).notna().any()) or (bool(text) and all(map(_MARKED_NUMBER.fullmatch, text)))


def _remedy(cell: str) -> str:
    if _MARKED_NUMBER.fullmatch(cell.strip()):
        if "," in cell:
            return "Write decimals with a point and thousands without a mark: 1234.5 for 1.234,5 or 1,234.5."
        return f"Strip the sign or unit, for example {re.sub(r'[^-+.0-9]', '', cell)} for {cell!r}."
    return "Correct these cells, leave them blank, or choose another column with --columns."
