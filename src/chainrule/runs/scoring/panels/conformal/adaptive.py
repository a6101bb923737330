"""Adaptive conformal intervals: in a backtest, each is widened or narrowed by how the earlier ones fared."""

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import choose, finite, whole
from chainrule.errors import ShapeError
from chainrule.runs.scoring.panels.conformal.split import pairs_of
from chainrule.runs.scoring.panels.origins import Origins, check_levels, check_quantiles

__all__ = ["adaptive_conformal"]

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


def adaptive_conformal(
    origins: Origins,
    quantiles: _Floats,
    levels: object,
    scale: _Floats,
    *,
    gamma: float = 0.01,
    window: int = 100,
    over: str = "series",
) -> _Floats:
    """Quantiles (M, H, Q) whose intervals are moved by the scores of earlier ones, at a rate that follows their misses.

    For each step ahead and interval with the share alpha outside, the ends are moved by the (1 - alpha_t) quantile of
    the latest scores, how far outcomes lay beyond the forecaster's own ends; and alpha_t + gamma (alpha - miss) follows
    alpha_t. Both use only outcomes that are known at the origin: that of step h is known h steps later. Gibbs & Candès
    (2021), "Adaptive conformal inference under distribution shift".

    Until enough outcomes are known to rank, and where a scale is NaN, the forecaster's own intervals stay. alpha_t is
    kept between 0 and 1; at 0 an interval reaches as far as the largest score in the window, not to infinity.

    Args:
        origins: where the forecasts began.
        quantiles: (M, H, Q) of the forecaster.
        levels: (Q,), symmetric about 0.5.
        scale: (N,) of each series, which its scores are divided by.
        gamma: how fast alpha_t follows; 0 keeps it at alpha.
        window: how many of the latest times of forecasts count.
        over: "series", for each series by itself, or "panel", all together: the one where series differ and are long,
            the other where they are short.
    """
    level = check_levels(levels)
    choose("over", over, ("series", "panel"))
    forecast = check_quantiles("the forecaster", quantiles, (len(origins), origins.horizon, len(level)))
    gamma = finite("gamma", gamma, 0)
    window = whole("window", window)
    unit = np.asarray(scale, dtype=np.float64)
    if unit.shape != (len(origins.panel.ids),):
        raise ShapeError(f"scale is {unit.shape}; expected ({len(origins.panel.ids)},), a number for each series.")
    unit = np.where(unit > 0, unit, np.nan)
    times, when = np.unique(origins.clock, return_inverse=True)
    series, column = np.unique(origins.series, return_inverse=True)
    actual = origins.actual()
    adapted = forecast.copy()
    for low, high, outside in pairs_of(level):
        for h in range(origins.horizon):
            beyond = np.maximum(forecast[:, h, low] - actual[:, h], actual[:, h] - forecast[:, h, high])
            scores = np.full((len(times), len(series)), np.nan)
            scores[when, column] = beyond / unit[origins.series]
            known = np.searchsorted(times, times - h - 1, side="right")
            grouped = scores[:, :, None] if over == "series" else scores[:, None, :]
            moves = _moves(grouped, known, outside, gamma, window)
            move = moves[when, column if over == "series" else 0] * np.nan_to_num(unit[origins.series])
            adapted[:, h, low] -= move
            adapted[:, h, high] += move
    return np.sort(adapted, axis=2)


def _moves(scores: _Floats, known: _Ints, outside: float, gamma: float, window: int) -> _Floats:
    """(K, G) what is added to intervals at K times, of G groups, of scores (K, G, members) of whole groups.

    The scores of the first ``known[k]`` times are known at time k.
    """
    alpha = np.full(scores.shape[1], outside)
    moves = np.zeros(scores.shape[:2])
    done = 0
    for k in range(len(scores)):
        while done < known[k]:
            there = ~np.isnan(scores[done])
            missed = (scores[done] > moves[done][:, None]) & there
            rate = missed.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
            alpha = np.where(there.any(axis=1), np.clip(alpha + gamma * (outside - rate), 0.0, 1.0), alpha)
            done += 1
        if done:
            past = scores[max(0, done - window) : done].transpose(1, 0, 2).reshape(len(alpha), -1)
            moves[k] = _ranked_rows(past, alpha, outside)
    return moves


def _ranked_rows(past: _Floats, alpha: _Floats, outside: float) -> _Floats:
    """(G,) the score of rank ceil((n + 1)(1 - alpha)) of each row, of n that are known; 0 where n is too small."""
    ordered = np.sort(past, axis=1)  # NaN comes last
    count = (~np.isnan(ordered)).sum(axis=1)
    rank = np.clip(np.ceil((count + 1) * (1 - alpha) - 1e-9).astype(np.int64), 1, np.maximum(count, 1))
    enough = count >= np.ceil((1 - outside) / outside - 1e-9)
    return np.where(enough, ordered[np.arange(len(ordered)), rank - 1], 0.0)
