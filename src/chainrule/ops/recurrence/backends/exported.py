"""The recurrence while torch.export records a call: torch's own operations alone, and no number of steps.

A recording has to load where chainrule is not installed, and to run for any batch and time. torch's fused op fixes the
steps it was recorded with, a loop does too; so this backend is torch's operator ``scan`` over the formula's step, which
has every option of the formula. While the recording is for ONNX, what one of the standard's RNN, GRU and LSTM computes
is that: runtimes have them fused.
"""

from typing import Any

import torch
from torch import Tensor

from chainrule._torch import is_exporting
from chainrule._torch import scan as torch_scan
from chainrule.ops.choices import Description
from chainrule.ops.recurrence.backends.formula.scan import mixed
from chainrule.ops.recurrence.call import RecurrenceCall
from chainrule.ops.recurrence.cells import derive
from chainrule.ops.recurrence.cells.spec import State

__all__ = ["describe", "obstacle", "run"]

_At = dict[str, Tensor]  # what belongs to a step, by name (these have names as a recording cannot subscript types)
_Next = tuple[State, Tensor]


def obstacle(call: RecurrenceCall, asked_for: bool) -> str | None:
    """It is for recordings alone."""
    return None if is_exporting() else "torch.export does not record this call"


def describe(call: RecurrenceCall) -> Description:
    """Torch's operations."""
    return Description.of_torch()


def run(call: RecurrenceCall) -> tuple[Tensor, State]:
    """The outputs (B, T, H), T >= 1, and the last state."""
    X = call.x.transpose(0, 1)
    optioned = call.resets is not None or call.zoned_out
    is_node = torch.onnx.is_in_onnx_export() and not optioned and _is_standard(call)
    Y, last = _node(call, X) if is_node else _loop(call, X)
    return Y.transpose(0, 1), last


def _loop(call: RecurrenceCall, X: Tensor) -> tuple[Tensor, State]:
    masks = _masks(call, X)
    if "padding" in masks:
        X = X.masked_fill(masks["padding"], 0)  # it may hold NaN
    gx, _ = derive(call.cell, call.weights, call.rounds).inputs(X)
    drawn = {str(n): keep.transpose(0, 1) for n, keep in enumerate(call.zoneout) if isinstance(keep, Tensor)}

    def step(before: State, at: _At) -> _Next:
        # the passes are made in here, as parts of one weight may not enter a recorded step as several tensors
        start = tuple(s.masked_fill(at["fresh"], 0) for s in before) if "fresh" in at else before
        new, _ = derive(call.cell, call.weights, call.rounds).step(at["gx"], start)
        kept = [at.get(str(n), keep) for n, keep in enumerate(call.zoneout)]
        new = tuple(mixed(*parts) for parts in zip(kept, start, new, strict=True))
        if "padding" in at:
            new = tuple(torch.where(at["padding"], s, n) for s, n in zip(before, new, strict=True))
        return new, new[0].clone()  # what is carried on and what is put out may not be one tensor

    # Copies: torch compiles a scan once for all calls, and fails at one without views after one of views.
    state = tuple(part.clone() for part in call.state)
    inputs = {name: each.clone() for name, each in {"gx": gx, **masks, **drawn}.items()}
    last, Y = torch_scan(step, state, inputs, reverse=call.reverse)
    return (Y.masked_fill(masks["padding"], 0) if "padding" in masks else Y), tuple(last)


def _masks(call: RecurrenceCall, X: Tensor) -> dict[str, Tensor]:
    """Rows to treat apart, (T, B, 1): those that have ended, and those whose state is zeroed before the step."""
    masks = {}
    if call.lengths is not None:
        masks["padding"] = (torch.arange(X.shape[0], device=X.device).unsqueeze(1) >= call.lengths).unsqueeze(-1)
    if call.resets is not None:
        fresh = call.resets.t().unsqueeze(-1)
        if "padding" in masks:
            fresh = fresh & ~masks["padding"]
        if call.reverse:  # going back, the edge that lies before step t + 1 is crossed just before step t
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


def _is_standard(call: RecurrenceCall) -> bool:
    """Whether ONNX has an operator for it. (Its own kernels in ONNX Runtime are for float32 alone.)"""
    if call.cell.name not in _STANDARD:
        return False
    return call.weights.W_hr is None and call.weights.g_ih is None and call.x.dtype == torch.float32 and not call.rounds


def _node(call: RecurrenceCall, X: Tensor) -> tuple[Tensor, State]:
    """One node of the graph: https://onnx.ai/onnx/operators has the layout of its inputs."""
    name, order, attributes = _STANDARD[call.cell.name]
    weights = call.weights
    lengths = call.lengths
    T, B, _ = X.shape
    H = weights.W_hh.shape[1]

    def arranged(w: Tensor, order: tuple[int, ...]) -> Tensor:
        # slices, which exporters work out beforehand; of several parts at once they say that they don't
        return torch.cat([w[k * H : (k + 1) * H] for k in order]) if len(order) > 1 else w

    W, R = (arranged(w, order).unsqueeze(0) for w in (weights.W_ih, weights.W_hh))
    bias = None
    if weights.b_ih is not None and weights.b_hh is not None:
        bias = torch.cat((arranged(weights.b_ih, order), arranged(weights.b_hh, order))).unsqueeze(0)
    inputs = [X, W, R, bias, None if lengths is None else lengths.int(), *(s.unsqueeze(0) for s in call.state)]
    if weights.p is not None:
        inputs.append(arranged(weights.p, (0, 2, 1)).unsqueeze(0))  # of ours, (i, f, o), theirs is (i, o, f)
    Y, *last = torch.onnx.ops.symbolic_multi_out(
        name,
        inputs,
        {"hidden_size": H, "direction": "reverse" if call.reverse else "forward", **attributes},
        dtypes=[X.dtype] * (1 + len(call.state)),
        shapes=[(T, 1, B, H), *((1, B, H) for _ in call.state)],
    )
    ended = tuple(s.squeeze(0) for s in last)
    if lengths is not None:  # of a row without steps the operator's last state is zero
        empty = (lengths == 0).unsqueeze(-1)
        ended = tuple(torch.where(empty, *pair) for pair in zip(call.state, ended, strict=True))
    return Y.squeeze(1), ended
