"""The one frequency of the dates of many series, and the numbers that they have among its dates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import listed
from chainrule._settings import option
from chainrule.data.dates.calendars import parse_rule
from chainrule.data.dates.datetimes import Dates
from chainrule.data.dates.frequency import find_frequency
from chainrule.data.dates.grids import Grid, lay
from chainrule.data.dates.timezones import write_dates
from chainrule.errors import DataError

__all__ = ["common_grid", "name_date"]

_LOOKED_AT = 7  # series, the longest ones, whose own frequencies are tried
_FEW = 2  # so few dates of a series may be further apart than a step
_SUSPECTS = 20  # series without two dates a step apart, whose own frequencies are found

_Ints = NDArray[np.int64]


def common_grid(
    dates: Dates, codes: _Ints, *, ids: Sequence[str], zone: str | None, freq: str | None, name: str
) -> tuple[str, Grid, _Ints]:
    """The frequency ``freq``, or the one that explains most steps of all series: its alias, the different dates
    laid on it, and the place of each date.

    Args:
        dates: (R,) increasing within each series.
        codes: (R,) the series of each, in order.
        ids: the names of the series, for messages.
        zone: the time zone of the dates.
        freq: an alias; None finds it.
        name: of the source, for messages.

    Raises:
        DataError: no frequency fits, or some series have dates that are not of it.
    """
    unique, again = np.unique(dates, return_inverse=True)
    same = np.diff(codes) == 0
    best: tuple[int, str, Grid] | None = None
    for alias in [freq] if freq is not None else _tried(dates, codes, unique, zone):
        grid = lay(parse_rule(alias), unique, zone)
        places = grid.places[again]
        on = grid.on[again]
        explained = int((same & (np.diff(places) == 1) & on[1:] & on[:-1]).sum())
        if best is None or explained > best[0]:
            best = (explained, alias, grid)
    if best is None or (freq is None and not best[0]):
        raise DataError(
            f"no frequency fits the dates of {name}. Name one with `freq`, for example {option('freq', 'D')}."
        )
    explained, alias, grid = best
    places = grid.places[again]
    on = grid.on[again]
    if not on.all():
        raise _off(dates, codes, on, ids=ids, alias=alias, zone=zone, name=name)
    if freq is None:
        _check_others(dates, codes, places, ids=ids, alias=alias, zone=zone, name=name)
    elif not explained and np.bincount(codes).max() > _FEW:
        raise DataError(
            f"{option('freq', freq)} means {parse_rule(freq)}, but no two dates of a series of {name} are one step "
            "apart. Leave `freq` out, or correct the dates."
        )
    return alias, grid, places


def name_date(series: str, date: str) -> str:
    """A row of a panel in words.

    >>> name_date("a", "2024-01-01")
    'a at 2024-01-01'
    """
    return f"{series} at {date}"


def _tried(dates: Dates, codes: _Ints, unique: Dates, zone: str | None) -> list[str]:
    """The frequencies of the longest series, and that of all dates together."""
    starts = np.flatnonzero(np.concatenate([[True], np.diff(codes) != 0]))
    ends = np.append(starts[1:], len(dates))
    longest = np.argsort(starts - ends, kind="stable")[:_LOOKED_AT]
    parts = [dates[starts[i] : ends[i]] for i in longest]
    found = [find_frequency(part, zone).alias for part in (*parts, unique)]
    return list(dict.fromkeys(alias for alias in found if alias is not None))


def _off(
    dates: Dates, codes: _Ints, on: NDArray[np.bool_], *, ids: Sequence[str], alias: str, zone: str | None, name: str
) -> DataError:
    rows = np.flatnonzero(~on)
    series = np.unique(codes[rows])
    when = write_dates(dates[rows[:3]], zone)
    examples = listed(name_date(ids[codes[row]], date) for row, date in zip(rows[:3], when, strict=True))
    more = f" and {len(rows) - 3:,} more" if len(rows) > 3 else ""
    return DataError(
        f"the steps of {name} are {parse_rule(alias)} ({alias}), but not the dates of {len(series)} of its series, "
        f"{listed((ids[i] for i in series), shown=5)}: {examples}{more}. All series of a panel have one frequency: "
        "correct the dates, leave these series out, or name another frequency with `freq`."
    )


def _check_others(
    dates: Dates, codes: _Ints, places: _Ints, *, ids: Sequence[str], alias: str, zone: str | None, name: str
) -> None:
    """Refuse series whose dates are all of the frequency, but follow a longer one, as months do among days."""
    starts = np.flatnonzero(np.concatenate([[True], np.diff(codes) != 0]))
    ends = np.append(starts[1:], len(dates))
    apart = np.concatenate([np.diff(places), [1]])
    apart[ends - 1] = np.iinfo(np.int64).max
    suspects = np.flatnonzero((np.minimum.reduceat(apart, starts) > 1) & (ends - starts > 2))
    for i in suspects[:_SUSPECTS]:
        own = find_frequency(dates[starts[i] : ends[i]], zone)
        if own.grid is not None and own.grid.explained == len(own.dates) - 1:
            others = listed((ids[codes[starts[k]]] for k in suspects), shown=5)
            raise DataError(
                f"the steps of {name} are {parse_rule(alias)} ({alias}), but those of {others} are {own.rule} "
                f"({own.alias}). All series of a panel have one frequency: leave these out, read them on "
                f"their own, or give {option('freq', alias)} to read what lies between their dates as missing."
            )
