"""The frequency of dates: found or named, where the dates break it, and which dates come next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule._choices import counted
from chainrule._settings import option
from chainrule.data.dates.calendar_words import DAY
from chainrule.data.dates.calendars import Rule, parse_rule
from chainrule.data.dates.candidates import candidates
from chainrule.data.dates.datetimes import Dates
from chainrule.data.dates.grids import Grid, lay
from chainrule.data.dates.timezones import write_dates
from chainrule.errors import DataError

__all__ = ["Frequency", "check_frequency", "find_frequency"]

_SHOWN = 3
_FEW = 2  # so few dates may be further apart than a step
_MOST_OFF = 0.1  # of the dates: if more of them are not dates of a named frequency, they contradict it
_NANOSECONDS = (("day", DAY), ("hour", DAY // 24), ("minute", DAY // 1440), ("second", 10**9), ("nanosecond", 1))


@dataclass(frozen=True, eq=False)
class Frequency:
    """The rule that dates follow, and where they break it; ``str`` says both in a sentence.

    Attributes:
        dates: in UTC.
        timezone: the zone whose days the rule counts; None for dates without a zone.
        rule: the rule that they follow; None where no rule explains most of the steps.
    """

    dates: Dates
    timezone: str | None
    rule: Rule | None
    grid: Grid | None

    @property
    def alias(self) -> str | None:
        """The rule's alias, as `Reading.freq` takes it."""
        if self.rule is None:
            return None
        return self.rule.alias

    @property
    def season(self) -> int | None:
        """Steps in the calendar's season, which is a day, a week or a year; None where there is none."""
        if self.grid is None:
            return None
        return self.grid.season

    @property
    def off(self) -> Dates:
        """The dates that are not dates of the rule."""
        if self.grid is None:
            return self.dates[:0]
        return self.dates[~self.grid.on]

    @property
    def missing(self) -> int:
        """How many of the rule's dates between the first and the last are missing."""
        if self.grid is None:
            return 0
        return int((np.maximum(np.diff(self.grid.places), 1) - 1).sum())

    def missing_dates(self, most: int | None = None) -> Dates:
        """The first ``most`` of the missing dates, all by default, in UTC."""
        if self.grid is None:
            return self.dates[:0]
        places = self.grid.places
        absent = np.maximum(np.diff(places), 1) - 1
        if most is not None:
            absent = np.minimum(absent, np.maximum(most - (np.cumsum(absent) - absent), 0))
        first = np.repeat(places[:-1] + 1 - (np.cumsum(absent) - absent), absent)
        return self.grid.at(first + np.arange(absent.sum()))

    def next(self, steps: int) -> Dates | None:
        """The dates in UTC of the next ``steps`` after the last; None where the dates follow no rule.

        >>> ends = np.array(["2024-01-31", "2024-02-29", "2024-03-31"], "datetime64[ns]")
        >>> find_frequency(ends).next(2)
        array(['2024-04-30T00:00:00.000000', '2024-05-31T00:00:00.000000'],
              dtype='datetime64[us]')
        """
        if self.grid is None:
            return None
        return self.grid.at(self.grid.places[-1] + np.arange(1, steps + 1))

    def fits(self, alias: str) -> bool:
        """Whether the dates could have been read with this frequency named."""
        return _contradiction(find_frequency(self.dates, self.timezone, alias)) is None

    def has_steps_of(self, alias: str) -> bool:
        """Whether the steps may be those of another frequency: they are as long, or the dates are dates of it.

        >>> weekdays = np.array(["2024-12-02", "2024-12-03", "2024-12-04"], "datetime64[ns]")
        >>> [find_frequency(weekdays).has_steps_of(alias) for alias in ("B", "W-MON", "h")]
        [True, False, False]
        """
        if self.rule is not None and self.rule.step == parse_rule(alias).step:
            return True
        return self.fits(alias)

    @property
    def words(self) -> str:
        """The rule that the dates follow, without where they break it."""
        if self.rule is None:
            return _apart(self.dates)
        alias = self.rule.alias
        if self.timezone:
            alias += f", {self.timezone}"
        return f"{self.rule} ({alias})"

    def __str__(self) -> str:
        if self.rule is None:
            return _without_rule(self)
        broken = [self.words]
        if self.missing:
            first = write_dates(self.missing_dates(_SHOWN), self.timezone)
            broken.append(f"{counted(self.missing, 'date')} missing: {_first(first, self.missing)}")
        off = self.off
        if len(off):
            first = write_dates(off[:_SHOWN], self.timezone)
            broken.append(f"{counted(len(off), 'date')} off the rule: {_first(first, len(off))}")
        return "; ".join(broken)


