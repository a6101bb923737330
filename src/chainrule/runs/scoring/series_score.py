"""Scores of real series, beside the naive forecasts they have to beat."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule.data import Transform
from chainrule.models import SeriesModel
from chainrule.runs.scoring.baselines import Iid, RandomWalk, SeasonalNaive
from chainrule.runs.scoring.metrics import coverage, mae, mase, mase_scale, rmse
from chainrule.runs.scoring.scores import Errors, Score
from chainrule.training import Piece, log_probs

__all__ = ["Baselines", "score_series"]

_Floats = NDArray[np.float64]

_LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
_EXACT = 1e-12  # change over range: below it, a season repeats itself but for rounding


@dataclass(frozen=True, eq=False)
class Baselines:
    """What a model of a series is compared with, all fitted to the training part alone.

    Attributes:
        iid: sees transformed values.
        naive: the random walk, and the seasonal naive forecast where there is a season.
        scale: what MASE divides by, one a column.
    """

    iid: Iid
    naive: tuple[RandomWalk | SeasonalNaive, ...]
    scale: _Floats

    @property
    def season(self) -> int:
        """Steps in a season; 1 without one."""
        return self.naive[-1].season

    @classmethod
    def fit(cls, train: _Floats, season: int, head: str, transform: Transform) -> Self:
        """Fit to values (T, C) with T > season.

        A season that repeats itself exactly leaves no errors to fit a density to, or to scale by: then the random
        walk stands alone.
        """
        changes = np.abs(train[season:] - train[:-season]).max(axis=0, initial=0.0)
        if len(train) > season and (changes <= _EXACT * np.ptp(train, axis=0)).any():
            season = 1
        naive: list[RandomWalk | SeasonalNaive] = [RandomWalk.fit(train, head)]
        if season > 1:
            naive.append(SeasonalNaive.fit(train, season, head))
        iid = Iid.fit(transform.apply(torch.from_numpy(train)).numpy(), head)
        return cls(iid, tuple(naive), mase_scale(train, season))

    def log_prob(self, values: _Floats, begin: int, transform: Transform) -> dict[str, _Floats]:
        """log p(x_t | x_<t) of steps ``begin``.. by each, in the data's units; ``begin`` is at least a season."""
        x = torch.from_numpy(values)
        z = transform.apply(x)[begin - transform.lag :].numpy()
        jacobian = transform.log_jacobian(x)[begin:].numpy()
        naive = {baseline.name: baseline.log_density(values, begin) for baseline in self.naive}
        return {self.iid.name: self.iid.log_density(z) + jacobian, **naive}


def score_series(model: SeriesModel, values: _Floats, baselines: Baselines, begin: int, of: str) -> Score:
    """Score steps ``begin``.. of values (T, C), each given those before it.

    ``begin`` leaves at least one season and one step before it.
    """
    log_prob = log_probs(model, [Piece(values, begin)])[0]
    with torch.no_grad(), model.evaluating():
        levels = torch.tensor(_LEVELS, dtype=torch.float64)
        quantiles = model.quantiles(torch.from_numpy(values)[None], levels)[:, 0, begin:].numpy()
    errors = {"model": _errors(quantiles, values[begin:], baselines.scale)}
    for naive in baselines.naive:
        # One step ahead a naive forecast is a value of the past plus quantiles that stay the same.
        spread = naive.quantiles(values[:begin], 1, list(_LEVELS)) - naive.point(values[:begin], 1)
        past = values[begin - naive.season : -naive.season]
        errors[naive.name] = _errors(spread + past, values[begin:], baselines.scale)
    return Score(of, "step", log_prob, baselines.log_prob(values, begin, model.transform), errors)


def _errors(quantiles: _Floats, actual: _Floats, scale: _Floats) -> Errors:
    """Errors of quantiles (5, ..., C) at _LEVELS against what happened (..., C)."""
    low_95, low_80, median, high_80, high_95 = quantiles
    return Errors(
        mae(median - actual),
        rmse(median - actual),
        mase(median - actual, scale),
        coverage(low_80, high_80, actual),
        coverage(low_95, high_95, actual),
    )
