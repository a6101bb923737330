"""Several series in one table, one below the other: the rows of one of them, chosen by its id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from chainrule._choices import listed, near
from chainrule._optional import require
from chainrule._settings import option
from chainrule.data.dates.datetimes import Dates
from chainrule.data.table.columns import is_numeric
from chainrule.data.table.loaded import LoadedTable
from chainrule.errors import ColumnError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NAMES_OF_IDS", "as_text", "choose_series", "ids_without_repeats"]

NAMES_OF_IDS = ("id", "unique_id", "item_id", "series", "series_id", "ticker", "symbol", "name", "store", "item")
_ALL = option("layout", "long")
_MOST_TRIED = 20
_EXACT = 2**53  # below it, float64 holds every whole number


def choose_series(
    table: LoadedTable, dates: Dates | None, *, others: Iterable[str], ids: tuple[str, ...], series: str | None
) -> tuple[LoadedTable, Dates | None, tuple[str, ...]]:
    """The rows and dates of one series, and the columns whose cells tell series apart; all rows if there is one.

    Args:
        table: the table.
        dates: of its rows. If they repeat, columns that tell series apart are looked for.
        others: columns that hold no ids.
        ids: the columns that tell series apart; empty finds them.
        series: the id of the series; if there are several columns, their cells with commas between them.

    Raises:
        ColumnError: a series to be chosen, or one that is not there, with the ids that are.
    """
    for column in ids:
        table.check_has(column)
    ids = ids or _find_ids(table, dates, list(others), series)
    if not ids:
        if series is not None:
            raise ColumnError(
                f"no column of {table.name} holds the series {series!r}. Leave `series` out, or name the column of "
                "the ids with `id`."
            )
        return table, dates, ()
    labels = _labels(table, ids)
    names = [str(name) for name in labels.dropna().unique()]
    if series is None and len(names) == 1:
        return table, dates, ids
    chosen = (labels == series).to_numpy(dtype=bool, na_value=False)
    if not chosen.any():
        raise ColumnError(_which_series(table, ids, names, series))
    return table.where(chosen), None if dates is None else dates[chosen], ids


def _which_series(table: LoadedTable, ids: tuple[str, ...], names: list[str], series: str | None) -> str:
    """The words that ask for a series, or say that there is none by that name."""
    there_are = f"{table.name} holds {len(names)} series, told apart by {listed(ids)}: {listed(names)}."
    if series is not None:
        return f"there is no series {series!r}: {there_are}{near(series, names)}"
    if not names:
        return f"{there_are} Fill the column in, or name another with `id`."
    example = option("series", names[0])
    if len(ids) > 1:
        example = f"{option('id', ids)} and {example}"
    return f"{there_are} {_ALL} reads all of them. Choose one with `series`, for example {example}."


def _labels(table: LoadedTable, ids: tuple[str, ...]) -> pd.Series:
    """The id of each row as text, missing where a part is; whole numbers without a point."""
    parts = [as_text(table.frame[column]) for column in ids]
    labels = parts[0]
    for part in parts[1:]:
        labels = labels + "," + part
    return labels


def as_text(cells: pd.Series) -> pd.Series:
    """The cells as text without blanks around it, missing where they are; whole numbers without a point."""
    if require("pandas").api.types.is_float_dtype(cells):
        known = cells.dropna()
        if (known % 1 == 0).all() and (known.abs() < _EXACT).all():
            cells = cells.astype("Int64")
    return cells.astype("str").str.strip().where(cells.notna())


def _find_ids(table: LoadedTable, dates: Dates | None, others: list[str], series: str | None) -> tuple[str, ...]:
    """The columns that tell series apart, where dates repeat or a series is asked for; none if there are none."""
    free = [column for column in table.frame.columns if column not in others]
    if dates is not None:
        known = dates[~np.isnat(dates)]
        if len(np.unique(known)) < len(known):
            return ids_without_repeats(table, dates, free)
    if series is not None:
        return _ids_that_hold(table, series, free)
    return ()


def _ids_that_hold(table: LoadedTable, series: str, free: list[str]) -> tuple[str, ...]:
    """The column that holds the id of the series."""
    holding = [column for column in free if (_labels(table, (column,)) == series).any()]
    if len(holding) > 1:
        raise ColumnError(
            f"{listed(holding)} of {table.name} hold {series!r}. Name the column of the ids with `id`, for example "
            f"{option('id', holding[0])}."
        )
    return tuple(holding)


def ids_without_repeats(table: LoadedTable, dates: Dates, free: list[str]) -> tuple[str, ...]:
    """The column, else two, among whose equal cells no date repeats."""
    by_name = [column for column in free if column.casefold() in NAMES_OF_IDS]
    by_name.sort(key=lambda column: NAMES_OF_IDS.index(column.casefold()))
    of_words = [column for column in free if column not in by_name and _holds_words(table.frame[column])]
    has_date = ~np.isnat(dates)
    for ids in _subsets([*by_name, *of_words][:_MOST_TRIED]):
        labels = _labels(table, ids)
        if 1 < labels.nunique() <= len(labels) / 2:
            pairs = require("pandas").DataFrame({"id": labels.to_numpy(), "date": dates})[has_date]
            if not pairs.duplicated().any():
                return ids
    return ()


def _holds_words(cells: pd.Series) -> bool:
    return bool(cells.notna().any()) and not is_numeric(cells)


def _subsets(columns: list[str]) -> Iterator[tuple[str, ...]]:
    yield from ((column,) for column in columns)
    yield from combinations(columns[:5], 2)
