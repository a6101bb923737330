"""Scores of real series, beside the naive forecasts they have to beat."""

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule.data import Series
from chainrule.models import SeriesModel
from chainrule.runs.baselines import Iid, RandomWalk, SeasonalNaive
from chainrule.runs.metrics import coverage, mae, mase, mase_scale, rmse
from chainrule.runs.results import Errors, Score
from chainrule.runs.splits import CONTEXT
from chainrule.training import Piece, log_probs

__all__ = ["naive_forecasts", "score_series"]

_Floats = NDArray[np.float64]

_LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)


def score_series(model: SeriesModel, data: Series, train: _Floats, head: str, begin: int, of: str) -> Score:
    """Score steps ``begin``.. of the data, each given those before it; baselines are fitted to ``train``.

    ``begin`` leaves at least one season and one step before it.
    """
    values, transform = data.values, model.transform
    first = max(0, begin - CONTEXT)
    piece = Piece(values[first:], begin - first)
    log_prob = log_probs(model, [piece])[0]
    naive = naive_forecasts(train, data.season, head)
    lag = transform.lag
    z = transform.apply(torch.from_numpy(values))
    jacobian = transform.log_jacobian(torch.from_numpy(values))[begin:].numpy()
    iid = Iid.fit(transform.apply(torch.from_numpy(train)).numpy(), head)
    baselines = {iid.name: iid.log_density(z[begin - lag :].numpy()) + jacobian}
    baselines |= {n.name: n.log_density(values, begin) for n in naive}

    scale = mase_scale(train, data.season)
    with torch.no_grad(), model.evaluating():
        levels = torch.tensor(_LEVELS, dtype=torch.float64)
        quantiles = model.quantiles(torch.from_numpy(piece.x)[None], levels)[:, 0, piece.context :].numpy()
    errors = {"model": _errors(quantiles, values[begin:], scale)}
    for n in naive:
        # One step ahead a naive forecast is a value of the past plus quantiles that stay the same.
        spread = n.quantiles(values[:begin], 1, list(_LEVELS)) - n.point(values[:begin], 1)
        errors[n.name] = _errors(spread + values[begin - n.season : -n.season], values[begin:], scale)
    return Score(of, "step", log_prob, baselines, errors)


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


def naive_forecasts(train: _Floats, season: int, head: str) -> list[RandomWalk | SeasonalNaive]:
    """The random walk, and the seasonal naive forecast where there is a season."""
    naive: list[RandomWalk | SeasonalNaive] = [RandomWalk.fit(train, head)]
    if 1 < season < len(train):
        naive.append(SeasonalNaive.fit(train, season, head))
    return naive
