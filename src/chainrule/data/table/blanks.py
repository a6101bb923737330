"""Blanks of a series: refused, filled, or their rows left out."""

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule._settings import option
from chainrule.data.dates.datetimes import Dates
from chainrule.data.dates.frequency import Frequency
from chainrule.data.table.loaded import LoadedTable
from chainrule.errors import MissingValuesError

__all__ = ["fill", "with_missing_dates", "without_blank_rows"]

_MOST_MISSING = 9  # times the dates that there are
_FORWARD = option("fill", "forward")
_LINEAR = option("fill", "linear")
_DROP = option("fill", "drop")

_Values = NDArray[np.float64]


def without_blank_rows(table: LoadedTable, dates: Dates, how: str | None) -> tuple[LoadedTable, Dates]:
    """A table and its dates without the rows that are entirely blank, if blanks are to be dropped.

    Raises:
        MissingValuesError: such rows, under any other ``how``: a date is not filled.
    """
    blank = table.blank
    if blank.any() and how != "drop":
        raise MissingValuesError(
            f"{table.name} has {counted(blank.sum(), 'entirely blank row')}, at {table.at(blank)}. "
            f"Give {_DROP} (leave rows out), or delete them: {_FORWARD} and {_LINEAR} do not fill dates."
        )
    return table.where(~blank), dates[~blank]


def fill(
    table: LoadedTable, columns: tuple[str, ...], values: _Values, *, dates: Dates | None, how: str | None
) -> tuple[_Values, Dates | None]:
    """The values (T, C) with blanks filled as `Reading.fill` says, and the dates of the steps that are left.

    Raises:
        MissingValuesError: blanks and no ``how``, or one that cannot fill them.
    """
    blank = np.isnan(values)
    if how is None:
        raise MissingValuesError(
            f"{table.name} has {counted(blank.sum(), 'missing value')} in {listed(columns)}, at {table.at(blank)}. "
            f"Give {_FORWARD} (repeat the value before), {_LINEAR} (interpolate) or {_DROP} (leave rows out)."
        )
    if how == "drop":
        complete = ~blank.any(axis=1)
        return values[complete], None if dates is None else dates[complete]
    _check_ends(table, columns, blank, how)
    if how == "forward":
        return _forward(values, blank), dates
    return _linear(values, blank, dates), dates


def _check_ends(table: LoadedTable, columns: tuple[str, ...], blank: NDArray[np.bool_], how: str) -> None:
    """Refuse blanks without a value before them or, where it is needed, after them."""
    unfillable = blank[0]
    needs = "before the blank"
    end = "first row"
    if how == "linear":
        unfillable = blank[0] | blank[-1]
        needs = "on each side of the blank"
        end = "first or last row"
    if unfillable.any():
        column = columns[int(np.argmax(unfillable))]
        raise MissingValuesError(
            f"{option('fill', how)} needs a value {needs}, but {column!r} of {table.name} is missing in its {end}. "
            f"Use {_DROP}."
        )


def _forward(values: _Values, blank: NDArray[np.bool_]) -> _Values:
    steps = np.arange(len(values))[:, None]
    last_known = np.maximum.accumulate(np.where(blank, 0, steps), axis=0)
    filled: _Values = np.take_along_axis(values, last_known, axis=0)
    return filled


def _linear(values: _Values, blank: NDArray[np.bool_], dates: Dates | None) -> _Values:
    time = np.arange(len(values)) if dates is None else dates.astype(np.int64)
    filled = values.copy()
    for column, gap in zip(filled.T, blank.T, strict=True):
        column[gap] = np.interp(time[gap], time[~gap], column[~gap])
    return filled


def with_missing_dates(values: _Values, frequency: Frequency, how: str | None) -> tuple[_Values, Dates]:
    """Values and dates with blank rows where the frequency misses dates, if blanks are to be filled; else as they are.

    Raises:
        MissingValuesError: nine times as many dates are missing as are there.
    """
    dates = frequency.dates
    if how not in ("forward", "linear") or not frequency.missing:
        return values, dates
    if frequency.missing > _MOST_MISSING * len(dates):
        raise MissingValuesError(
            f"{option('fill', how)} would add {counted(frequency.missing, 'date')} to {len(dates):,} by "
            f"{option('freq', frequency.alias)}. Name a frequency that more of the dates follow, or leave `fill` out, "
            "so that each row is a step."
        )
    all_dates = np.concatenate([dates, frequency.missing_dates().astype(dates.dtype)])
    blank_rows = np.full((frequency.missing, values.shape[1]), np.nan)
    order = np.argsort(all_dates)
    return np.concatenate([values, blank_rows])[order], all_dates[order]
