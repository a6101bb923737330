"""Rules that dates follow: pandas' offsets by their aliases, days of the month, times of day."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from chainrule._choices import counted, near
from chainrule._optional import require
from chainrule.data.dates.calendar_words import DAY, WEEKDAYS, ordinal, week_in_words, with_anchor
from chainrule.errors import ArgumentError

if TYPE_CHECKING:
    from pandas.tseries.offsets import BaseOffset

__all__ = ["Rule", "is_rule", "parse_rule"]

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
"""By how the alias begins: what a step is, where in it the date lies, and how many steps are a season."""

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
        unit: the unit of a step, such as "month".
        where: where in the unit the date lies, in words.
        season: steps in a season, None if there is none.
        offset: pandas' offset of one ``unit``, None for units below a day.
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
        """What a step is, wherever in it the date lies: months are months, at their start or end."""
        if self.n == 1:
            return f"{self.unit}s"
        return f"every {counted(self.n, self.unit)}"

    def __str__(self) -> str:
        if not self.where:
            return self.step
        return f"{self.step}, {self.where}"


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
    chainrule.errors.ArgumentError: `freq` is 'monthly'; expected a pandas alias such as h, 15min, D, B, W-MON, MS, \
ME, BME, QE-DEC, YS, or M-15 for the 15th of months. Did you mean MS or ME?
    """
    tick, _, calendar = str(alias).rpartition(" ")
    if not tick:
        return _parse_one(str(alias), alias)
    times = _parse_one(tick, alias)
    days = _parse_one(calendar, alias)
    if times.ticks is None or days.offset is None or days.season not in range(2, 8):
        raise _unknown(alias)
    return Rule(
        alias=alias,
        unit=times.unit,
        where=f"on {days.where or days.step} at the same hours",
        season=times.season,
        offset=days.offset,
        n=times.n,
        ticks=times.ticks,
    )


def is_rule(alias: str | None) -> bool:
    """Whether `parse_rule` knows the alias."""
    try:
        return alias is not None and bool(parse_rule(alias))
    except ArgumentError:
        return False


def _parse_one(part: str, alias: str) -> Rule:
    """The rule of an alias without a blank, which is ``part`` of a whole alias."""
    if (match := _DAY_OF_MONTH.fullmatch(part)) and int(match[1] or 1) > 0:
        return _day_of_month(part, months=int(match[1] or 1), day=int(match[2]))
    if match := _WEEK.fullmatch(part):
        return _days_of_week(part, tuple(day for day in WEEKDAYS if day in match[1]))
    offset = _pandas_offset(part, alias)
    name, _, anchor = offset.rule_code.partition("-")
    if offset.n < 1 or (name not in _CALENDARS and name not in _TICKS):
        raise _unknown(alias)
    if name in _CALENDARS:
        unit, where, season = _CALENDARS[name]
        return Rule(
            alias=offset.freqstr,
            unit=unit,
            where=with_anchor(where, anchor),
            season=_season(season, offset.n),
            offset=offset.base,
            n=offset.n,
        )
    return Rule(
        alias=offset.freqstr,
        unit=_TICKS[name],
        season=_season_of_ticks(offset.nanos),
        n=offset.n,
        ticks=offset.nanos,
    )


def _day_of_month(alias: str, months: int, day: int) -> Rule:
    offset = require("pandas").offsets.DateOffset(months=1, day=day)
    where = f"on the {ordinal(day)}"
    if day > 28:
        where += " or the last day before it"
    return Rule(alias=alias, unit="month", where=where, season=_season(12, months), offset=offset, n=months)


def _days_of_week(alias: str, days: tuple[str, ...]) -> Rule:
    offset = require("pandas").offsets.CustomBusinessDay(weekmask=" ".join(days))
    return Rule(alias=alias, unit="day", where=week_in_words(days), season=_season(len(days), 1), offset=offset)


def _pandas_offset(part: str, alias: str) -> Any:
    to_offset = require("pandas.tseries.frequencies").to_offset
    try:
        with warnings.catch_warnings():  # aliases that pandas warns of are ones that it is about to drop
            warnings.simplefilter("error")
            return to_offset(part)
    except (ValueError, Warning, OverflowError) as error:
        raise _unknown(alias) from error


def _unknown(alias: object) -> ArgumentError:
    hint = near(str(alias), [*_CALENDARS, *_TICKS])
    if meant := _MEANT.get(str(alias).casefold()):
        hint = f" Did you mean {meant}?"
    return ArgumentError(
        f"`freq` is {alias!r}; expected a pandas alias such as h, 15min, D, B, W-MON, MS, ME, BME, QE-DEC, YS, "
        f"or M-15 for the 15th of months.{hint}"
    )


def _season(units: int, n: int) -> int | None:
    """Steps of ``n`` units in a season of so many ``units``, None if they are not a whole number above 1."""
    if units % n or units <= n:
        return None
    return units // n


def _season_of_ticks(ticks: int) -> int | None:
    """Steps of so many nanoseconds in a day; of a day or longer, in a week."""
    if ticks < DAY:
        return round(DAY / ticks)
    return _season(7 * DAY, ticks)
