"""The dates of a rule, numbered: which numbers given dates have, and which dates other numbers have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require
from chainrule.data.dates.calendars import Rule
from chainrule.data.dates.datetimes import Dates
from chainrule.data.dates.timezones import local_times, utc_times
from chainrule.errors import ArgumentError

__all__ = ["Grid", "lay", "most_common"]

_DAY = 86_400_000_000  # microseconds
_TOLERANCE = 0.1  # of a step below a day: so far from its place a date may be
_RARE = 0.2  # times of day with fewer dates than this share of the most common one's are not times of the rule

_LAST = np.datetime64("9999-12-30", "us")  # a day short of the end, for the zones ahead of UTC

_Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Grid(ABC):
    """Dates (T,) laid on a rule: ``places`` (T,) are their numbers among the rule's dates, ``on`` (T,) tells which of
    the dates are the rule's."""

    places: _Ints
    on: NDArray[np.bool_]
    season: int | None

    @property
    def explained(self) -> int:
        """How many steps go from one date of the rule to the next."""
        return int(((np.diff(self.places) == 1) & self.on[1:] & self.on[:-1]).sum())

    def at(self, places: _Ints) -> Dates:
        """The dates in UTC at these places, which may lie after the last date.

        Raises:
            ArgumentError: a place after the year 9999, where Python's own dates and the offsets of pandas end.
        """
        try:
            dates = self._at(places)
        except (OverflowError, ValueError, NotImplementedError) as error:
            raise _too_far() from error
        overflows = (np.diff(dates).astype(np.int64) < 0).any()
        if overflows or (dates.astype("datetime64[us]") > _LAST).any():
            raise _too_far()
        return dates

    @abstractmethod
    def _at(self, places: _Ints) -> Dates: ...


def lay(rule: Rule, dates: Dates, zone: str | None) -> Grid:
    """Lay dates, in UTC and increasing, on a rule: days and longer by the clock of the zone, hours by elapsed time.

    >>> dates = np.array(["2024-01-31", "2024-02-29", "2024-04-30", "2024-05-30"], "datetime64[ns]")
    >>> from chainrule.data.dates.calendars import parse_rule
    >>> grid = lay(parse_rule("ME"), dates, None)
    >>> (grid.places - grid.places[0]).tolist(), grid.on.tolist()
    ([0, 1, 3, 4], [True, True, True, False])
    """
    if rule.offset is not None:
        return _Calendar.lay(rule, dates, zone)
    # The clock ran through, or was set anew in between: whichever explains more steps.
    ticks = [_Ticks.lay(rule, dates, absolute) for absolute in (True, False)]
    return max(ticks, key=lambda grid: grid.explained)


