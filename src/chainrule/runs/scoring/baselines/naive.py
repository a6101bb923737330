"""Baselines of series: i.i.d., random walk and seasonal naive."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, whole
from chainrule.errors import ArgumentError, MissingValuesError, ShapeError, TooShortError
from chainrule.runs.scoring.baselines.laws import Law

__all__ = ["Iid", "RandomWalk", "SeasonalNaive"]

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Iid:
    """Every step drawn from one law, whatever the past: what is left when order does not matter.

    It sees transformed values z; for a density of the data the caller adds the transform's log Jacobian.

    >>> Iid.fit(np.array([[-1.0], [1.0]]), "gaussian").log_density(np.array([[0.0]])).round(4).tolist()
    [-0.9189]
    """

    name: ClassVar[str] = "i.i.d."
    law: Law

    @classmethod
    def fit(cls, z: _Floats, head: str) -> Self:
        """Maximum likelihood over z (N, C), N >= 2: location and shape of all columns together, for "student" df."""
        values = _checked_series("z", z)
        if len(values) < 2:
            raise TooShortError(f"the i.i.d. baseline needs at least 2 training steps, got {len(values)}.")
        return cls(Law.fit(values, head, "the training values", centred=False))

    def log_density(self, z: _Floats) -> _Floats:
        """log p(z_t) of z (T, C): (T,)."""
        return self.law.log_density(_checked_series("z", z, len(self.law.loc)))


@dataclass(frozen=True, eq=False)
class _Naive:
    """x_t = x_{t-season} + e_t with independent e_t of mean zero; x is (T, C) in the data's units."""

    season: int
    change: Law

    @classmethod
    def _fit(cls, train: _Floats, season: int, head: str) -> Self:
        x = _checked_series("train", train)
        whole("`season`", season)
        if len(x) <= season:
            raise TooShortError(f"a season of {season} needs at least {counted(season + 1, 'step')}, got {len(x)}.")
        of = f"the training changes over {counted(season, 'step')}"
        return cls(season, Law.fit(x[season:] - x[:-season], head, of, centred=True))

    def log_density(self, values: _Floats, start: int) -> _Floats:
        """log p(x_t | x_<t) of values[start:]: (T - start,); season <= start <= T."""
        x = _checked_series("values", values, len(self.change.loc))
        if not self.season <= start <= len(x):
            raise ArgumentError(
                f"start must leave one season of past, {counted(self.season, 'step')}, and be at most the number of "
                f"values, {len(x)}; got {start}."
            )
        return self.change.log_density(x[start:] - x[start - self.season : len(x) - self.season])

    def point(self, history: _Floats, horizon: int) -> _Floats:
        """The median, and mean, of the ``horizon`` steps after history (T, C), T >= season: (horizon, C)."""
        x = _checked_series("history", history, len(self.change.loc))
        whole("`horizon`", horizon)
        if len(x) < self.season:
            raise TooShortError(f"a season of {self.season} needs as many steps of history, got {len(x)}.")
        return x[len(x) - self.season + np.arange(horizon) % self.season]

    def quantiles(self, history: _Floats, horizon: int, levels: Sequence[float]) -> _Floats:
        """Quantiles at ``levels`` of each step ahead: (levels, horizon, C).

        The scale grows with the root of the number of changes summed, floor((h - 1) / season) + 1 (Hyndman &
        Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.5). Exact for the
        Gaussian; for the Student-t it keeps the shape of one step, while the sums of changes that `paths`
        draws come closer to a Gaussian as they grow.
        """
        point = self.point(history, horizon)
        level = np.asarray(levels, dtype=np.float64)
        if level.ndim != 1 or not ((level > 0) & (level < 1)).all():
            raise ArgumentError(f"levels must be a list of numbers between 0 and 1, got {levels}.")
        changes = np.arange(horizon) // self.season + 1  # that are summed in each step
        spread = np.sqrt(changes)[:, None] * self.change.scale
        standard = self.change.standard.ppf(level[:, None, None])
        return np.asarray(point + standard * spread, dtype=np.float64)

    def paths(self, history: _Floats, horizon: int, n: int, rng: np.random.Generator) -> _Floats:
        """``n`` sampled futures of history (T, C), ``rng`` the only randomness: (n, horizon, C)."""
        point = self.point(history, horizon)
        whole("n", n)
        seasons = -(-horizon // self.season)
        changes = self.change.draw((n, seasons, self.season), rng)
        summed = changes.cumsum(axis=1).reshape(n, seasons * self.season, point.shape[1])
        return np.asarray(point + summed[:, :horizon], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class RandomWalk(_Naive):
    """x_t = x_{t-1} + e_t: the next step as the last, spread as the training increments, no drift.

    >>> walk = RandomWalk.fit(np.array([[0.0], [1.0], [0.0]]), "gaussian")
    >>> walk.point(np.array([[5.0]]), horizon=2).tolist()
    [[5.0], [5.0]]
    >>> walk.quantiles(np.array([[5.0]]), 4, [0.975])[0, :, 0].round(2).tolist()
    [6.96, 7.77, 8.39, 8.92]
    """

    name: ClassVar[str] = "random walk"

    @classmethod
    def fit(cls, train: _Floats, head: str) -> Self:
        """Fit the law of the increments of train (T, C), T >= 2, by maximum likelihood."""
        return cls._fit(train, 1, head)


@dataclass(frozen=True, eq=False)
class SeasonalNaive(_Naive):
    """x_t = x_{t-season} + e_t: the next step as the same step of the last season.

    >>> naive = SeasonalNaive.fit(np.array([[0.0], [9.0], [1.0], [8.0]]), 2, "gaussian")
    >>> naive.point(np.array([[1.0], [8.0]]), horizon=3)[:, 0].tolist()
    [1.0, 8.0, 1.0]
    """

    name: ClassVar[str] = "seasonal naive"

    @classmethod
    def fit(cls, train: _Floats, season: int, head: str) -> Self:
        """Fit the law of the seasonal changes of train (T, C), T > season, by maximum likelihood."""
        return cls._fit(train, season, head)


def _checked_series(name: str, values: _Floats, columns: int | None = None) -> _Floats:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] == 0 or (columns is not None and x.shape[1] != columns):
        expected = "columns" if columns is None else f"{counted(columns, 'column')}, as in training"
        raise ShapeError(f"{name} must be (time, {expected}), got shape {x.shape}.")
    broken = np.flatnonzero(~np.isfinite(x).all(axis=1))
    if broken.size:
        raise MissingValuesError(
            f"{name} has NaN or infinite values in {counted(broken.size, 'row')}, the first row {broken[0]}; fill or "
            "drop them first."
        )
    return x
