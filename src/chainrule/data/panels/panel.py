"""Many series of one target, with what goes with them: covariates known ahead or not, and what stays the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed, whole
from chainrule.data.container_checks import check_size
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
        calendar: features of the dates, from `chainrule.data.panels.calendar.CALENDAR`.
    """

    known: tuple[Covariate, ...] = ()
    past: tuple[Covariate, ...] = ()
    static: tuple[Covariate, ...] = ()
    calendar: tuple[str, ...] = ()


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
        freq: the frequency of the dates, an alias as in `Reading.freq`; None without dates.
        timezone: the zone whose clock shows the dates; None for dates without a zone.
        season: steps in a season, 1 where none is known.
        covariates: the columns beside the target, by what they are.
        known, past: (R, K) and (R, P) float64, the cells of ``covariates``; NaN where they are missing.
        static: (N, S) float64, likewise.
        name: the name of the source.

    Raises:
        ShapeError: arrays that do not fit together.
        ArgumentError: arrays of another dtype, ids that repeat, a season below 1.
        DataError: infinite or huge values, a series without any value of its target.

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
    known: _Floats | None = None
    past: _Floats | None = None
    static: _Floats | None = None
    name: str = "panel"

    kind = "panel"
    groups = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "season", whole("season", self.season))
        rows = len(self.values)
        series = len(self.ids)
        given = np.asarray(self.starts)
        if given.shape != (series + 1,) or given[0] != 0 or given[-1] != rows or (np.diff(given) < 1).any():
            raise ShapeError(
                f"the starts of {self.name} are {given.tolist()[:5]}...; expected {series + 1} increasing numbers from "
                f"0 to {rows}, the rows of {counted(series, 'series')}."
            )
        if len(set(self.ids)) < series:
            raise ArgumentError(f"the ids of {self.name} repeat: {listed(self.ids, shown=5)}.")
        for name, array, size in self._cells():
            if array.dtype != np.float64 or array.shape != size:
                raise ShapeError(f"{name} of {self.name} is {array.dtype} {array.shape}; expected float64 {size}.")
            if np.isinf(array).any():
                raise DataError(f"{name} of {self.name} has infinite values. Correct them, or leave them out.")
        check_size(self.values, self.name)
        if self.dates is not None and self.dates.shape != (rows,):
            raise ShapeError(f"{self.name} has {counted(rows, 'row')} but dates of shape {self.dates.shape}.")
        empty = np.flatnonzero(np.add.reduceat(~np.isnan(self.values), given[:-1]) == 0)
        if len(empty):
            names = listed((self.ids[i] for i in empty), shown=5)
            raise DataError(f"{names} of {self.name} without any value of {self.target}. Leave such series out.")

    def _cells(self) -> list[tuple[str, _Floats, tuple[int, ...]]]:
        """The arrays of numbers, with their names and the shapes that they must have."""
        rows = len(self.values)
        about = self.covariates
        expected = {
            "known": (rows, len(about.known)),
            "past": (rows, len(about.past)),
            "static": (len(self.ids), len(about.static)),
        }
        for name, size in expected.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, np.full(size, np.nan))
        return [("values", self.values, (rows,)), *((name, getattr(self, name), expected[name]) for name in expected)]

    @property
    def arrays(self) -> Sequence[NDArray[Any]]:
        """All that it holds."""
        return [self.values, self.starts, *(array for _, array, _ in self._cells()[1:])]

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """(N,) the row after the last one of each series that has a value of the target."""
        rows = np.where(np.isnan(self.values), -1, np.arange(len(self.values)))
        return np.asarray(np.maximum.reduceat(rows, self.starts[:-1]) + 1, dtype=np.int64)

    @property
    def observed(self) -> list[_Floats]:
        """The values of each series up to its last one."""
        return [self.values[first:end] for first, end in zip(self.starts[:-1], self.ends, strict=True)]
