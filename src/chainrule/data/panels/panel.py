"""Many series of one target, with what goes with them: covariates known ahead or not, and what stays the same."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import choose, counted, listed, whole
from chainrule.data.container_checks import check_size
from chainrule.data.dates.calendars import parse_rule
from chainrule.data.dates.frequency import Frequency, find_frequency
from chainrule.data.dates.timezones import check_zone
from chainrule.data.panels.calendar_names import CALENDAR
from chainrule.errors import ArgumentError, DataError, ShapeError

__all__ = ["Covariate", "Covariates", "Panel"]

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Covariate:
    """A column beside the target: of numbers, or of categories, whose cells are places in ``levels``."""

    name: str
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Covariates:
    """What goes with the target of a panel.

    Attributes:
        known: columns that are known ahead of time, such as prices and holidays.
        past: columns that are known up to the present.
        static: columns that stay the same throughout a series.
        calendar: features of the dates, from `chainrule.data.panels.calendar_names.CALENDAR`.
    """

    known: tuple[Covariate, ...] = ()
    past: tuple[Covariate, ...] = ()
    static: tuple[Covariate, ...] = ()
    calendar: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [each.name for each in (*self.known, *self.past, *self.static)]
        for each in (names, [*self.calendar]):
            twice = sorted({name for name in each if each.count(name) > 1})
            if twice:
                raise ArgumentError(f"the covariates name {listed(twice)} twice; name each once.")
        for feature in self.calendar:
            choose("`calendar`", feature, tuple(CALENDAR))


@dataclass(frozen=True, eq=False)
class Panel:
    """Series of one target, laid end to end, each in time order with steps of one length.

    The last rows of a series may lack the target: they carry what is known ahead of time.

    Attributes:
        values: (R,) float64, the target; NaN where it is missing, or not known yet.
        starts: (N + 1,) int64: series i has the rows starts[i] to starts[i + 1], at least one.
        ids: N distinct names of the series.
        target: the name of the target.
        dates: (R,) datetime64[ns], in UTC where there is a ``timezone``; None where steps are numbered.
        first_steps: (N,) int64, the number that the first row of each series has in the data; None where it has dates,
            or nothing that numbers its rows.
        step: by how much these numbers rise from row to row.
        freq: the frequency of the dates, an alias as in `Reading.freq`; None without dates.
        timezone: the zone whose clock shows the dates; None for dates without a zone.
        season: steps in a season, 1 where none is known.
        covariates: the columns beside the target, by what they are.
        known, past: (R, K) and (R, P) float64, the cells of ``covariates``; NaN where they are missing, and
            throughout where none are given.
        static: (N, S) float64, likewise.
        name: the name of the source.

    Raises:
        ShapeError: arrays that do not fit together, or numbers that are not float64.
        ArgumentError: ids that repeat, a season below 1, dates without a frequency, or a frequency, a time zone or
            calendar features without dates; numbers beside dates.
        DataError: infinite or huge values, categories without a level, dates that do not increase within a series, a
            series without any value of its target.

    >>> panel = Panel(np.array([1.0, 2.0, 3.0, 5.0, np.nan]), np.array([0, 2, 5]), ("a", "b"))
    >>> panel.ends.tolist(), [values.tolist() for values in panel.observed]
    ([2, 4], [[1.0, 2.0], [3.0, 5.0]])
    """

    values: _Floats
    starts: NDArray[np.int64]
    ids: tuple[str, ...]
    target: str = "y"
    dates: NDArray[np.datetime64] | None = None
    freq: str | None = None
    timezone: str | None = None
    season: int = 1
    covariates: Covariates = Covariates()
    known: _Floats = field(default_factory=lambda: np.empty((0, 0)))
    past: _Floats = field(default_factory=lambda: np.empty((0, 0)))
    static: _Floats = field(default_factory=lambda: np.empty((0, 0)))
    name: str = "panel"
    first_steps: NDArray[np.int64] | None = None
    step: int = 1

    kind = "panel"
    groups = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "season", whole("season", self.season))
        object.__setattr__(self, "step", whole("step", self.step))
        object.__setattr__(self, "ids", tuple(self.ids))
        self._check_starts()
        self._check_first_steps()
        for name, size in self._sizes.items():
            if not np.size(getattr(self, name)):
                object.__setattr__(self, name, np.full(size, np.nan))
            self._check_numbers(name, getattr(self, name), size)
        about = self.covariates
        for cells, columns in ((self.known, about.known), (self.past, about.past), (self.static, about.static)):
            for j, column in enumerate(columns):
                self._check_levels(column, cells[:, j])
        self._check_dates()
        empty = np.flatnonzero(np.add.reduceat(~np.isnan(self.values), self.starts[:-1]) == 0)
        if len(empty):
            names = listed((self.ids[i] for i in empty), shown=5)
            raise DataError(
                f"{counted(len(empty), 'series', 'series')} of {self.name} ({names}) without any value of "
                f"{self.target}. Leave such series out."
            )

    @property
    def _sizes(self) -> dict[str, tuple[int, ...]]:
        """The shapes that the arrays of numbers must have."""
        rows = len(self.values)
        about = self.covariates
        return {
            "values": (rows,),
            "known": (rows, len(about.known)),
            "past": (rows, len(about.past)),
            "static": (len(self.ids), len(about.static)),
        }

    def _check_starts(self) -> None:
        rows = len(self.values)
        series = len(self.ids)
        given = np.asarray(self.starts)
        fits = series > 0 and given.shape == (series + 1,) and given.dtype.kind in "iu"
        if not fits or given[0] != 0 or given[-1] != rows or (np.diff(given.astype(np.int64)) < 1).any():
            raise ShapeError(
                f"the starts of {self.name} are {listed(given.ravel().tolist(), shown=5)}; expected {series + 1} "
                f"increasing whole numbers from 0 to {rows}, the rows of {counted(series, 'series', 'series')}."
            )
        object.__setattr__(self, "starts", given.astype(np.int64, copy=False))
        if len(set(self.ids)) < series:
            twice = [name for name, count in Counter(self.ids).items() if count > 1]
            raise ArgumentError(f"the ids of {self.name} repeat: {listed(twice, shown=5)}. Give each series its own.")

    def _check_numbers(self, name: str, array: _Floats, size: tuple[int, ...]) -> None:
        if array.dtype != np.float64 or array.shape != size:
            raise ShapeError(f"{name} of {self.name} is {array.dtype} {array.shape}; expected float64 {size}.")
        infinite = np.argwhere(np.isinf(array))
        if len(infinite):
            raise self._infinite(name, infinite)
        check_size(array, self.name)

    def _infinite(self, name: str, places: NDArray[np.intp]) -> DataError:
        """The error of infinite cells of an array."""
        columns = [self.target] if name == "values" else [each.name for each in getattr(self.covariates, name)]
        which = sorted({columns[place[-1] if len(place) > 1 else 0] for place in places})
        rows = dict.fromkeys(places[:, 0].tolist())
        where = listed((self.ids[row] if name == "static" else self._place_of(row) for row in rows), shown=5)
        verb = "has" if len(which) == 1 else "have"
        return DataError(
            f"{listed(which, shown=5)} of {self.name} {verb} infinite values, in {where}. Correct them, or leave the "
            "cells blank."
        )

    def _place_of(self, row: int) -> str:
        """A row in words: its series, and its date, its number or how many rows of the series there are up to it."""
        series = int(np.searchsorted(self.starts, row, side="right")) - 1
        when = f"step {row - int(self.starts[series]) + 1}"
        if self.times is not None and self.times.shape == self.values.shape:
            when = str(self.times[row]).removesuffix("T00:00:00.000000000")
        return f"{self.ids[series]} at {when}"

    def _check_levels(self, column: Covariate, cells: _Floats) -> None:
        if not column.levels:
            return
        places = cells[~np.isnan(cells)]
        if ((places != np.floor(places)) | (places < 0) | (places >= len(column.levels))).any():
            raise DataError(
                f"{column.name} of {self.name} has cells that are no places among its "
                f"{counted(len(column.levels), 'level')}; expected whole numbers from 0 to {len(column.levels) - 1}."
            )

    def _check_dates(self) -> None:
        if self.dates is None:
            has = [name for name in ("freq", "timezone") if getattr(self, name) is not None]
            has += ["calendar features"] if self.covariates.calendar else []
            if has:
                raise ArgumentError(f"{self.name} has no dates, so it cannot have {listed(has)}.")
            return
        if self.dates.shape != self.values.shape or self.dates.dtype != np.dtype("datetime64[ns]"):
            raise ShapeError(
                f"{self.name} has {counted(len(self.values), 'row')} but dates {self.dates.dtype} {self.dates.shape}; "
                "expected a datetime64[ns] for each."
            )
        if self.freq is None:
            raise ArgumentError(f"{self.name} has dates but no `freq`; expected the frequency of its dates.")
        parse_rule(self.freq)
        if self.timezone is not None:
            check_zone(self.timezone)
        later = np.diff(self.dates) > np.timedelta64(0, "ns")
        later[self.starts[1:-1] - 1] = True
        if np.isnat(self.dates).any() or not later.all():
            row = int(np.argmin(later)) + 1
            which = self.ids[int(np.searchsorted(self.starts, row, side="right")) - 1]
            raise DataError(
                f"dates of {self.name} are missing or do not increase, in the series {which}. Sort its rows by date, "
                "and keep one for each."
            )

    def _check_first_steps(self) -> None:
        first = self.first_steps
        if first is None:
            return
        if self.dates is not None:
            raise ArgumentError(f"{self.name} has dates, so its steps have no numbers. Leave `first_steps` out.")
        if first.shape != (len(self.ids),) or first.dtype.kind not in "iu":
            raise ShapeError(
                f"first_steps of {self.name} is {first.dtype} {first.shape}; expected int64 ({len(self.ids)},)."
            )
        object.__setattr__(self, "first_steps", first.astype(np.int64, copy=False))

    @property
    def arrays(self) -> Sequence[NDArray[Any]]:
        """All that it holds."""
        numbers = [] if self.first_steps is None else [self.first_steps]
        return [self.values, self.starts, *(getattr(self, name) for name in ("known", "past", "static")), *numbers]

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """(N,) the row after the last one of each series that has a value of the target."""
        rows = np.where(np.isnan(self.values), -1, np.arange(len(self.values)))
        return np.asarray(np.maximum.reduceat(rows, self.starts[:-1]) + 1, dtype=np.int64)

    @property
    def observed(self) -> list[_Floats]:
        """The values of each series up to its last one."""
        return [self.values[first:end] for first, end in zip(self.starts[:-1], self.ends, strict=True)]

    @cached_property
    def series(self) -> NDArray[np.int64]:
        """(R,) the number of the series that each row belongs to."""
        return np.repeat(np.arange(len(self.ids)), np.diff(self.starts))

    @cached_property
    def numbers(self) -> NDArray[np.int64] | None:
        """(R,) the numbers that the data has for the steps; None where it has none."""
        if self.first_steps is None:
            return None
        place = np.arange(len(self.values)) - self.starts[self.series]
        return np.asarray(self.first_steps[self.series] + self.step * place)

    @property
    def times(self) -> NDArray[Any] | None:
        """(R,) the dates or the numbers of the rows, which all series share; None where there are neither."""
        return self.numbers if self.dates is None else self.dates

    @cached_property
    def frequency(self) -> Frequency | None:
        """The frequency of the different dates of all series together; None if there are no dates."""
        if self.dates is None:
            return None
        return find_frequency(np.unique(self.dates), self.timezone, self.freq)
