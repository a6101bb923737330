"""Features of dates: the hour, the weekday and so on, by the clock of a time zone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import choose
from chainrule.data.dates.datetimes import Dates
from chainrule.data.dates.timezones import local_times
from chainrule.data.panels.calendar_names import CALENDAR

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["automatic", "calendar_columns", "calendar_features"]

_PLAIN = ("weekend",)

_Part = Callable[["pd.DatetimeIndex"], Any]
_PARTS: dict[str, _Part] = {
    "minute": lambda local: (local.minute + local.second / 60) / 60,
    "hour": lambda local: (local.hour + local.minute / 60) / 24,
    "weekday": lambda local: local.day_of_week / 7,
    "weekend": lambda local: local.day_of_week >= 5,
    "monthday": lambda local: (local.day - 1) / local.days_in_month,
    "yearday": lambda local: (local.day_of_year - 1) / (365 + local.is_leap_year),
    "week": lambda local: (local.isocalendar().week.to_numpy() - 1) / 53,
    "month": lambda local: (local.month - 1) / 12,
    "quarter": lambda local: (local.quarter - 1) / 4,
}


def calendar_features(dates: Dates, timezone: str | None, names: tuple[str, ...]) -> NDArray[np.float64]:
    """The features (R, F) of dates (R,), the columns in the order of `calendar_columns`.

    Args:
        dates: datetime64, in UTC where there is a time zone.
        timezone: the zone whose clock tells the hour and the day.
        names: of `CALENDAR`.

    Raises:
        ArgumentError: there is no such feature.

    >>> dates = np.array(["2024-07-05T22:00", "2024-07-06T04:00"], "datetime64[ns]")
    >>> calendar_features(dates, "Europe/Berlin", ("hour", "weekend")).round(2).tolist()
    [[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]]
    """
    columns = calendar_columns(names)
    unique, place = np.unique(dates, return_inverse=True)  # of many series, most dates are the same
    local = local_times(unique, timezone)
    found = np.empty((len(unique), len(columns)))
    at = 0
    for name in names:
        part = np.asarray(_PARTS[name](local), dtype=np.float64)
        if name in _PLAIN:
            found[:, at] = part
            at += 1
            continue
        found[:, at] = np.sin(2 * np.pi * part)
        found[:, at + 1] = np.cos(2 * np.pi * part)
        at += 2
    return found[place]


def calendar_columns(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the columns of `calendar_features`.

    >>> calendar_columns(("hour", "weekend"))
    ('hour_sin', 'hour_cos', 'weekend')
    """
    for name in names:
        choose("`calendar`", name, tuple(CALENDAR))
    ends = {name: ("",) if name in _PLAIN else ("_sin", "_cos") for name in names}
    return tuple(name + end for name in names for end in ends[name])


_BY_UNIT = {
    "hour": ("hour", "weekday", "yearday"),
    "day": ("weekday", "monthday", "yearday"),
    "business day": ("weekday", "monthday", "yearday"),
    "week": ("week",),
    "half month": ("yearday",),
    "month": ("month",),
    "quarter": ("quarter",),
    "year": (),
}


def automatic(unit: str) -> tuple[str, ...]:
    """The features that go with steps of a unit, as `Rule.unit` has it: those that differ from step to step.

    >>> automatic("month"), automatic("second")
    (('month',), ('minute', 'hour', 'weekday', 'yearday'))
    """
    return _BY_UNIT.get(unit, ("minute", "hour", "weekday", "yearday"))
