"""How far a mean over forecasts may be off by chance."""

import math

from torch import Tensor

from chainrule.models.panels.tensors import PanelTensors

__all__ = ["standard_error"]


def standard_error(values: Tensor, rows: PanelTensors, at: Tensor, horizon: int) -> float:
    """Of the mean of values (M,), each of the forecast of a horizon from a row of ``at`` (M,) of a panel.

    Forecasts of a series overlap, and their errors hang together: those that begin within one horizon count as one
    block, and blocks as independent (Liang & Zeger 1986). Of a single block, which tells nothing of it, 0.
    """
    block = rows.series[at] * (len(rows.series) + 1) + at.div(horizon, rounding_mode="floor")
    _, place = block.unique(return_inverse=True)
    apart = values - values.mean()
    sums = apart.new_zeros(int(place.max()) + 1 if len(place) else 0).index_add_(0, place, apart)
    count = len(sums)
    return math.sqrt(float(sums.square().sum()) * count / (count - 1)) / len(values) if count > 1 else 0.0
