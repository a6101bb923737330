"""The parts of a state, the LSTM's h and c, each measured by what it starts with: which of them lasts."""

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np

from chainrule.lens.conversion import Floats
from chainrule.lens.reach.gradient_map import STATE
from chainrule.lens.reach.horizon import ONE_PERCENT, by_lag, horizon

__all__ = ["EXPLODES", "joined", "judged", "parts_of"]

EXPLODES = 10.0  # times the start


def joined(layers: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    """The norms of several layers' states together."""
    return {name: reduce(np.hypot, [layer[name] for layer in layers]) for name in layers[0]}


def parts_of(norms: Mapping[str, Floats]) -> dict[str, Floats]:
    """Those of the parts alone; none of a state of one part."""
    return {name: each for name, each in norms.items() if name != STATE}


def judged(lagged: Mapping[str, Floats]) -> str:
    """The part whose gradient explodes, or else lasts the longest, of norms by lag (B, R, K).

    >>> fades, lasts = np.array([[[1.0, 0.1, 0.001]]]), np.array([[[0.01, 0.009, 0.008]]])
    >>> judged({"h": fades, "c": lasts})
    'c'
    """
    return max(lagged, key=lambda name: _persistence(lagged[name]))


def _persistence(lagged: Floats) -> tuple[int, float]:
    """Greater for what keeps more: nothing, up to a horizon, beyond what was seen, exploding, not finite at all."""
    curve = by_lag(lagged)
    curve = curve[~np.isnan(curve)]
    if np.isinf(lagged[..., 0]).any():
        return 4, np.inf
    if not curve.size or not curve[0] > 0:
        return 0, 0.0
    if not np.isfinite(curve).all() or curve.max() > EXPLODES * curve[0]:
        return 3, float(curve.max() / curve[0])
    lag = horizon(curve, ONE_PERCENT)
    if lag is None:
        return 2, float(curve[-1] / curve[0])
    return 1, lag
