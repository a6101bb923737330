"""Forecasts along a panel: from every step that is asked for, by one pass over each series with its state carried."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule._modes import evaluating
from chainrule.models import Carry, PanelModel, PanelTensors
from chainrule.models.encoders import State

__all__ = ["panel_losses", "panel_quantiles", "states_after"]

_ROWS = 64  # series side by side
_CHUNK = 256  # steps of them
_ORIGINS = 4096  # whose forecasts are computed together


@torch.no_grad()
def panel_losses(model: PanelModel, rows: PanelTensors, first: Tensor, until: Tensor) -> tuple[Tensor, Tensor]:
    """The loss (M,), float64, of each forecast from the rows of each series from ``first`` (N,) on, and its row (M,).

    What is forecast is what lies before ``until`` (N,); forecasts of nothing that is known there are left out. The rows
    and their order are the same for every model. Returns the rows, and their losses.
    """
    rows = rows.to(model.device)
    until = until.to(model.device)
    found = [(rows.starts[:0], rows.scale[:0])]
    for at, features in _features(model, rows, first, until - 1):
        loss, counts = model.losses(rows, at, features, until[rows.series[at]])
        found.append((at[counts], loss[counts].double()))
    places, losses = zip(*found, strict=True)
    return torch.cat(places), torch.cat(losses)


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


@torch.no_grad()
def states_after(model: PanelModel, rows: PanelTensors, last: Tensor) -> State:
    """The encoder's state (N, ...) after the rows before ``last`` (N,) of every series; zeros where none is read."""
    rows = rows.to(model.device)
    begins = _begins(rows)
    lengths = (last.to(begins) - begins).clamp(min=0)
    state: list[Tensor] = []
    with evaluating(model.modules()):
        for group in _alike(rows, lengths):
            for length in lengths[group].unique():
                own = group[lengths[group] == length]
                carry = _carry(rows, own)
                for steps in torch.arange(int(length), device=begins.device).split(_CHUNK):
                    _, carry = model.encode(rows, begins[own][:, None] + steps, carry)
                assert carry is not None
                assert carry.encoder is not None
                state = state or [part.new_zeros(len(lengths), *part.shape[1:]) for part in carry.encoder]
                for whole, part in zip(state, carry.encoder, strict=True):
                    whole[own] = part
    return tuple(state)


def _begins(rows: PanelTensors) -> Tensor:
    """(N,) the first row of each series that is to be read."""
    return rows.starts if rows.behind is None else rows.starts + rows.behind.read


def _carry(rows: PanelTensors, series: Tensor) -> Carry | None:
    """Where the encoder stands in these series; None at a cold start."""
    if rows.behind is None or rows.behind.state is None or not rows.behind.dropped[series].any():
        return None
    return Carry(rows.starts[series], tuple(part[series] for part in rows.behind.state))


def _alike(rows: PanelTensors, lengths: Tensor) -> Iterator[Tensor]:
    """Groups of series with rows to read, of about the same length, that begin all afresh or all from a state."""
    order = lengths.argsort(descending=True, stable=True)
    order = order[lengths[order] > 0]
    goes_on = torch.zeros_like(order, dtype=torch.bool) if rows.behind is None else rows.behind.dropped[order] > 0
    for some in (order[~goes_on], order[goes_on]):
        yield from (group for group in some.split(_ROWS) if len(group))


def _features(model: PanelModel, rows: PanelTensors, first: Tensor, last: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows (n,) from ``first`` to before ``last`` (N,) of every series, and their features (n, F), part by part.

    Series of about the same length are read side by side, each from its start or from the state behind it. No gradient
    is to be recorded.
    """
    begins = _begins(rows)
    lengths = (last - begins).where(last > first, 0)
    with evaluating(model.modules()):
        for group in _alike(rows, lengths):
            starts = begins[group]
            ends = last[group]
            carry = _carry(rows, group)
            for begin in range(0, int(lengths[group[0]]), _CHUNK):
                steps = torch.arange(begin, min(begin + _CHUNK, int(lengths[group[0]])), device=starts.device)
                at = starts[:, None] + steps
                is_inside = at < ends[:, None]
                at = torch.minimum(at, ends[:, None] - 1)
                features, carry = model.encode(rows, at, carry)
                is_asked = is_inside & (at >= first[group][:, None])
                if is_asked.any():
                    yield at[is_asked], features[is_asked]
