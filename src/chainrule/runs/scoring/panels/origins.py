"""Where the forecasts of a panel begin: pairs of a series and the row after the last one that was seen."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, whole
from chainrule.data.panels.panel import Panel
from chainrule.errors import ArgumentError, DataError, ShapeError

__all__ = ["Origins", "check_levels", "check_quantiles"]

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Origins:
    """M origins of forecasts, ``horizon`` steps each: that from row t is of the rows t to t + horizon - 1.

    Attributes:
        panel: the series.
        series: (M,) which series each is of.
        rows: (M,) the row of the panel's arrays after the last one that was seen.
        horizon: the steps of each forecast.

    Raises:
        ShapeError: series and rows of different lengths.
        ArgumentError: no origins, or one that is none of its series, or comes twice.
        DataError: an origin before the first known value of its series.

    >>> panel = Panel(np.array([1.0, 2.0, 3.0, 7.0, 8.0]), np.array([0, 3, 5]), ("a", "b"))
    >>> origins = Origins(panel, np.array([0, 1]), np.array([1, 4]), 2)
    >>> origins.actual().tolist()  # of the second series only one row is left
    [[2.0, 3.0], [8.0, nan]]
    """

    panel: Panel
    series: _Ints
    rows: _Ints
    horizon: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "horizon", whole("`horizon`", self.horizon))
        for name in ("series", "rows"):
            object.__setattr__(self, name, _whole_numbers(name, getattr(self, name)))
        if self.series.shape != self.rows.shape:
            raise ShapeError(
                f"series and origins are {self.series.shape} and {self.rows.shape}; expected one of each a forecast."
            )
        panel = self.panel
        if not len(self) or self.series.min() < 0 or self.series.max() >= len(panel.ids):
            raise ArgumentError(
                f"series of {counted(len(self), 'origin')} lie outside 0 to {len(panel.ids) - 1}; expected at least "
                "one origin, and the number of its series."
            )
        outside = (self.rows <= panel.starts[self.series]) | (self.rows > panel.starts[self.series + 1])
        if outside.any():
            raise ArgumentError(self._told(outside, "does not follow a row of its series"))
        repeated = len(self) - len(np.unique(self.rows + self.series * (len(panel.values) + 1)))
        if repeated:
            raise ArgumentError(f"{counted(repeated, 'origin')} of {panel.name} come twice. Give each once.")
        blind = self.rows <= self._known_from[self.series]
        if blind.any():
            raise DataError(self._told(blind, "has no known value before it. Start later"))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def places(self) -> _Ints:
        """(M,) the number of rows of its series that were seen."""
        return np.asarray(self.rows - self.panel.starts[self.series])

    @cached_property
    def first(self) -> _Ints:
        """(N,) the first origin of each series; the end of its rows where it has none."""
        first = self.panel.starts[1:].copy()
        np.minimum.at(first, self.series, self.rows)
        return first

    @cached_property
    def clock(self) -> _Ints:
        """(M,) when each forecast was made, on one clock of all series: by dates or numbers, else by rows seen."""
        times = self.panel.times
        if times is None:
            return self.places
        return np.asarray(np.searchsorted(np.unique(times), times[self.rows - 1]), dtype=np.int64)

    def actual(self, part: slice = slice(None)) -> _Floats:
        """(M, horizon) what happened; NaN where it is missing, or after the end of the series."""
        rows = self.rows[part, None] + np.arange(self.horizon)
        inside = rows < self.panel.starts[self.series[part] + 1][:, None]
        return np.where(inside, self.panel.values[np.where(inside, rows, 0)], np.nan)

    @cached_property
    def _known_from(self) -> _Ints:
        """(N,) the first row of each series that has a value."""
        rows = np.where(np.isnan(self.panel.values), len(self.panel.values), np.arange(len(self.panel.values)))
        return np.asarray(np.minimum.reduceat(rows, self.panel.starts[:-1]), dtype=np.int64)

    def _told(self, wrong: NDArray[np.bool_], what: str) -> str:
        m = int(np.flatnonzero(wrong)[0])
        name = self.panel.ids[self.series[m]]
        others = f" ({counted(int(wrong.sum()), 'origin')} in all)" if wrong.sum() > 1 else ""
        return f"the origin at row {self.rows[m]}, of {name}, {what}{others}."


def check_levels(levels: object) -> _Floats:
    """Levels as an array: increasing, between 0 and 1, the median among them."""
    array = np.asarray(levels, dtype=np.float64)
    ordered = array.ndim == 1 and bool(array.size) and bool((np.diff(array) > 0).all())
    if not ordered or array[0] <= 0 or array[-1] >= 1 or not np.isclose(array, 0.5).any():
        raise ArgumentError(f"levels are {levels}; expected increasing numbers between 0 and 1 with 0.5 among them.")
    return array


def check_quantiles(name: str, quantiles: object, shape: tuple[int, ...]) -> _Floats:
    """The quantiles of a forecaster as an array of this shape, all finite."""
    array = np.asarray(quantiles, dtype=np.float64)
    if array.shape != shape:
        raise ShapeError(f"the quantiles of {name} are {array.shape}; expected {shape}: forecasts, steps and levels.")
    if not np.isfinite(array.sum()) and not np.isfinite(array).all():
        broken = int((~np.isfinite(array)).sum())
        raise ArgumentError(f"{counted(broken, 'quantile')} of {name} are NaN or infinite; expected finite numbers.")
    return array


def _whole_numbers(name: str, values: object) -> _Ints:
    array = np.asarray(values)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise ShapeError(f"{name} is {array.dtype} {array.shape}; expected a list of whole numbers.")
    return array.astype(np.int64, copy=False)
