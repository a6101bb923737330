"""Series that have grown: what came since a fit is checked against what the run knows, and joined to it."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule.data import Series
from chainrule.data.dates.datetimes import Dates
from chainrule.data.dates.timezones import write_dates
from chainrule.data.repeats import repeated_part, rows_differ, told_apart
from chainrule.errors import ChainruleError, DataError
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.data_config import digest_of

__all__ = ["Continued", "go_on", "said", "with_growth"]

_SAME = 0.5  # of steps: a series without dates that shares as many with the known one is the known one, revised


@dataclass(frozen=True, eq=False)
class Continued:
    """A known series and what came after it.

    Attributes:
        series: all of it, under the name, the columns and the season of the known one.
        steps: how many are new.
        revised: in words, which of the known values differ in the new data; ``series`` has the new ones.
    """

    series: Series
    steps: int
    revised: str | None = None


def go_on(known: Series, new: Series) -> Continued:
    """Join ``new`` to the known series: it may repeat the end of that, or all of it, and goes on from its last step.

    With dates, steps of the same date are the same steps. Without, new data that begin with the whole of the known
    series repeat it, and any others follow its last step, unless they begin with a part of it.

    Raises:
        DataError: other columns; dates on one side alone; an end before that of the known series; a gap; steps
            between the known ones; without dates, a part of the known series.

    >>> known = Series(np.array([1.0, 2.0, 3.0]))
    >>> [go_on(known, Series(np.array(new))).series.values[:, 0].tolist() for new in ([4.0, 5.0], [1.0, 2.0, 3.0, 4.0])]
    [[1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 2.0, 3.0, 4.0]]
    """
    name = known.name
    known_name, new_name = told_apart(name, new.name)
    continued = _joined(replace(known, name=known_name), replace(new, name=new_name))
    return replace(continued, series=replace(continued.series, name=name))


def _joined(known: Series, new: Series) -> Continued:
    new = _in_order(known, new)
    if known.dates is None and new.dates is None:
        return _by_count(known, new)
    if known.dates is None:
        raise _undated(dated=new, undated=known)
    if new.dates is None:
        raise _undated(dated=known, undated=new)
    if known.timezone is None and new.timezone is not None:
        raise _without_zone(zoned=new, other=known)
    if known.timezone is not None and new.timezone is None:
        raise _without_zone(zoned=known, other=new)
    return _by_date(known, known.dates, new, new.dates)


def _undated(*, dated: Series, undated: Series) -> DataError:
    return DataError(
        f"{dated.name} has dates and {undated.name} has none, so that it cannot be told where the one goes on from "
        "the other. Give new data with dates where the fitted data has them, and without where it has none."
    )


def _without_zone(*, zoned: Series, other: Series) -> DataError:
    return DataError(
        f"{zoned.name} has dates of a time zone, {zoned.timezone}, and {other.name} has dates of none. Give new "
        "data with a time zone where the fitted data has one, and without where it has none."
    )


def with_growth(known: Series, config: RunConfig, read: Callable[[Path], Series]) -> Series:
    """The known series of a run, with what the fitted file has gained since; a warning says if the file changed."""
    source = Path(config.source or "")
    if not source.is_absolute() or not source.exists():
        return known
    goes_on = f"this goes on after the {counted(len(known.values), 'step')} that the run knows"
    try:
        file = read(source)
        if digest_of(file) == config.data.digest:
            return known
        now = go_on(known, file)
    except (ChainruleError, OSError) as error:
        _warn(f"{source.name} has changed since the fit, and {goes_on}: {error}")
        return known
    if now.revised is not None:
        _warn(f"{source.name} has changed since the fit, and {goes_on}: it has other values for {now.revised}")
        return known
    if now.steps:
        end = ""
        if now.series.dates is not None:
            end = f", {said(now.series.dates[-1:], now.series.timezone)}"
        _warn(f"{source.name} has grown by {counted(now.steps, 'step')} since the fit; this goes on from its end{end}.")
    return now.series


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=5)


def _in_order(known: Series, new: Series) -> Series:
    """The new data with its columns in the order of the known ones."""
    if new.columns == known.columns:
        return new
    if set(new.columns) != set(known.columns):
        raise DataError(
            f"{new.name} has the columns {listed(new.columns)}; expected those of {known.name}: "
            f"{listed(known.columns)}. Name them alike."
        )
    order = [new.columns.index(column) for column in known.columns]
    return replace(new, columns=known.columns, values=new.values[:, order])


def _by_count(known: Series, new: Series) -> Continued:
    steps = len(known.values)
    if len(new.values) >= steps:
        other = rows_differ(known.values, new.values[:steps])
        if not other.any():
            return Continued(replace(known, values=new.values), len(new.values) - steps)
        if other.mean() < _SAME:
            raise DataError(
                f"{new.name} repeats {known.name} but for {_numbered(other)}, and has no dates to tell whether it goes "
                "on from it. Give the steps that came after it alone, or fit again."
            )
    part = repeated_part(known.values, new.values)
    if part is not None:
        raise DataError(
            f"{new.name} begins with {part} of the {steps} of {known.name}, and has no dates to tell whether it goes "
            "on from them. Give all of the series, from its first step on, or the steps after its last one alone."
        )
    return Continued(replace(known, values=np.concatenate([known.values, new.values])), len(new.values))


def _by_date(known: Series, dates: Dates, new: Series, new_dates: Dates) -> Continued:
    last = dates[-1]
    when = partial(said, zone=known.timezone)
    if new_dates[-1] < last:
        raise DataError(
            f"{new.name} ends {when(new_dates[-1:])}, before the data of the run do: {when(dates[-1:])}. Give data "
            "that go on from there; they may begin earlier."
        )
    since = new_dates > last
    repeats = (new_dates >= dates[0]) & ~since
    place = np.searchsorted(dates, new_dates[repeats])
    strange = dates[place] != new_dates[repeats]
    if strange.any():
        raise DataError(
            f"{new.name} has steps between those of the run, at {when(new_dates[repeats][strange])}. Give data "
            "of the same dates."
        )
    _check_spacing(new.name, dates, np.concatenate([dates[-1:], new_dates[since]]), known.timezone)
    values = known.values.copy()
    other = rows_differ(values[place], new.values[repeats])
    values[place] = new.values[repeats]
    revised = None
    if other.any():
        revised = f"{int(other.sum())} of the steps that it repeats, at {when(new_dates[repeats][other])}"
    series = replace(
        known,
        values=np.concatenate([values, new.values[since]]),
        dates=np.concatenate([dates, new_dates[since]]),
    )
    return Continued(series, int(since.sum()), revised)


def _check_spacing(name: str, dates: Dates, after: Dates, zone: str | None) -> None:
    """Refuse steps after the last known one that are further apart, or much closer, than any known ones."""
    own = np.diff(dates)
    gaps = np.diff(after)
    wide = np.flatnonzero(gaps > own.max())
    close = np.flatnonzero(2 * gaps < own.min())
    if len(wide):
        gap = wide[0]
        before = said(after[gap : gap + 1], zone)
        then = said(after[gap + 1 : gap + 2], zone)
        if gap == 0:
            before += ", where the data of the run end,"
        raise DataError(
            f"{name} has a gap: after {before} it goes on at {then}, and no two steps of the run are so far apart. "
            "Give the steps between them too."
        )
    if len(close):
        raise DataError(
            f"{name} has steps at {said(after[close[0] : close[0] + 2], zone)}, closer than any two of the "
            "run. Give data of the same frequency."
        )


def _numbered(steps: NDArray[np.bool_]) -> str:
    numbers = (np.flatnonzero(steps) + 1).tolist()
    noun = "steps" if len(numbers) > 1 else "step"
    return f"{noun} {listed(numbers, shown=5)}"


def said(dates: Dates, zone: str | None) -> str:
    """Some dates in words, as a clock in the zone shows them."""
    return listed(write_dates(dates, zone), shown=5)
