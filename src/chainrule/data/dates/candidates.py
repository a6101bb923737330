"""Frequencies that dates may have: aliases of rules with about their median step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require
from chainrule.data.dates.calendar_words import DAY, MONTHS, WEEKDAYS
from chainrule.data.dates.datetimes import Dates
from chainrule.data.dates.grids import most_common
from chainrule.data.dates.timezones import local_times

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["candidates"]

_ABOUT_A_DAY = 20 * DAY // 24  # shorter steps are counted in elapsed time, longer ones in days
_UNITS = (DAY // 24, DAY // 1440, 10**9, 10**6, 1000)
_ROUND = 0.005  # a step that varies is taken for the whole unit that it is so near to, as a share of it
_RARE = 0.25  # weekdays with fewer dates than this share of the most common one's are not part of the week

_Ints = NDArray[np.int64]


def candidates(dates: Dates, timezone: str | None) -> Iterator[str]:
    """Aliases that at least three dates may follow, the simplest first: of two that fit, the first is meant."""
    time: _Ints = dates.astype("datetime64[ns]").astype(np.int64)
    apart = np.diff(time)
    step, share = _usual(apart)
    local = local_times(dates, timezone)
    day = np.asarray(local.to_numpy().astype("datetime64[D]").astype(np.int64))
    if step < _ABOUT_A_DAY:
        yield _time(step)
        if _breaks_daily(apart > 1.5 * step, local, len(np.unique(day))):
            yield f"{_time(step)} {_week(np.unique(day)) or 'D'}"
        return
    days = int(most_common(np.diff(day)))
    if days <= 1:
        yield "D"
    if week := _week(day):
        yield week
    if days % 7 == 0:
        yield f"{max(days // 7, 1)}W-{WEEKDAYS[most_common(_weekday(day))].upper()}"
    if 13 <= days <= 17:
        yield from ("SMS", "SME")
    months = np.asarray(local.year * 12 + local.month, dtype=np.int64)
    between = int(np.median(np.diff(months)))
    if between > 0:
        yield from _months(between, months, day=day, day_of_month=np.asarray(local.day, dtype=np.int64))
    if days > 1:
        yield f"{days}D"
    if step <= 1.2 * DAY or share > 0.9:  # about a day, at any time of day; or equal steps, such as 36 hours
        yield _time(step if share else DAY)


def _months(between: int, months: _Ints, *, day: _Ints, day_of_month: _Ints) -> Iterator[str]:
    """Rules for dates so many months apart."""
    in_year = (int(most_common(months % 12)) - 1) % 12  # 0 is January
    count = str(between) if between > 1 else ""
    for business, edge in (("", "S"), ("", "E"), ("B", "S"), ("B", "E")):
        if between % 12 == 0:
            yield f"{between // 12}{business}Y{edge}-{MONTHS[in_year]}"
        elif between == 3:
            # As pandas does, a quarter's starts are named by the first such month of a year, its ends by the last.
            first_month = 0 if edge == "S" else 9
            yield f"{business}Q{edge}-{MONTHS[first_month + in_year % 3]}"
        else:
            yield f"{count}{business}M{edge}"
    weekday = WEEKDAYS[most_common(_weekday(day))].upper()
    yield f"{count}M-{most_common(day_of_month)}"
    yield f"{count}WOM-{min(int(most_common((day_of_month - 1) // 7)) + 1, 4)}{weekday}"
    yield f"{count}LWOM-{weekday}"


def _breaks_daily(broken: NDArray[np.bool_], local: pd.DatetimeIndex, days: int) -> bool:
    """Whether most days have a break that begins at the same time, as trading has."""
    before = local.to_numpy()[:-1][broken].astype(np.int64) % (DAY // 1000)
    return days > 2 and len(before) > 1 and 2 * int((before == most_common(before)).sum()) >= days - 1


def _usual(apart: _Ints) -> tuple[int, float]:
    """The most common step and its share; where none is common the median, rounded if nearly whole, and 0."""
    steps, counts = np.unique(apart, return_counts=True)
    if counts.max() > 0.4 * len(apart):
        return int(steps[np.argmax(counts)]), float(counts.max() / len(apart))
    median = int(np.median(apart))
    for unit in _UNITS:
        whole = max(round(median / unit), 1) * unit
        if abs(whole - median) <= _ROUND * median:
            return whole, 0.0
    return median, 0.0


def _time(nanoseconds: int) -> str:
    alias: str = require("pandas.tseries.frequencies").to_offset(require("pandas").Timedelta(nanoseconds)).freqstr
    return alias


def _week(day: _Ints) -> str | None:
    """The week of the data: B for Monday to Friday, other weekdays by name, None for all seven or for one."""
    counts = np.bincount(_weekday(day), minlength=7)
    in_week = counts >= _RARE * counts.max()
    if in_week.all() or in_week.sum() == 1:
        return None
    if (in_week == (np.arange(7) < 5)).all():
        return "B"
    # A weekday counts as left out when the data passed it at least twice.
    first = (np.arange(7) + 4) % 7  # of each weekday, in days since 1970
    passed = (day[-1] - first) // 7 - (day[0] - 1 - first) // 7
    if (passed[~in_week] < 2).any():
        return None
    return "C-" + "".join(name for name, is_in in zip(WEEKDAYS, in_week, strict=True) if is_in)


def _weekday(day: _Ints) -> _Ints:
    return (day + 3) % 7  # 1970-01-01 was a Thursday