def find_frequency(dates: Dates, timezone: str | None = None, freq: str | None = None) -> Frequency:
    """The frequency ``freq`` of dates, or if it is None the one that explains most of their steps.

    A rule explains a step where both its dates are dates of the rule, with no other date of the rule between them. A
    rule that explains no more than half of the steps is not taken.

    Args:
        dates: (T,) datetime64, in UTC where there is a time zone; increasing.
        timezone: the zone whose days, weeks and months are counted.
        freq: an alias, see `Rule`.

    Raises:
        ArgumentError: ``freq`` is not an alias.

    >>> days = np.array(["2024-12-23", "2024-12-24", "2024-12-26", "2024-12-27", "2024-12-30"], "datetime64[ns]")
    >>> print(find_frequency(days, freq="B"))
    business days (B); 1 date missing: 2024-12-25
    """
    if freq is not None:
        rule = parse_rule(freq)
        return Frequency(dates, timezone, rule, lay(rule, dates, timezone))
    best = Frequency(dates, timezone, None, None)
    most = (len(dates) - 1) // 2
    for alias in candidates(dates, timezone) if len(dates) > 2 else ():
        found = find_frequency(dates, timezone, alias)
        if found.grid is not None and found.grid.explained > most:
            best = found
            most = found.grid.explained
        if most == len(dates) - 1:
            break
    return best


def check_frequency(frequency: Frequency, name: str) -> None:
    """Refuse a frequency that was named, where the dates of ``name`` contradict it.

    Raises:
        DataError: more than a tenth of the dates are not dates of it, or no two dates are one step apart.
    """
    contradiction = _contradiction(frequency)
    if contradiction is None:
        return
    found = find_frequency(frequency.dates, frequency.timezone)
    raise DataError(
        f"{option('freq', frequency.alias)} means {frequency.rule}, but {contradiction}. The dates of {name}: "
        f"{found}. Leave `freq` out, or correct the dates."
    )


def _contradiction(frequency: Frequency) -> str | None:
    """Why the dates cannot be of this frequency, None if they can."""
    off = frequency.off
    if len(off) > _MOST_OFF * len(frequency.dates):
        first = write_dates(off[:_SHOWN], frequency.timezone)
        return f"{len(off):,} of {counted(len(frequency.dates), 'date')} are not: {_first(first, len(off))}"
    if len(frequency.dates) > _FEW and frequency.grid is not None and not frequency.grid.explained:
        return "no two dates are one step apart"
    return None


def _without_rule(frequency: Frequency) -> str:
    """Why there is no rule, and the frequency that would do if it were named."""
    dates = frequency.dates
    if len(dates) < 3:
        return (
            f"{counted(len(dates), 'date')}, too few to tell a frequency; name it with `freq`, for example "
            f"{option('freq', 'D')}"
        )
    text = f"dates that come {_apart(dates)}, and no frequency fits"
    for alias in ("D", "h", "min", "s"):
        if frequency.fits(alias):
            return f"{text}; name one with `freq`, for example {option('freq', alias)}"
    return text


def _apart(dates: Dates) -> str:
    apart = np.diff(dates.astype("datetime64[ns]").astype(np.int64))
    if not len(apart):
        return "a single date"
    unit, size = next((unit, size) for unit, size in _NANOSECONDS if size <= np.median(apart))
    low = f"{apart.min() / size:.3g}"
    high = f"{apart.max() / size:.3g}"
    span = low if low == high else f"{low} to {high}"
    name = unit if span == "1" else unit + "s"
    return f"{span} {name} apart"


def _first(first: list[str], count: int) -> str:
    """The first of so many dates."""
    shown = ", ".join(first)
    if count > len(first):
        shown += f" and {count - len(first):,} more"
    return shown
