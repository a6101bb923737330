"""Forecasts along a panel: from every step that is asked for, by one pass over each series with its state carried."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule._modes import evaluating
from chainrule.models import Carry, PanelModel, PanelTensors

__all__ = ["panel_loss", "panel_quantiles"]

_ROWS = 64  # series side by side
_CHUNK = 256  # steps of them
_ORIGINS = 4096  # whose forecasts are computed together


@torch.no_grad()
def panel_loss(model: PanelModel, rows: PanelTensors, first: Tensor, until: Tensor) -> float:
    """The mean loss of forecasts from the rows of each series from ``first`` (N,) on, of what is before ``until``."""
    rows = rows.to(model.device)
    until = until.to(model.device)
    total = 0.0
    count = 0
    for at, features in _features(model, rows, first, until - 1):
        loss, counts = model.losses(rows, at, features, until[rows.series[at]])
        total += float(loss.double().sum())
        count += int(counts.sum())
    return total / max(count, 1)


@torch.no_grad()
def panel_quantiles(
    model: PanelModel,
    rows: PanelTensors,
    at: NDArray[np.int64],
    levels: Tensor,
    advance: Callable[[float], None] = lambda share: None,
) -> NDArray[np.float64]:
    """Quantiles (M, H, Q) of the steps ahead of rows ``at`` (M,), distinct and in increasing order.

    Every forecast is that of a state carried to its row and no further. ``advance`` is called with the share done.
    """
    rows = rows.to(model.device)
    wanted = torch.from_numpy(at).to(model.device)
    is_wanted = torch.zeros(len(rows.series), dtype=torch.bool, device=model.device)
    is_wanted[wanted] = True
    series = rows.series[wanted]
    count = len(rows.starts)
    first = torch.full((count,), len(rows.series), device=model.device).scatter_reduce(0, series, wanted, "amin")
    last = torch.full((count,), -1, device=model.device).scatter_reduce(0, series, wanted + 1, "amax")
    found = np.empty((len(at), model.horizon, len(levels)))
    done = 0
    for places, features in _features(model, rows, first, last):
        some = is_wanted[places]
        places = places[some]
        for own, of_own in zip(places.split(_ORIGINS), features[some].split(_ORIGINS), strict=True):
            index = torch.searchsorted(wanted, own)
            found[index.numpy(force=True)] = model.quantiles(rows, own, of_own, levels.to(own.device)).numpy(force=True)
        done += len(places)
        advance(done / len(at))
    return found


def _features(model: PanelModel, rows: PanelTensors, first: Tensor, last: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows (n,) from ``first`` to before ``last`` (N,) of every series, and their features (n, F), part by part.

    Series of about the same length are read side by side, each from its start. No gradient is to be recorded.
    """
    lengths = (last - rows.starts).where(last > first, 0)
    order = lengths.argsort(descending=True, stable=True)
    order = order[lengths[order] > 0]
    with evaluating(model.modules()):
        for group in order.split(_ROWS):
            starts = rows.starts[group]
            ends = last[group]
            carry: Carry | None = None
            for begin in range(0, int(lengths[group[0]]), _CHUNK):
                steps = torch.arange(begin, min(begin + _CHUNK, int(lengths[group[0]])), device=starts.device)
                at = starts[:, None] + steps
                is_inside = at < ends[:, None]
                at = torch.minimum(at, ends[:, None] - 1)
                features, carry = model.encode(rows, at, carry)
                is_asked = is_inside & (at >= first[group][:, None])
                if is_asked.any():
                    yield at[is_asked], features[is_asked]
