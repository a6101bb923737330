"""Dates as tables write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require
from chainrule.errors import ColumnError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DATE_NAMES", "Dates", "parse_dates"]

Dates = NDArray[np.datetime64]

DATE_NAMES = ("date", "datetime", "time", "timestamp", "day", "week", "month", "quarter", "year", "period")
"""A column of one of these names is tried first, and only such a column may write dates as numbers."""

_YEARS = (1678, 2261)  # whole years that nanoseconds in 64 bits reach

_QUARTER = r"^(\d{4})[-: ]?[Qq]([1-4])$"
_SHORT_YEAR = r"\d{1,2}([-/.])\d{1,2}\1\d{2}"
_EPOCH_UNITS = (1, 1000)  # seconds, milliseconds
_EPOCH_FIRST = 1e8  # seconds: above every day written as 20240131, below any second since March 1973
_EPOCH_LAST = 9_214_646_400  # seconds: the first of 2262


def parse_dates(column: pd.Series, numbers: bool) -> Dates:
    """The dates a column holds, NaT where a cell holds none.

    Text is read as ISO 8601 or as quarters (2024Q1, 2024-Q1), else in the format of its first cell. If
    ``numbers``, whole numbers are years (2024) or days (20240131), and numbers that increase are seconds or
    milliseconds since 1970 if all are from March 1973 to 2261; smaller ones could count anything.

    Raises:
        ColumnError: text that reads as dates month-first and day-first, to different effect, or with years
            of two digits.
    """
    pd = require("pandas")
    if pd.api.types.is_datetime64_any_dtype(column):
        return _nanoseconds(column)
    if pd.api.types.is_numeric_dtype(column):
        return _from_numbers(column) if numbers else _none(len(column))
    text = column.astype("str").str.strip().where(column.notna())
    quarters = text.str.extract(_QUARTER)
    if quarters.notna().any(axis=None):
        month = quarters[1].astype("float") * 3 - 2
        days = pd.DataFrame({"year": quarters[0].astype("float"), "month": month, "day": 1.0})
        return _nanoseconds(pd.to_datetime(days, errors="coerce"))
    short = text.str.fullmatch(_SHORT_YEAR, na=False)
    if len(text) and (short | text.isna()).all() and short.any():
        raise ColumnError(
            f"the dates of column {column.name!r} have years of two digits, for example {text[short].iloc[0]}: "
            "which part is the year, and of which century, is not certain. Write them as 2024-01-31, "
            "or name another column with --date."
        )
    iso = _nanoseconds(pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True))
    if not np.isnat(iso).all():
        return iso
    month_first, day_first = (_in_format(text, dayfirst) for dayfirst in (False, True))
    more_missing = int(np.isnat(month_first).sum()) - int(np.isnat(day_first).sum())
    differ = month_first.astype(np.int64) != day_first.astype(np.int64)
    if more_missing == 0 and differ.any():
        raise ColumnError(
            f"the dates of column {column.name!r} read both month-first and day-first, for example "
            f"{text[differ].iloc[0]}. Write them as 2024-01-31."
        )
    return day_first if more_missing > 0 else month_first


def _from_numbers(column: pd.Series) -> Dates:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    for unit in _EPOCH_UNITS:  # microseconds, which float64 holds exactly to 2261
        seconds = values / unit
        known = seconds[~np.isnan(seconds)]
        increase = len(known) > 1 and (known[1:] > known[:-1]).all()
        if increase and known[0] >= _EPOCH_FIRST and known[-1] < _EPOCH_LAST:
            micro = np.where(np.isnan(seconds), 0, np.rint(seconds * 1e6)).astype(np.int64)
            dates = micro.astype("datetime64[us]").astype("datetime64[ns]")
            return np.where(np.isnan(seconds), np.datetime64("NaT", "ns"), dates)
    whole = np.isfinite(values) & (values == np.floor(values))
    year = np.where(whole, values, 0)
    month, day = np.ones_like(year), np.ones_like(year)
    compact = year > 9999
    month[compact], day[compact] = year[compact] // 100 % 100, year[compact] % 100
    year[compact] //= 10_000
    pd = require("pandas")
    parts = pd.DataFrame({"year": year, "month": month, "day": day})
    parts[~((_YEARS[0] <= year) & (year <= _YEARS[1]))] = np.nan
    return _nanoseconds(pd.to_datetime(parts, errors="coerce"))


def _in_format(text: pd.Series, dayfirst: bool) -> Dates:
    pd = require("pandas")
    first = text.dropna().head(1)
    form = pd.tseries.api.guess_datetime_format(first.iloc[0], dayfirst=dayfirst) if len(first) else None
    if form is None:
        return _none(len(text))
    return _nanoseconds(pd.to_datetime(text, format=form, errors="coerce", utc=True))


def _nanoseconds(dates: pd.Series) -> Dates:
    pd = require("pandas")
    dates = pd.to_datetime(dates, utc=True).dt.tz_localize(None)
    dates = dates.where((dates.dt.year >= _YEARS[0]) & (dates.dt.year <= _YEARS[1]))
    return dates.to_numpy(dtype="datetime64[ns]")


def _none(rows: int) -> Dates:
    return np.full(rows, np.datetime64("NaT"), dtype="datetime64[ns]")
