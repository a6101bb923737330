"""Dates written as numbers: their digits, as 20240131, or a count from 1970, as seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule._optional import require
from chainrule.data.dates.datetimes import Dates, in_format, nanoseconds, no_dates
from chainrule.data.dates.periods import NUMBERS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EPOCH_UNITS", "digits_of", "from_numbers", "since_1970"]

EPOCH_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EPOCH_FIRST = 1e8  # seconds: above every day written as 20240131, below any second since March 1973
_EPOCH_LAST = 9_214_646_400  # seconds: the first of 2262


def from_numbers(column: pd.Series) -> Dates:
    """Whole numbers that are the digits of dates, else numbers that count from 1970."""
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    is_known = ~np.isnan(values)
    known = values[is_known]
    digits = digits_of(column)
    dates = _from_digits(digits)
    all_read = len(digits.dropna()) == len(known) and not np.isnat(dates[is_known]).any()
    if len(known) < 2 or all_read:
        return dates
    increases = (known[1:] > known[:-1]).all()
    if not increases and (known != np.floor(known)).any():
        return dates
    for unit, scale in EPOCH_UNITS.items():
        if (known >= _EPOCH_FIRST * scale).all() and (known < _EPOCH_LAST * scale).all():
            return since_1970(column, unit)
    return dates


def _from_digits(digits: pd.Series) -> Dates:
    """The dates of numbers that have as many digits as the first."""
    lengths = digits.str.len()
    known = lengths.dropna().unique()
    form = NUMBERS.get(int(known[0])) if len(known) else None
    if form is None:
        return no_dates(len(digits))
    return in_format(digits.where(lengths == known[0]), form)


def digits_of(column: pd.Series) -> pd.Series:
    """Whole positive numbers as text, missing where there is none."""
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    whole = (values >= 0) & (values < 1e15) & (values == np.floor(values))
    return column.where(whole).astype("Int64").astype("str").where(whole)


def since_1970(column: pd.Series, unit: str) -> Dates:
    """The dates of numbers: whole ones exactly, others to the microsecond, which float64 holds to 2261."""
    pd = require("pandas")
    if pd.api.types.is_integer_dtype(column):
        return nanoseconds(pd.to_datetime(column, unit=unit, errors="coerce", utc=True))
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    inside = np.abs(values) < _EPOCH_LAST * EPOCH_UNITS[unit]
    micro = np.rint(np.where(inside, values, 0) * (1e6 / EPOCH_UNITS[unit])).astype(np.int64)
    dates = micro.astype("datetime64[us]").astype("datetime64[ns]")
    return np.where(inside, dates, np.datetime64("NaT", "ns"))
