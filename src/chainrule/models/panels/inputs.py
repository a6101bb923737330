"""What a network sees at every step of a panel, and what is known of the steps ahead."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule.data.panels.calendar import calendar_columns, calendar_features
from chainrule.data.panels.panel import Covariate, Covariates, Panel
from chainrule.errors import ArgumentError
from chainrule.models.panels.scaling import WINDOW

__all__ = ["PanelInputs"]

_Floats = NDArray[np.float64]

_LADDER = (1, 2, 3, 5, 8, 13, 21, 34, 52)  # lags without a short season
_RECENT = (1, 2, 3)
_LONGEST = 31  # steps of a short season, whose repetition tells more of the next steps than the last ones do
_YEAR = 52  # what may come again where no season is known: weeks without dates
_SIZE = 0.3  # which makes a logarithm one of the other inputs' order
_SEASONS = (1, 2, 7)  # the lags of a season, beside the short ones


@dataclass(frozen=True)
class PanelInputs:
    """How a panel becomes the inputs of a network: kept with a run, so that new data is seen as the old was.

    Attributes:
        season: steps in a season.
        covariates: the columns beside the target.
        unit: the size of a typical value that is not zero.
        mean, scale: of the columns of numbers, known ones before past ones before static ones; 0 and 1 for categories.
    """

    season: int
    covariates: Covariates
    unit: float
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    def __post_init__(self) -> None:
        columns = len((*self.covariates.known, *self.covariates.past, *self.covariates.static))
        if not len(self.mean) == len(self.scale) == columns or not all(scale > 0 for scale in self.scale):
            raise ArgumentError(
                f"the inputs of a panel need a mean and a scale above 0 for each of {counted(columns, 'covariate')}."
            )
        if not self.unit > 0:
            raise ArgumentError(f"the unit of a panel is {self.unit}; expected a number above 0.")

    @classmethod
    def of(cls, panel: Panel, seen: NDArray[np.bool_]) -> Self:
        """The inputs that the rows (R,) which are ``seen`` speak for: those that train."""
        about = panel.covariates
        sizes = np.abs(panel.values[seen])
        sizes = sizes[sizes > 0]  # which no NaN is
        moments = [_moments(each, column[seen]) for each, column in zip(about.known, panel.known.T, strict=True)]
        moments += [_moments(each, column[seen]) for each, column in zip(about.past, panel.past.T, strict=True)]
        moments += [_moments(each, column) for each, column in zip(about.static, panel.static.T, strict=True)]
        return cls(
            season=panel.season,
            covariates=about,
            unit=float(np.median(sizes)) if len(sizes) else 1.0,
            mean=tuple(mean for mean, _ in moments),
            scale=tuple(scale for _, scale in moments),
        )

    @property
    def short_season(self) -> int:
        """The season if it is short, else 1: that of a month of days, not that of a year of weeks."""
        return self.season if self.season <= _LONGEST else 1

    @property
    def long_season(self) -> int | None:
        """The season if it is long, or what may be one where none is known; None beside a short one."""
        if self.season == 1:
            return _YEAR
        return self.season if self.season > _LONGEST else None

    @property
    def lags(self) -> tuple[int, ...]:
        """Steps back to which a step is compared."""
        if self.short_season == 1:
            return tuple(sorted({*_LADDER, self.season}))
        return tuple(sorted({*_RECENT, *(k * self.season for k in _SEASONS)}))

    @property
    def looks_back(self) -> int:
        """How many rows before a step its inputs look at, beyond sums over the whole past."""
        return max(*self.lags, *self._repeated, self.short_season, WINDOW)

    @property
    def of_past(self) -> int:
        """How many inputs a step's own past gives."""
        return 4 + len(self._repeated) + len(self.lags)

    @property
    def _repeated(self) -> tuple[int, ...]:
        """The seasons whose last repetition of the next step is seen."""
        long = () if self.long_season is None else (self.long_season,)
        return (self.short_season, *long)

    @property
    def of_ahead(self) -> int:
        """How many numbers are known of a step ahead of time."""
        return sum(map(_width, self.covariates.known)) + len(calendar_columns(self.covariates.calendar))

    @property
    def width(self) -> int:
        """How many inputs a step has, but for what stays the same throughout a series."""
        return self.of_past + 2 * self.of_ahead + sum(map(_width, self.covariates.past))

    def past_of(self, y: _Floats, centre: _Floats, scale: _Floats) -> _Floats:
        """The inputs (T, ``of_past``) that one series y (T,) gives, in units of its centre and scale."""
        known = ~np.isnan(y)
        centred = np.where(known, y - centre, 0.0) / scale
        columns = [np.arcsinh(centred), known.astype(np.float64)]
        columns.append(np.log(scale) - np.log(np.concatenate([scale[:1], scale[:-1]])))
        columns.append(_SIZE * np.arcsinh(centre / scale))
        # what comes next came a season ago
        columns += [np.arcsinh(_before(y, season - 1, centre, scale)) for season in self._repeated]
        columns += [np.arcsinh(-_before(y, lag, y, scale)) for lag in self.lags]
        return np.stack(columns, axis=1)

    def ahead_of(self, panel: Panel) -> _Floats:
        """What is known of every row of the panel ahead of time (R, ``of_ahead``); a missing number as its mean."""
        about = self.covariates
        columns = self._encoded(panel.known, about.known, 0)
        if about.calendar:
            if panel.dates is None:
                raise ArgumentError(f"{panel.name} has no dates, which features of the calendar need.")
            columns.append(calendar_features(panel.dates, panel.timezone, about.calendar))
        return np.concatenate([np.zeros((len(panel.values), 0)), *columns], axis=1)

    def beside_of(self, panel: Panel) -> _Floats:
        """The past covariates of every row."""
        columns = self._encoded(panel.past, self.covariates.past, len(self.covariates.known))
        return np.concatenate([np.zeros((len(panel.values), 0)), *columns], axis=1)

    def numbers_of(self, panel: Panel) -> _Floats:
        """The static numbers of every series."""
        about = self.covariates
        skipped = len(about.known) + len(about.past)
        numbers = [i for i, each in enumerate(about.static) if not each.levels]
        mean = np.array([self.mean[skipped + i] for i in numbers])
        scale = np.array([self.scale[skipped + i] for i in numbers])
        return np.asarray(np.nan_to_num((panel.static[:, numbers] - mean) / scale))

    def categories_of(self, panel: Panel) -> NDArray[np.int64]:
        """The static categories of every series, from 1 on; 0 for a missing one."""
        codes = [i for i, each in enumerate(self.covariates.static) if each.levels]
        return np.nan_to_num(panel.static[:, codes] + 1).astype(np.int64)

    def _encoded(self, cells: _Floats, columns: tuple[Covariate, ...], first: int) -> list[_Floats]:
        encoded = []
        for i, each in enumerate(columns):
            if each.levels:
                encoded.append((cells[:, i, None] == np.arange(len(each.levels))).astype(np.float64))
            else:
                standard = (cells[:, i, None] - self.mean[first + i]) / self.scale[first + i]
                encoded.append(np.nan_to_num(standard))
        return encoded


def _width(covariate: Covariate) -> int:
    return len(covariate.levels) or 1


def _moments(covariate: Covariate, cells: _Floats) -> tuple[float, float]:
    known = cells[~np.isnan(cells)]
    if covariate.levels or not len(known):
        return 0.0, 1.0
    spread = float(known.std())
    return float(known.mean()), spread if spread > 0 else 1.0


def _before(y: _Floats, lag: int, origin: _Floats, scale: _Floats) -> _Floats:
    """(y_{t-lag} - origin_t) / scale_t, 0 where one is missing."""
    earlier = np.full(len(y), np.nan)
    if lag < len(y):
        earlier[lag:] = y[: len(y) - lag]
    return np.nan_to_num((earlier - origin) / scale)
