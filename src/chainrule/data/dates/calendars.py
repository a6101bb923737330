"""Rules that dates follow: pandas' offsets by their aliases, days of the month, times of day; and their words."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from chainrule._choices import listed, near
from chainrule._optional import require
from chainrule.errors import ArgumentError

if TYPE_CHECKING:
    from pandas.tseries.offsets import BaseOffset

__all__ = ["DAY", "MONTHS", "WEEKDAYS", "Rule", "is_rule", "parse_rule"]

DAY = 86_400_000_000_000  # nanoseconds
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

_CALENDARS = {
    "D": ("day", "", 7),
    "B": ("business day", "", 5),
    "W": ("week", "on {weekday}s", 52),
    "SMS": ("half month", "from the 1st and the 15th", 24),
    "SME": ("half month", "to the 15th and the last day", 24),
    "MS": ("month", "on the 1st", 12),
    "ME": ("month", "on the last day", 12),
    "BMS": ("month", "on the first business day", 12),
    "BME": ("month", "on the last business day", 12),
    "WOM": ("month", "on the {nth} {weekday}", 12),
    "LWOM": ("month", "on the last {weekday}", 12),
    "QS": ("quarter", "on the 1st of {month}, and so on", 4),
    "QE": ("quarter", "to the last day of {month}, and so on", 4),
    "BQS": ("quarter", "on the first business day of {month}, and so on", 4),
    "BQE": ("quarter", "to the last business day of {month}, and so on", 4),
    "YS": ("year", "on the 1st of {month}", 1),
    "YE": ("year", "to the last day of {month}", 1),
    "BYS": ("year", "on the first business day of {month}", 1),
    "BYE": ("year", "to the last business day of {month}", 1),
}
"""By what the alias begins with: what a step is, where it lies, and how many of them are a season."""

_TICKS = {"h": "hour", "min": "minute", "s": "second", "ms": "millisecond", "us": "microsecond", "ns": "nanosecond"}
_MEANT = {
    **dict.fromkeys(("d", "day", "days", "daily"), "D"),
    **dict.fromkeys(("b", "business", "weekdays"), "B"),
    **dict.fromkeys(("w", "week", "weeks", "weekly"), "W-SUN to W-SAT"),
    **dict.fromkeys(("m", "month", "months", "monthly"), "MS or ME"),
    **dict.fromkeys(("q", "quarter", "quarters", "quarterly"), "QS or QE"),
    **dict.fromkeys(("y", "a", "year", "years", "yearly", "annual"), "YS or YE"),
    **dict.fromkeys(("hour", "hours", "hourly"), "h"),
    **dict.fromkeys(("t", "minute", "minutes"), "min"),
}
_DAY_OF_MONTH = re.compile(r"(\d*)M-([1-9]|[12]\d|3[01])")
_WEEK = re.compile(rf"C-((?:{'|'.join(WEEKDAYS)})+)")


@dataclass(frozen=True)
class Rule:
    """What dates follow.

    Attributes:
        alias: pandas' own; or "M-15", the 15th of months (from 29 on the last day where a month is shorter);
            "C-SunMonTueWedThu", days of such weeks; "5min B", every five minutes on business days, at the times of
            day that the data has.
        unit: what a step, or each of ``n``, is.
        where: it lies, in words.
        season: steps in a season, None if there is none.
        offset: pandas' offset of one ``unit``, None if ``ticks`` alone tell.
        n: units in a step.
        ticks: nanoseconds in a step, where it is below a day.
    """

    alias: str
    unit: str
    where: str = ""
    season: int | None = None
    offset: BaseOffset | None = None
    n: int = 1
    ticks: int | None = None

    @property
    def step(self) -> str:
        """What a step is, wherever it lies: months are months, at their start or end."""
        several = f"{self.unit}s"
        return several if self.n == 1 else f"every {self.n} {several}"

    def __str__(self) -> str:
        return f"{self.step}, {self.where}" if self.where else self.step


@cache
def parse_rule(alias: str) -> Rule:
    """The rule of an alias.

    Raises:
        ArgumentError: there is no such alias, or dates cannot follow it.

    >>> for alias in ("2W-FRI", "M-31", "BQE-DEC", "C-SunMonTueWedThu", "15min", "5min B"):
    ...     print(parse_rule(alias))
    every 2 weeks, on Fridays
    months, on the 31st or the last day before it
    quarters, to the last business day of December, and so on
    days, Sun to Thu
    every 15 minutes
    every 5 minutes, on business days at the same hours
    >>> parse_rule("monthly")
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: freq is 'monthly'; expected a pandas alias such as h, 15min, D, B, W-MON, MS, \
ME, BME, QE-DEC, YS, or M-15 for the 15th of months. Did you mean MS or ME?
    """
    tick, _, calendar = str(alias).rpartition(" ")
    if tick:
        times = _parse_one(tick, alias)
        days = _parse_one(calendar, alias)
        if times.ticks is None or days.offset is None or days.season not in range(2, 8):
            raise _unknown(alias)
        where = f"on {days.where or days.step} at the same hours"
        return Rule(alias, times.unit, where, times.season, days.offset, times.n, times.ticks)
    return _parse_one(str(alias), alias)


def is_rule(alias: str | None) -> bool:
    """Whether `parse_rule` knows the alias."""
    try:
        return alias is not None and bool(parse_rule(alias))
    except ArgumentError:
        return False


def _parse_one(part: str, alias: str) -> Rule:
    offsets = require("pandas").offsets
    if match := _DAY_OF_MONTH.fullmatch(part):
        n = int(match[1] or 1)
        day = int(match[2])
        if n:
            where = f"on the {_ordinal(day)}" + " or the last day before it" * (day > 28)
            return Rule(part, "month", where, _season(12, n), offsets.DateOffset(months=1, day=day), n)
    if match := _WEEK.fullmatch(part):
        days = tuple(day for day in WEEKDAYS if day in match[1])
        offset = offsets.CustomBusinessDay(weekmask=" ".join(days))
        return Rule(part, "day", _week_in_words(days), _season(len(days), 1), offset)
    offset = _pandas_offset(part, alias)
    name, _, anchor = offset.rule_code.partition("-")
    if offset.n < 1:
        raise _unknown(alias)
    if name in _CALENDARS:
        unit, where, season = _CALENDARS[name]
        return Rule(offset.freqstr, unit, _filled(where, anchor), _season(season, offset.n), offset.base, offset.n)
    if name not in _TICKS:
        raise _unknown(alias)
    ticks = offset.nanos
    steps = round(DAY / ticks) if ticks < DAY else _season(7 * DAY, ticks)
    return Rule(offset.freqstr, _TICKS[name], "", steps, None, offset.n, ticks)


def _pandas_offset(part: str, alias: str) -> Any:
    to_offset = require("pandas.tseries.frequencies").to_offset
    try:
        with warnings.catch_warnings():  # what pandas only warns of it will refuse
            warnings.simplefilter("error")
            return to_offset(part)
    except (ValueError, Warning, OverflowError) as error:
        raise _unknown(alias) from error


def _unknown(alias: object) -> ArgumentError:
    meant = _MEANT.get(str(alias).casefold())
    hint = f" Did you mean {meant}?" if meant else near(str(alias), [*_CALENDARS, *_TICKS])
    return ArgumentError(
        f"freq is {alias!r}; expected a pandas alias such as h, 15min, D, B, W-MON, MS, ME, BME, QE-DEC, YS, "
        f"or M-15 for the 15th of months.{hint}"
    )


def _season(units: int, n: int) -> int | None:
    return units // n if units % n == 0 and units > n else None


def _filled(where: str, anchor: str) -> str:
    """The words with what the anchor of an alias says: FRI, 3FRI, DEC."""
    if not anchor or "{" not in where:
        return where
    if anchor in MONTHS:
        month = require("pandas").Timestamp(2000, MONTHS.index(anchor) + 1, 1).month_name()
        return where.format(month=month)
    weekday = WEEKDAYS.index(anchor[-3:].title())
    monday = require("pandas").Timestamp(2024, 1, 1)
    nth = _ordinal(int(anchor[0])) if anchor[0].isdigit() else ""
    return where.format(weekday=monday.replace(day=1 + weekday).day_name(), nth=nth)


def _week_in_words(days: tuple[str, ...]) -> str:
    """Sun to Thu where the days follow on each other, else each."""
    for first in range(len(WEEKDAYS)):
        run = tuple(WEEKDAYS[(first + i) % 7] for i in range(len(days)))
        if len(days) > 2 and set(run) == set(days):
            return f"{run[0]} to {run[-1]}"
    return listed(days)


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(0 if number in (11, 12, 13) else number % 10, "th")
    return f"{number}{ending}"
