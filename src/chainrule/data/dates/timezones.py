"""Time zones: the one that a column of dates is written in, and its local times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import available_timezones

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import near
from chainrule._optional import require
from chainrule.data.dates.datetimes import Dates
from chainrule.errors import ArgumentError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_zone", "clock_hint", "local_times", "utc_times", "write_dates", "zone_of"]

_TIME = r"(?:T\d{2}|[T ]\d{1,2}(?::?\d{2}){1,2}(?:[.,]\d+)?)"  # without which -01 may be a month
_OFFSET = re.compile(rf"{_TIME}\s*(?:UTC|GMT)?(Z|UTC|GMT|[-+]\d{{2}}(?::?\d{{2}})?)$", re.IGNORECASE)
_COMMON = (
    "Europe/Berlin",
    "Europe/London",
    "Europe/Athens",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Australia/Sydney",
    "Pacific/Auckland",
)
"""Zones tried first: where several fit the offsets, these are the names that people know."""

_ENDS_OF_SUMMER = (3, 4, 9, 10, 11)  # months, on both sides of the equator


def zone_of(column: pd.Series, dates: Dates) -> str | None:
    """The time zone of a column whose ``dates`` are these in UTC; None where it names none.

    Text has only offsets. Where these change as the clocks of a zone do, it is that zone; offsets that no zone has
    are read as UTC.

    >>> import pandas as pd
    >>> cells = pd.Series(["2024-03-30T00:00+01:00", "2024-03-31T00:00+01:00", "2024-04-01T00:00+02:00"])
    >>> zone_of(cells, pd.to_datetime(cells, utc=True).dt.tz_localize(None).to_numpy("datetime64[ns]"))
    'Europe/Berlin'
    """
    pd = require("pandas")
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        name = str(column.dtype.tz)
        if _is_zone(name):
            return name
        return _zone_of_offsets(dates, _offsets_of_times(column))
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return None
    known = column.notna().to_numpy()
    text = column[known].astype("str").str.strip()
    if not len(text) or not _OFFSET.search(text.iloc[0]):
        return None
    written = text.str.extract(_OFFSET)[0]
    minutes = written.map({offset: _minutes(offset) for offset in written.dropna().unique()})
    return _zone_of_offsets(dates[known], minutes.to_numpy(np.float64))


def check_zone(name: str) -> None:
    """Refuse a time zone that is not known.

    >>> check_zone("Europe/Berln")
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: `timezone` is 'Europe/Berln', which is not known; expected a name such as \
Europe/Berlin or UTC+01:00. Did you mean 'Europe/Berlin'?
    """
    if not isinstance(name, str) or not _is_zone(name):
        raise ArgumentError(
            f"`timezone` is {name!r}, which is not known; expected a name such as Europe/Berlin or UTC+01:00."
            f"{near(str(name), available_timezones())}"
        )


def clock_hint(repeated: Dates, zone: str | None) -> str:
    """What to do where repeated dates may be an hour that clocks show twice, when summer time ends; else nothing.

    >>> clock_hint(np.array(["2020-10-25T02:00"], "datetime64[ns]"), None)[:43]
    'This may be the hour that clocks show twice'
    >>> clock_hint(np.array(["2020-10-26T02:00"], "datetime64[ns]"), None)
    ''
    """
    local = local_times(repeated, None)
    twice = (local.day_of_week == 6) & local.month.isin(_ENDS_OF_SUMMER) & (local.hour <= 3)
    at_midnight = bool((local == local.normalize()).all())
    if zone is not None or at_midnight or not twice.all():
        return ""
    return (
        "This may be the hour that clocks show twice when summer time ends: then write all dates with their offset "
        "from UTC, as in 2020-10-25T02:00+01:00, or in UTC. Else keep one row for each, "
    )


def local_times(dates: Dates, zone: str | None) -> pd.DatetimeIndex:
    """Dates in UTC as a clock in the zone shows them, in microseconds; as they are without a zone."""
    local: Any = require("pandas").DatetimeIndex(dates.astype("datetime64[us]"))
    if zone is not None:
        local = local.tz_localize("UTC").tz_convert(zone).tz_localize(None)
    return cast("pd.DatetimeIndex", local)


def utc_times(local: pd.DatetimeIndex, zone: str | None) -> Dates:
    """The dates in UTC at which a clock in the zone shows these times.

    Of a time that it shows twice, the first; for one that it skips, the next that it shows.
    """
    if zone is not None:
        first = np.ones(len(local), dtype=bool)
        shown = local.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
        local = shown.tz_convert("UTC").tz_localize(None)
    return np.asarray(local.to_numpy(dtype="datetime64[us]"))


def write_dates(dates: Dates, zone: str | None = None) -> list[str]:
    """Dates as ISO 8601 in their own time zone: only days where all are midnights, else with the offset from UTC.

    >>> write_dates(np.array(["2024-06-30T22:00", "2024-07-01T22:00"], "datetime64[us]"), "Europe/Berlin")
    ['2024-07-01', '2024-07-02']
    >>> write_dates(np.array(["2024-10-27T00:00", "2024-10-27T01:00"], "datetime64[us]"), "Europe/Berlin")
    ['2024-10-27T02:00:00+02:00', '2024-10-27T02:00:00+01:00']
    """
    if zone is None:
        return _as_text(dates, _coarsest_unit(dates))
    local = local_times(dates, zone).to_numpy()
    unit = _coarsest_unit(local)
    text = _as_text(local, unit)
    if unit == "D":
        return text
    minutes = (local - dates.astype("datetime64[us]")) // np.timedelta64(1, "m")
    return [f"{when}{_offset(int(ahead))}" for when, ahead in zip(text, minutes, strict=True)]


def _coarsest_unit(dates: Dates) -> str:
    """The coarsest of days, seconds, microseconds and nanoseconds that holds all dates."""
    units = (unit for unit in ("D", "s", "us") if (dates.astype(f"datetime64[{unit}]") == dates).all())
    return next(units, "ns")


def _as_text(dates: Dates, unit: str) -> list[str]:
    text: list[str] = np.datetime_as_string(dates, unit=unit).tolist()  # type: ignore[call-overload]
    return text


def _is_zone(name: str) -> bool:
    try:
        require("pandas").DatetimeIndex([], tz=name)
    except (LookupError, ValueError, TypeError, OSError):
        return False
    return True


def _minutes(offset: str) -> int:
    """Minutes ahead of UTC: of '+05:30', '-0800', '+01' or 'Z'."""
    if offset[0] not in "+-":
        return 0
    digits = offset[1:].replace(":", "").ljust(4, "0")
    return int(offset[0] + "1") * (int(digits[:2]) * 60 + int(digits[2:]))


def _offset(minutes: int) -> str:
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _offsets_of_times(column: pd.Series) -> NDArray[np.float64]:
    ahead = column.dt.tz_localize(None) - column.dt.tz_convert("UTC").dt.tz_localize(None)
    return np.asarray(ahead.dt.total_seconds() / 60)


def _zone_of_offsets(dates: Dates, minutes: NDArray[np.float64]) -> str:
    """The first zone whose clocks were so many minutes ahead at these dates in UTC."""
    known = np.flatnonzero(~np.isnat(dates))
    dates = dates[known]
    minutes = minutes[known]
    if not len(minutes) or np.isnan(minutes).any() or not minutes.any():
        return "UTC"
    if (minutes == minutes[0]).all():
        return f"UTC{_offset(int(minutes[0]))}"
    change = np.flatnonzero(np.diff(minutes))
    # Only a zone that fits where the offset changes is compared at all dates, which takes longer.
    ends = np.unique(np.concatenate([[0, len(dates) - 1], change, change + 1]))
    for zone in (*_COMMON, *sorted(available_timezones())):
        if all(_agrees(zone, dates[at], minutes[at]) for at in (ends, slice(None))):
            return zone
    return "UTC"


def _agrees(zone: str, dates: Dates, minutes: NDArray[np.float64]) -> bool:
    ahead = local_times(dates, zone).to_numpy() - dates.astype("datetime64[us]")
    return bool((ahead == (minutes * 60_000_000).astype("timedelta64[us]")).all())
