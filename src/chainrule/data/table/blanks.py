"""Blanks of a series: refused, filled, or their rows left out."""

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule.data.dates.frequency import Frequency
from chainrule.data.dates.parsing import Dates
from chainrule.data.table.loaded import LoadedTable
from chainrule.errors import MissingValuesError

__all__ = ["fill", "with_missing_dates", "without_blank_rows"]

_MOST_MISSING = 9  # times the dates that there are


def without_blank_rows(table: LoadedTable, dates: Dates, how: str | None) -> tuple[LoadedTable, Dates]:
    """A table and its dates without the rows that are blank throughout, if blanks are to be dropped.

    Raises:
        MissingValuesError: such rows, under any other ``how``: a date is not filled.
    """
    blank = table.blank
    if blank.any() and how != "drop":
        raise MissingValuesError(
            f"{table.name} has {counted(blank.sum(), 'entirely blank row')}, at {table.at(blank)}. "
            "Give --fill drop (leave rows out), or delete them: --fill forward and --fill linear do not fill dates."
        )
    return table.where(~blank), dates[~blank]


def fill(
    table: LoadedTable, columns: tuple[str, ...], values: NDArray[np.float64], dates: Dates | None, how: str | None
) -> tuple[NDArray[np.float64], Dates | None]:
    """The values with blanks filled as `Reading.fill` says, and the dates of the steps that are left.

    Raises:
        MissingValuesError: blanks and no ``how``, or one that cannot fill them.
    """
    blank = np.isnan(values)
    if how is None:
        raise MissingValuesError(
            f"{table.name} has {counted(blank.sum(), 'missing value')} in {listed(columns)}, at {table.at(blank)}. "
            "Give --fill forward (repeat the value before), "
            "--fill linear (interpolate) or --fill drop (leave rows out)."
        )
    if how == "drop":
        whole = ~blank.any(axis=1)
        return values[whole], None if dates is None else dates[whole]
    unfillable = blank[0] | blank[-1] if how == "linear" else blank[0]
    if unfillable.any():
        column = columns[int(np.argmax(unfillable))]
        side, end = ("on each side", "first or last row") if how == "linear" else ("before", "first row")
        raise MissingValuesError(
            f"--fill {how} needs a value {side}, but {column!r} of {table.name} is missing in its {end}. "
            "Use --fill drop."
        )
    if how == "forward":
        steps = np.arange(len(values))[:, None]
        last = np.maximum.accumulate(np.where(blank, 0, steps), axis=0)
        return np.take_along_axis(values, last, axis=0), dates
    time = np.arange(len(values)) if dates is None else dates.astype(np.int64)
    filled = values.copy()
    for x, gap in zip(filled.T, blank.T, strict=True):
        x[gap] = np.interp(time[gap], time[~gap], x[~gap])
    return filled, dates


def with_missing_dates(
    values: NDArray[np.float64], frequency: Frequency, how: str | None
) -> tuple[NDArray[np.float64], Dates]:
    """Values and dates with blank rows where the frequency misses dates, if blanks are to be filled; else as they are.

    Raises:
        MissingValuesError: nine times as many dates are missing as are there.
    """
    dates = frequency.dates
    if how not in ("forward", "linear") or not frequency.missing:
        return values, dates
    if frequency.missing > _MOST_MISSING * len(dates):
        raise MissingValuesError(
            f"--fill {how} would add {counted(frequency.missing, 'date')} to {len(dates):,} by "
            f"--freq {frequency.alias}. Name a frequency that more of the dates follow, or leave --fill out: a step is "
            "then a row."
        )
    every = np.concatenate([dates, frequency.missing_dates().astype(dates.dtype)])
    blank = np.full((frequency.missing, values.shape[1]), np.nan)
    order = np.argsort(every)
    return np.concatenate([values, blank])[order], every[order]
