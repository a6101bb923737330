"""The column of a table that numbers steps, where no dates do."""

from __future__ import annotations

from chainrule._optional import require
from chainrule._settings import option
from chainrule.data.reading import Reading
from chainrule.data.table.loaded import LoadedTable
from chainrule.errors import ArgumentError

__all__ = ["counting_column", "refuse_of_dates"]

_COUNTS = ("ds", "t", "time", "step", "steps", "timestep", "time_idx")
_MOST_COUNTED = 100_000


def counting_column(table: LoadedTable, reading: Reading, *, numbered: bool) -> str | None:
    """The column that numbers the steps; None if there is none.

    Args:
        table: the table.
        reading: how it is read.
        numbered: whether they are new to steps that are numbered, and numbers of any size go on from them.

    Raises:
        ArgumentError: there is one, and a setting of dates was given.
    """
    if reading.date_format is not None or len(reading.date_columns) > 1:
        return None
    names = reading.date_columns or tuple(table.frame.columns)
    types = require("pandas").api.types
    for column in names:
        if column.casefold() in _COUNTS and column in table.frame.columns and column not in reading.columns:
            cells = table.frame[column]
            is_whole = types.is_integer_dtype(cells) and not cells.isna().any()
            if is_whole and (numbered or cells.abs().max() < _MOST_COUNTED):
                refuse_of_dates(table, reading)
                return column
    return None


def refuse_of_dates(table: LoadedTable, reading: Reading) -> None:
    """Refuse settings that a table without dates has no use for."""
    if reading.freq is not None:
        raise ArgumentError(
            f"{option('freq', reading.freq)} applies to dates, and {table.name} has no column of dates. Name it with "
            "`date`, or leave `freq` out."
        )
    if reading.calendar:
        raise ArgumentError(
            f"{option('calendar', reading.calendar)} applies to dates, and {table.name} has no column of dates. Name "
            "it with `date`, or leave `calendar` out."
        )
