"""Long tables, with a row for each series and date, as loose rows of a panel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule._optional import require
from chainrule._settings import option
from chainrule.data.dates.datetimes import Dates
from chainrule.data.dates.timezones import zone_of
from chainrule.data.numerals import Marks
from chainrule.data.panels.laying import LooseRows
from chainrule.data.panels.layouts.categories import covariate_cells, covariate_column, text_codes
from chainrule.data.panels.layouts.counting import counting_column, refuse_of_dates
from chainrule.data.panels.panel import Covariate, Covariates
from chainrule.data.reading import Reading
from chainrule.data.table.columns import choose_columns, numbers_of
from chainrule.data.table.date_columns import find_dates
from chainrule.data.table.loaded import LoadedTable
from chainrule.data.table.stacked import NAMES_OF_IDS, ids_without_repeats
from chainrule.errors import ColumnError, MissingValuesError

__all__ = ["check_dated", "long_rows"]

_CERTAIN = ("unique_id", "series_id", "item_id")
_TARGET = "y"

_Ints = NDArray[np.int64]
_Named = tuple[str, Covariate | None]  # a column beside the target, and what it is in a run


@dataclass(frozen=True, eq=False)
class _When:
    """The columns of the dates or steps, and what they say of each row."""

    columns: tuple[str, ...]
    when: _Ints
    dated: bool
    timezone: str | None = None


def long_rows(
    table: LoadedTable,
    reading: Reading,
    *,
    fitted: Covariates | None = None,
    may_lack: str | None = None,
    numbered: bool = False,
) -> LooseRows:
    """The rows of a long table.

    Args:
        table: the table.
        reading: how it is read.
        fitted: the columns beside the target of a run, whose levels are kept.
        may_lack: the target of a run that the table may lack, and then the columns of the past too: a table of what is
            known ahead.
        numbered: whether the steps of a run are numbered, so that numbers of any size go on from them.

    Raises:
        ColumnError: a column missing or to be chosen, cells that are no numbers, dates that cannot be read.
        MissingValuesError: rows without an id or a date.
    """
    when = _when(table, reading, numbered)
    marks = Marks(reading.thousands, reading.decimal)
    names = _named(reading, fitted)
    absent = [] if may_lack is None else [each for each in names["past"] if each[0] not in table.frame.columns]
    named = [each for part in names.values() for each in part if each not in absent]
    beside = {covariate_column(table, name) for name, _ in named}
    ids = reading.id_columns or _ids(table, when, beside)
    for column in ids:
        table.check_has(column)
    dating = [column for column in ids if column in when.columns]
    if dating:
        raise ColumnError(
            f"{option('id', dating[0])} names what dates the rows of {table.name}, which cannot tell its series apart "
            "too. Name the column of the ids, or leave `id` out to read one series."
        )
    codes, labels = _codes(table, ids, reading.columns or (may_lack or _TARGET,))
    target, values = _target(table, reading, {*when.columns, *ids, *beside, *table.index}, may_lack)
    made = {
        part: [
            _blank(table, each) if each in absent else covariate_cells(table, each[0], marks, each[1]) for each in own
        ]
        for part, own in names.items()
    }
    cells = {part: _stacked([numbers for _, numbers in pairs], len(codes)) for part, pairs in made.items()}
    about = {part: tuple(column for column, _ in pairs) for part, pairs in made.items()}
    return LooseRows(
        codes=codes,
        ids=labels,
        when=when.when,
        dated=when.dated,
        timezone=when.timezone,
        values=values,
        target=target,
        covariates=Covariates(about["known"], about["past"], about["static"]),
        known=cells["known"],
        past=cells["past"],
        static=cells["static"],
        name=table.name,
        numbered=bool(when.columns) and not when.dated,
    )


def _named(reading: Reading, fitted: Covariates | None) -> dict[str, list[_Named]]:
    """The covariates by what they are: as a run has them, or as the reading names them."""
    parts = ("known", "past", "static")
    if fitted is not None:
        return {part: [(each.name, each) for each in getattr(fitted, part)] for part in parts}
    return {part: [(name, None) for name in getattr(reading, part)] for part in parts}


def _blank(table: LoadedTable, named: _Named) -> tuple[Covariate, NDArray[np.float64]]:
    """A column of a run that the table lacks."""
    name, fitted = named
    return fitted or Covariate(name), np.full(len(table.frame), np.nan)


def _stacked(columns: list[NDArray[np.float64]], rows: int) -> NDArray[np.float64]:
    return np.stack(columns, axis=1) if columns else np.empty((rows, 0))


def _when(table: LoadedTable, reading: Reading, numbered: bool) -> _When:
    counted_by = counting_column(table, reading, numbered=numbered)
    if counted_by is not None:
        return _When((counted_by,), np.asarray(table.frame[counted_by], dtype=np.int64), dated=False)
    date, dates = find_dates(table, reading.date_columns, reading.date_format)
    if dates is None:
        refuse_of_dates(table, reading)
        return _When((), np.arange(len(table.frame)), dated=False)
    check_dated(table, dates)
    return _When(date, dates.astype(np.int64), dated=True, timezone=zone_of(table.frame[date[-1]], dates))


def check_dated(table: LoadedTable, dates: Dates) -> None:
    """Refuse rows that are blank throughout, and so have no date."""
    missing = np.isnat(dates)
    if missing.any():
        rows = counted(int(missing.sum()), "entirely blank row")
        raise MissingValuesError(f"{table.name} has {rows}, at {table.at(missing)}. Delete them.")


def _ids(table: LoadedTable, when: _When, beside: set[str]) -> tuple[str, ...]:
    """The columns of the ids: of a name that is given to nothing else, or those without which dates repeat."""
    free = [column for column in table.frame.columns if column not in when.columns and column not in beside]
    certain = [column for column in free if column.casefold() in _CERTAIN]
    if certain:
        return tuple(certain[:1])
    index = [column for column in table.index if column in free]
    if index:
        return tuple(index)
    if when.columns and len(np.unique(when.when)) == len(when.when):
        return ()
    found = ids_without_repeats(table, when.when.astype("datetime64[ns]"), free) if when.columns else ()
    by_name = [column for column in free if column.casefold() in NAMES_OF_IDS]
    return found or tuple(by_name[:1])


def _codes(table: LoadedTable, ids: tuple[str, ...], unnamed: tuple[str, ...]) -> tuple[_Ints, tuple[str, ...]]:
    """Which series each row belongs to, and the ids of the series; a single one has the name of its target."""
    if not ids:
        return np.zeros(len(table.frame), dtype=np.int64), unnamed
    codes, texts = text_codes(table.frame[ids[0]])
    for column in ids[1:]:
        more, names = text_codes(table.frame[column])
        both, pairs = require("pandas").factorize(np.where((codes < 0) | (more < 0), -1, codes * len(names) + more))
        texts = tuple(f"{texts[pair // len(names)]},{names[pair % len(names)]}" if pair >= 0 else "" for pair in pairs)
        codes = np.where(pairs[both] < 0, -1, both)
    blank = codes < 0
    if blank.any():
        raise MissingValuesError(
            f"{table.name} has {counted(int(blank.sum()), 'row')} without an id in {' or '.join(ids)}, at "
            f"{table.at(blank)}. Fill them in, or delete these rows."
        )
    return codes, texts


def _target(
    table: LoadedTable, reading: Reading, others: set[str], may_lack: str | None
) -> tuple[str, NDArray[np.float64]]:
    marks = Marks(reading.thousands, reading.decimal)
    columns = reading.columns
    if may_lack is not None:
        if may_lack not in table.frame.columns:
            return may_lack, np.full(len(table.frame), np.nan)
        columns = (may_lack,)
    elif not columns and _TARGET in table.frame.columns and _TARGET not in others:
        columns = (_TARGET,)
    columns = choose_columns(table, columns, others, marks)
    if len(columns) > 1:
        raise ColumnError(
            f"{option('columns', columns)} names {counted(len(columns), 'column')}, and a panel has one target. Name "
            "one, and the others as `known`, `past` or `static`."
        )
    return columns[0], numbers_of(table, columns[0], marks)
