"""Columns of categories: their cells as text, and as places among the levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed, near
from chainrule._optional import require
from chainrule.data.numerals import Marks
from chainrule.data.panels.panel import Covariate
from chainrule.data.table.columns import is_numeric, numbers_of
from chainrule.data.table.loaded import LoadedTable
from chainrule.data.table.stacked import as_text
from chainrule.errors import ColumnError, DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["covariate_cells", "covariate_column", "text_codes"]

_SUFFIX = ":category"

_Ints = NDArray[np.int64]


def covariate_column(table: LoadedTable, name: str) -> str:
    """The column of the table that is meant: "store:category" is the column store, unless one has this very name."""
    if name not in table.frame.columns:
        name = name.removesuffix(_SUFFIX)
    table.check_has(name)
    return name


def covariate_cells(
    table: LoadedTable, name: str, marks: Marks, fitted: Covariate | None
) -> tuple[Covariate, NDArray[np.float64]]:
    """A column beside the target, and its cells: numbers, or places among levels; NaN where they are blank.

    Args:
        table: the table.
        name: of the column, as `covariate_column` has it.
        marks: of numbers.
        fitted: the column of a run, whose levels are kept.

    Raises:
        ColumnError: there is no such column, or it holds dates, or no numbers where the run has numbers.
        DataError: a level that the run does not know.
    """
    column = covariate_column(table, name)
    cells = table.frame[column]
    if require("pandas").api.types.is_datetime64_any_dtype(cells):
        raise ColumnError(
            f"column {column!r} of {table.name} holds dates, which are no covariate. Name features of the dates with "
            "`calendar`, or write it as numbers."
        )
    has_levels = column != name or not is_numeric(cells, marks)
    if fitted is not None:
        has_levels = bool(fitted.levels)
    if not has_levels or (fitted is None and not cells.notna().any()):
        return fitted or Covariate(column), numbers_of(table, column, marks)
    codes, texts = text_codes(cells)
    levels = tuple(sorted(texts)) if fitted is None else fitted.levels
    unknown = [text for text in texts if text not in levels]
    if unknown:
        raise DataError(
            f"column {column!r} of {table.name} has {counted(len(unknown), 'category', 'categories')} that the fitted "
            f"data do not have: {listed(unknown, shown=5)}; they have {listed(levels)}.{near(unknown[0], levels)} "
            "Correct these cells, or leave them blank."
        )
    place = {text: i for i, text in enumerate(levels)}
    places = np.array([*(place[text] for text in texts), np.nan])
    return Covariate(column, levels), places[codes]


def text_codes(cells: pd.Series) -> tuple[_Ints, tuple[str, ...]]:
    """The different texts of a column in the order of their first appearance, and the place of each cell's; -1 where
    it is blank.

    >>> import pandas
    >>> text_codes(pandas.Series(["b", "a ", None, "a"]))
    (array([ 0,  1, -1,  1]), ('b', 'a'))
    """
    pandas = require("pandas")
    codes, different = pandas.factorize(cells)
    texts, names = pandas.factorize(as_text(pandas.Series(different)))
    return np.append(texts, -1)[codes], tuple(map(str, names))
