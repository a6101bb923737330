"""Columns of dates as datetime64[ns] in UTC, NaT where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Dates", "in_format", "nanoseconds", "no_dates"]

Dates = NDArray[np.datetime64]

_FIRST = np.datetime64("1678-01-01")  # the range of nanoseconds in 64 bits
_END = np.datetime64("2262-01-01")


def no_dates(rows: int) -> Dates:
    """NaT in every row."""
    return np.full(rows, np.datetime64("NaT", "ns"), dtype="datetime64[ns]")


def in_format(text: pd.Series, form: str) -> Dates:
    """The dates that text has in a format of strptime."""
    return nanoseconds(require("pandas").to_datetime(text, format=form, errors="coerce", utc=True))


def nanoseconds(dates: pd.Series) -> Dates:
    """The dates of a column of pandas' own dates."""
    pd = require("pandas")
    dates = pd.to_datetime(dates, utc=True).dt.tz_localize(None)
    dates = dates.where((dates >= _FIRST) & (dates < _END))
    return dates.to_numpy(dtype="datetime64[ns]")