@dataclass(frozen=True, eq=False)
class _Ticks(Grid):
    """Equal steps of elapsed time, whatever the clocks show, with a tolerance of a tenth of a step."""

    dates: Dates
    ticks: int

    @classmethod
    def lay(cls, rule: Rule, dates: Dates, absolute: bool) -> _Ticks:
        """``absolute``: places are counted from one origin; otherwise from each date to the next."""
        assert rule.ticks is not None
        time = dates.astype("datetime64[ns]").astype(np.int64)
        if absolute:
            origin = most_common(time % rule.ticks)
            places = (time - origin + rule.ticks // 2) // rule.ticks
            distance = np.abs(time - origin - places * rule.ticks)
        else:
            apart = np.diff(time, prepend=time[0])
            steps = (apart + rule.ticks // 2) // rule.ticks
            places = np.cumsum(steps)
            distance = np.abs(apart - steps * rule.ticks)
        is_near = distance <= _TOLERANCE * rule.ticks
        is_later = np.diff(places, prepend=places[0] - 1) > 0
        return cls(places=places, on=is_near & is_later, season=rule.season, dates=dates, ticks=rule.ticks)

    def _at(self, places: _Ints) -> Dates:
        # Microseconds, which go on beyond the year 2262, unless the dates need nanoseconds.
        unit = "us"
        ticks = self.ticks // 1000
        if self.ticks % 1000 > 0 or (self.dates.astype("datetime64[us]") != self.dates).any():
            unit = "ns"
            ticks = self.ticks
        before = np.maximum(np.searchsorted(self.places, places, side="right") - 1, 0)
        after = (places - self.places[before]) * ticks
        found: Dates = self.dates[before].astype(f"datetime64[{unit}]") + after.astype(f"timedelta64[{unit}]")
        return found


@dataclass(frozen=True, eq=False)
class _Calendar(Grid):
    """Days of a calendar, at one time of day, or at those that the data has."""

    zone: str | None
    rule: Rule
    days: _Ints  # of the rule's offset, in days since 1970, from before the first date to after the last
    every: int  # such a day is one of the rule's
    phase: int  # the first of the days that is
    times: _Ints  # of day, in microseconds

    @classmethod
    def lay(cls, rule: Rule, dates: Dates, zone: str | None) -> _Calendar:
        local = local_times(dates, zone).to_numpy().astype(np.int64)
        has_times = rule.ticks is not None
        times = _times_of_day(local, several=has_times)
        day, rest = np.divmod(local - times[0], _DAY)
        days = _days_around(rule, int(day[0]), int(day[-1]))
        nearest = _nearest(days, day)
        on = days[nearest] == day
        every = 1 if has_times else rule.n  # n counts the ticks, if there are any
        phase = int(most_common(nearest[on] % every)) if on.any() else 0
        place = (nearest - phase + every // 2) // every
        on &= place * every + phase == nearest
        time = np.searchsorted(times - times[0], rest, side="right") - 1
        on &= times[time] - times[0] == rest
        return cls(
            places=place * len(times) + time,
            on=on,
            season=len(times) if has_times else rule.season,
            zone=zone,
            rule=rule,
            days=days,
            every=every,
            phase=phase,
            times=times,
        )

    def _at(self, places: _Ints) -> Dates:
        pd = require("pandas")
        place, time = np.divmod(places, len(self.times))
        index = place * self.every + self.phase
        days = self.days
        if len(index) and index.max() >= len(days):
            last = days[-1:].astype("datetime64[D]").astype("datetime64[us]")[0]
            periods = int(index.max()) - len(days) + 2
            more = pd.date_range(last, periods=periods, freq=self.rule.offset, unit="us")
            days = np.concatenate([days[:-1], more.to_numpy().astype("datetime64[D]").astype(np.int64)])
        local = pd.DatetimeIndex((days[index] * _DAY + self.times[time]).astype("datetime64[us]"))
        return utc_times(local, self.zone)


def _too_far() -> ArgumentError:
    return ArgumentError("the steps ahead reach beyond the year 9999, the last that dates have; ask for fewer steps.")


def _days_around(rule: Rule, first: int, last: int) -> _Ints:
    """The days of the rule's offset from before the first to after the last."""
    ends = np.array([first, last]).astype("datetime64[D]").astype("datetime64[us]")
    start, end = require("pandas").DatetimeIndex(ends)
    offset: Any = rule.offset
    days = require("pandas").date_range(start - 2 * offset, end + 2 * offset, freq=offset, unit="us")
    return np.asarray(days.to_numpy().astype("datetime64[D]").astype(np.int64))


def _nearest(days: _Ints, day: _Ints) -> _Ints:
    """The index of the nearest of the sorted days to each day."""
    after = np.clip(np.searchsorted(days, day), 1, len(days) - 1)
    return np.where(day - days[after - 1] <= days[after] - day, after - 1, after)


def _times_of_day(local: _Ints, several: bool) -> _Ints:
    """The most common time of day; or all that are not rare."""
    times, counts = np.unique(local % _DAY, return_counts=True)
    chosen = counts >= _RARE * counts.max() if several else [np.argmax(counts)]
    return np.asarray(times[chosen])


def most_common(numbers: _Ints) -> np.int64:
    """The number that occurs most often, the smallest of several.

    >>> int(most_common(np.array([3, 2, 3, 2, 1])))
    2
    """
    values, counts = np.unique(numbers, return_counts=True)
    common: np.int64 = values[np.argmax(counts)]
    return common
