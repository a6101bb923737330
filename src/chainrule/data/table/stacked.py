"""Several series in one table, one below the other: the rows of one are chosen by its id."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from chainrule._choices import listed, near
from chainrule._optional import require
from chainrule.data.dates.parsing import Dates
from chainrule.data.table.columns import is_numeric
from chainrule.data.table.loaded import LoadedTable, as_option
from chainrule.errors import ColumnError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["choose_series"]

_ID_NAMES = ("id", "unique_id", "item_id", "series", "series_id", "ticker", "symbol", "name", "store", "item")
_MOST_TRIED = 20


def choose_series(
    table: LoadedTable, dates: Dates | None, others: Iterable[str], ids: tuple[str, ...], series: str | None
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
    known = dates is not None and len(np.unique(dates[~np.isnat(dates)])) < int((~np.isnat(dates)).sum())
    if not ids and (known or series is not None):
        ids = _find_ids(table, dates if known else None, list(others), series)
    if not ids:
        if series is not None:
            raise ColumnError(
                f"no column of {table.name} holds the series {series!r}. Leave --series out, or name the column of "
                "the ids with --id."
            )
        return table, dates, ()
    labels = _labels(table, ids)
    names = [str(name) for name in labels.dropna().unique()]
    if series is None and len(names) == 1:
        return table, dates, ids
    chosen = (labels == series).to_numpy(dtype=bool, na_value=False)
    if chosen.any():
        return table.where(chosen), None if dates is None else dates[chosen], ids
    told = f"{table.name} holds {len(names)} series, told apart by {listed(ids)}: {listed(names)}."
    if series is not None:
        raise ColumnError(f"there is no series {series!r}: {told}{near(series, names)}")
    found = f"--id {as_option(*ids)} " if len(ids) > 1 else ""
    example = f" Choose one with --series, for example {found}--series {shlex.quote(names[0])}." if names else ""
    raise ColumnError(told + (example or " Fill the column in, or name another with --id."))


def _labels(table: LoadedTable, ids: tuple[str, ...]) -> pd.Series:
    """The id of each row as text, missing where a part is; whole numbers without a point."""
    pd = require("pandas")
    parts = []
    for column in ids:
        cells = table.frame[column]
        if (
            pd.api.types.is_float_dtype(cells)
            and (cells.dropna() % 1 == 0).all()
            and (cells.dropna().abs() < 2**53).all()
        ):
            cells = cells.astype("Int64")
        parts.append(cells.astype("str").str.strip().where(cells.notna()))
    labels = parts[0]
    for part in parts[1:]:
        labels = labels + "," + part
    return labels


def _find_ids(table: LoadedTable, dates: Dates | None, others: list[str], series: str | None) -> tuple[str, ...]:
    """The column, else two, within whose cells no date repeats; without dates the one that has ``series``."""
    free = [column for column in table.frame.columns if column not in others]
    if dates is None:
        holding = [column for column in free if (_labels(table, (column,)) == series).any()]
        if len(holding) > 1:
            raise ColumnError(
                f"{listed(holding)} of {table.name} hold {series!r}. Name the column of the ids with --id, for "
                f"example --id {as_option(holding[0])}."
            )
        return tuple(holding)
    named = sorted((c for c in free if c.casefold() in _ID_NAMES), key=lambda c: _ID_NAMES.index(c.casefold()))
    words = [c for c in free if c not in named and not is_numeric(table.frame[c]) and table.frame[c].notna().any()]
    tried = [*named, *words][:_MOST_TRIED]
    pd = require("pandas")
    for ids in _subsets(tried):
        labels = _labels(table, ids)
        if 1 < labels.nunique() <= len(labels) / 2:
            pairs = pd.DataFrame({"id": labels.to_numpy(), "date": dates})[~np.isnat(dates)]
            if not pairs.duplicated().any():
                return ids
    return ()


def _subsets(columns: list[str]) -> Iterator[tuple[str, ...]]:
    yield from ((column,) for column in columns)
    yield from combinations(columns[:5], 2)
