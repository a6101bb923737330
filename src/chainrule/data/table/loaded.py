"""A table as loaded, which can say in words where its rows, columns and cells are."""

from __future__ import annotations

import reprlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed, near
from chainrule._settings import option
from chainrule.errors import ColumnError, DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_ACROSS", "MOST_COLUMNS", "LoadedTable", "check_cells", "check_columns", "named"]

MOST_COLUMNS = 5_000
MOST_ACROSS = 20_000  # of a table whose columns are series or steps
_MOST_CELLS = 30_000_000
_SHORTENED = reprlib.Repr()
_SHORTENED.maxstring = _SHORTENED.maxother = 60


@dataclass(frozen=True, eq=False)
class LoadedTable:
    """A table as loaded; messages count its rows from ``first`` and call each a ``row``.

    The frame's index holds the numbers that rows had in the source, from 0; its columns have distinct names that
    are text. ``index`` names the columns that were the index of pandas data: dates or ids, but no values to model.
    ``dotted`` has a cell of each column whose dots, read as points, may stand between thousands.
    """

    frame: pd.DataFrame
    name: str
    row: str = "row"
    first: int = 1
    index: tuple[str, ...] = ()
    dotted: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def blank(self) -> NDArray[np.bool_]:
        """Which rows are blank throughout."""
        return self.frame.isna().all(axis=1).to_numpy()

    def at(self, bad: NDArray[np.bool_]) -> str:
        """The bad rows, or the rows of bad cells, in words: "line 7" or "rows 2, 3, 9"."""
        rows = self.frame.index.to_numpy()[np.unique(np.nonzero(bad)[0])] + self.first
        word = self.row if len(rows) == 1 else f"{self.row}s"
        return f"{word} {listed(rows, shown=5)}"

    def cells(self, column: str, bad: NDArray[np.bool_]) -> str:
        """The first of a column's bad cells, long ones shortened."""
        cells = self.frame[column][bad]
        blank = cells.isna()
        if getattr(cells.dtype, "tz", None) is not None:
            cells = cells.dt.tz_convert(None)
        if cells.dtype.kind in "mM":  # pandas has dates that Python's datetime does not reach
            cells = cells.astype("str")
        more = f" and {len(cells) - 5} more" if len(cells) > 5 else ""
        shown = zip(cells.head(5), blank, strict=False)
        return ", ".join("a blank" if is_blank else _SHORTENED.repr(cell) for cell, is_blank in shown) + more

    def where(self, kept: NDArray[np.bool_]) -> LoadedTable:
        """The table of the rows kept; messages still count them as the source does."""
        return replace(self, frame=self.frame[kept])

    def check_has(self, column: str) -> None:
        """Refuse the name of a column that the table does not have."""
        names = list(self.frame.columns)
        if column in names:
            return
        # The command line takes a name with a comma for two names, where it is not in quotes.
        with_comma = next((name for name in names if column in _parts(name)), None)
        hint = near(column, names)
        if with_comma is not None:
            hint = f" If you mean the name with the comma, give it as {option('columns', (with_comma,))}."
        raise ColumnError(f"{self.name} has no column {column!r}; it has {listed(names)}.{hint}")


def _parts(name: str) -> list[str]:
    """What stands before, between and after the commas of a name; nothing if it has none."""
    parts = [part.strip() for part in name.split(",")]
    return parts if len(parts) > 1 else []


def check_columns(count: int, name: str, most: int = MOST_COLUMNS) -> None:
    """Refuse more columns than a series can sensibly have, before work is done for each."""
    if count <= most:
        return
    has = f"{name} has {counted(count, 'column')}; expected at most {most:,}"
    if most > MOST_COLUMNS:
        raise DataError(f"{has}. Write the table with a row for each series and date, for {option('layout', 'long')}.")
    raise DataError(
        f"{has}: each row is a step, each column a variable. If the steps run across, transpose the table, for example "
        f"with pandas: frame.T; if there are many series, give {option('layout', 'rows')} or "
        f"{option('layout', 'columns')}."
    )


def check_cells(rows: int, columns: int, name: str, most_columns: int = MOST_COLUMNS) -> None:
    """Refuse what would not fit into memory: a small file can promise any number of rows."""
    check_columns(columns, name, most_columns)
    if rows * columns > _MOST_CELLS:
        raise DataError(
            f"{name} has {counted(rows, 'row')} of {counted(columns, 'column')}; expected at most {_MOST_CELLS:,} "
            "cells. Write only the columns to model, or fewer rows, to a file of their own."
        )


def named(names: Iterable[object]) -> list[str]:
    """Distinct names of columns: stripped of blanks, called as pandas does where they are empty, copies numbered.

    >>> named([" Date", "", "Change", "Change"])
    ['Date', 'Unnamed: 1', 'Change 1', 'Change 2']
    """
    given = [str(name).strip() or f"Unnamed: {i}" for i, name in enumerate(names)]
    copies = Counter(given)
    taken = set(given)
    numbers = Counter[str]()
    distinct = list(given)
    for i, name in enumerate(given):
        if copies[name] > 1:
            while distinct[i] in taken:
                numbers[name] += 1
                distinct[i] = f"{name} {numbers[name]}"
            taken.add(distinct[i])
    return distinct
