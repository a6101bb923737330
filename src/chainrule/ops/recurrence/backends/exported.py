"""The recurrence while torch.export records a call: torch's own operations alone, and no number of steps.

A recording has to load where chainrule is not installed, and to run for any batch and time. torch's fused op fixes the
steps it was recorded with, a loop does too; so this rung is torch's operator ``scan`` over the formula's step, which
has every option of the formula. While the recording is for ONNX, what one of the standard's RNN, GRU and LSTM computes
is that: runtimes have them fused.
"""

from typing import Any

import torch
from torch import Tensor

from chainrule._torch import scan as torch_scan
from chainrule.ops.recurrence.backends.formula.cells import make_cell
from chainrule.ops.recurrence.backends.formula.scan import mixed
from chainrule.ops.recurrence.backends.reference import State, Weights, Zoneout, product
from chainrule.ops.recurrence.trace import Trace

__all__ = ["scan"]

_At = dict[str, Tensor]  # what belongs to a step, by name (these have names as a recording cannot subscript types)
_Next = tuple[State, Tensor]


def scan(
    cell: str,
    x: Tensor,
    state: State,
    weights: Weights,
    resets: Tensor | None,
    lengths: Tensor | None,
    reverse: bool,
    zoneout: Zoneout,
    trace: Trace | None,
) -> tuple[Tensor, State]:
    """Run ``cell`` over x (B, T, I), T >= 1, from ``state``: the outputs (B, T, H) and the last state."""
    X = x.transpose(0, 1)
    optioned = resets is not None or any(keep is not None for keep in zoneout)
    if torch.onnx.is_in_onnx_export() and not optioned and _is_standard(cell, x, weights):
        Y, last = _node(cell, X, state, weights, lengths, reverse)
    else:
        Y, last = _loop(cell, X, state, weights, resets, lengths, reverse, zoneout)
    return Y.transpose(0, 1), last


def _loop(
    cell: str,
    X: Tensor,
    state: State,
    weights: Weights,
    resets: Tensor | None,
    lengths: Tensor | None,
    reverse: bool,
    zoneout: Zoneout,
) -> tuple[Tensor, State]:
    masks = _masks(X, resets, lengths, reverse)
    if "padding" in masks:
        X = X.masked_fill(masks["padding"], 0)  # it may hold NaN
    gx = product(X, weights.W_ih, make_cell(cell, weights).bias, weights.g_ih)
    drawn = {str(n): keep.transpose(0, 1) for n, keep in enumerate(zoneout) if isinstance(keep, Tensor)}

    def step(before: State, at: _At) -> _Next:
        # the cell is made in here, as parts of one weight may not enter a recorded step as several tensors
        start = tuple(s.masked_fill(at["fresh"], 0) for s in before) if "fresh" in at else before
        new, _ = make_cell(cell, weights).step(at["gx"], start)
        kept = [at.get(str(n), keep) for n, keep in enumerate(zoneout)]
        new = tuple(mixed(*parts) for parts in zip(kept, start, new, strict=True))
        if "padding" in at:
            new = tuple(torch.where(at["padding"], s, n) for s, n in zip(before, new, strict=True))
        return new, new[0].clone()  # what is carried on and what is put out may not be one tensor

    last, Y = torch_scan(step, state, {"gx": gx, **masks, **drawn}, reverse=reverse)
    return (Y.masked_fill(masks["padding"], 0) if "padding" in masks else Y), tuple(last)


def _masks(X: Tensor, resets: Tensor | None, lengths: Tensor | None, reverse: bool) -> dict[str, Tensor]:
    """Rows to treat apart, (T, B, 1): those that have ended, and those whose state is zeroed before the step."""
    masks = {}
    if lengths is not None:
        masks["padding"] = (torch.arange(X.shape[0], device=X.device).unsqueeze(1) >= lengths).unsqueeze(-1)
    if resets is not None:
        fresh = resets.t().unsqueeze(-1)
        if lengths is not None:
            fresh = fresh & ~masks["padding"]
        if reverse:  # going back, the edge that lies before step t + 1 is crossed just before step t
            fresh = torch.cat((fresh[1:], torch.zeros_like(fresh[:1])))
        masks["fresh"] = fresh
    return masks


_STANDARD: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "rnn_tanh": ("RNN", (0,), {"activations": ["Tanh"]}),
    "rnn_relu": ("RNN", (0,), {"activations": ["Relu"]}),
    "gru": ("GRU", (1, 0, 2), {"linear_before_reset": 1}),
    "gru_reset_before": ("GRU", (1, 0, 2), {"linear_before_reset": 0}),
    "lstm": ("LSTM", (0, 3, 1, 2), {}),
}
"""ONNX's operator for a cell, its order of our gates, and its attributes."""


def _is_standard(cell: str, x: Tensor, weights: Weights) -> bool:
    """Whether ONNX has an operator for it. (Its own kernels in ONNX Runtime are for float32 alone.)"""
    plain = weights.W_hr is None and weights.g_ih is None
    return cell in _STANDARD and plain and x.dtype == torch.float32


def _node(
    cell: str, X: Tensor, state: State, weights: Weights, lengths: Tensor | None, reverse: bool
) -> tuple[Tensor, State]:
    """One node of the graph: https://onnx.ai/onnx/operators has the layout of its inputs."""
    name, order, attributes = _STANDARD[cell]
    T, B, _ = X.shape
    H = weights.W_hh.shape[1]

    def arranged(w: Tensor, order: tuple[int, ...]) -> Tensor:
        # slices, which exporters work out beforehand; of several parts at once they say that they don't
        return torch.cat([w[k * H : (k + 1) * H] for k in order]) if len(order) > 1 else w

    W, R = (arranged(w, order).unsqueeze(0) for w in weights[:2])
    bias = None
    if weights.b_ih is not None and weights.b_hh is not None:
        bias = torch.cat((arranged(weights.b_ih, order), arranged(weights.b_hh, order))).unsqueeze(0)
    inputs = [X, W, R, bias, None if lengths is None else lengths.int(), *(s.unsqueeze(0) for s in state)]
    if weights.p is not None:
        inputs.append(arranged(weights.p, (0, 2, 1)).unsqueeze(0))  # of ours, (i, f, o), theirs is (i, o, f)
    Y, *last = torch.onnx.ops.symbolic_multi_out(
        name,
        inputs,
        {"hidden_size": H, "direction": "reverse" if reverse else "forward", **attributes},
        dtypes=[X.dtype] * (1 + len(state)),
        shapes=[(T, 1, B, H), *((1, B, H) for _ in state)],
    )
    ended = tuple(s.squeeze(0) for s in last)
    if lengths is not None:  # of a row without steps the operator's last state is zero
        empty = (lengths == 0).unsqueeze(-1)
        ended = tuple(torch.where(empty, *pair) for pair in zip(state, ended, strict=True))
    return Y.squeeze(1), ended
