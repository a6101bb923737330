"""Scores of real series, beside the naive forecasts they have to beat."""

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule.models import SeriesModel
from chainrule.runs.scoring.baselines import Baselines
from chainrule.runs.scoring.point_errors import LEVELS, errors_of
from chainrule.runs.scoring.scores import Score
from chainrule.training import Piece, log_probs

__all__ = ["score_series"]

_Floats = NDArray[np.float64]


def score_series(model: SeriesModel, values: _Floats, baselines: Baselines, begin: int, of: str) -> Score:
    """Score steps ``begin``.. of values (T, C), each given those before it.

    ``begin`` leaves at least one season and one step before it.
    """
    log_prob = log_probs(model, [Piece(values, begin)])[0]
    with torch.no_grad(), model.evaluating():
        levels = torch.tensor(LEVELS, dtype=torch.float64, device=model.device)
        x = torch.from_numpy(values)[None].to(model.device)
        quantiles = model.quantiles(x, levels)[:, 0, begin:].cpu().numpy()
    errors = {"model": errors_of(quantiles, values[begin:], baselines.scale)}
    for naive in baselines.naive:
        # One step ahead, a naive forecast is a value of the past plus quantiles that stay the same.
        history = values[:begin]
        spread = naive.quantiles(history, 1, list(LEVELS)) - naive.point(history, 1)
        past = values[begin - naive.season : -naive.season]
        errors[naive.name] = errors_of(spread + past, values[begin:], baselines.scale)
    return Score(of, "step", log_prob, baselines.log_prob(values, begin, model.transform), errors)
