"""The formats in which text writes days, months, weeks and quarters, besides ISO 8601."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMATS", "NUMBERS", "SHORT_YEAR", "SHORT_YEAR_FORMATS", "as_days"]

FORMATS = (
    *("%G-W%V-%u", "%YM%m", "%m/%Y", "%m-%Y", "%m.%Y", "%Y/%m", "%Y:%m"),
    *(f"{month}{mark}%Y" for month in ("%b", "%B") for mark in (" ", "-", "/", ", ")),
    *(f"%Y{mark}{month}" for month in ("%b", "%B") for mark in (" ", "-", "/")),
)
"""The formats that pandas does not guess from a cell: weeks, and months without a day."""

NUMBERS = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
"""The formats of dates written as one number, by how many digits it has."""

_MONTH = "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
SHORT_YEAR = rf"(?:\d{{1,2}}|{_MONTH})([-/.])(?:\d{{1,2}}|{_MONTH})\1\d{{2}}|{_MONTH}[- ]\d{{2}}"
SHORT_YEAR_FORMATS = (
    *(form.replace("/", mark) for mark in "/-." for form in ("%d/%m/%y", "%m/%d/%y", "%y/%m/%d", "%d/%b/%y")),
    *("%b-%y", "%b %y"),
)

_QUARTER = re.compile(r"(?:(?P<year>\d{4})[-: ]?Q(?P<quarter>[1-4])|Q([1-4])[-: ]?(\d{4}))", re.IGNORECASE)
_WEEK = re.compile(r"(\d{4})-?W(\d{2})", re.IGNORECASE)


def as_days(text: pd.Series) -> pd.Series:
    """Quarters as their first day and weeks as their Monday, in ISO 8601; all other cells as they are.

    >>> import pandas
    >>> as_days(pandas.Series(["2024Q3", "Q1 1990", "soon"])).tolist()
    ['2024-07-01', '1990-01-01', 'soon']
    >>> as_days(pandas.Series(["2020-W02", "2020W03"])).tolist()
    ['2020-W02-1', '2020-W03-1']
    """
    known = text.dropna().head(20)
    if known.str.fullmatch(_QUARTER).any():
        return text.map(_quarter, na_action="ignore")
    if known.str.fullmatch(_WEEK).any():
        return text.map(_week, na_action="ignore")
    return text


def _week(cell: str) -> str:
    if not _WEEK.fullmatch(cell):
        return cell
    return _WEEK.sub(r"\1-W\2-1", cell)


def _quarter(cell: str) -> str:
    found = _QUARTER.fullmatch(cell)
    if found is None:
        return cell
    year = found["year"] or found[4]
    quarter = found["quarter"] or found[3]
    return f"{year}-{3 * int(quarter) - 2:02d}-01"
