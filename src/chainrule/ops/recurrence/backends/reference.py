"""The definition: the cells as their papers write them, in a loop over time that autograd differentiates."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from chainrule.ops.recurrence.trace import Trace

__all__ = [
    *("CELLS", "EPSILON", "WEIGHTS", "State", "Weights", "Zoneout"),
    *("gru", "gru_reset_before", "lstm", "rnn_relu", "rnn_tanh", "scan"),
]

EPSILON = 1e-5  # in the layer normalisation, as in torch.nn.LayerNorm

State = tuple[Tensor, ...]
"""(h,) of the RNN and the GRU, (h, c) of the LSTM; each (B, H), an LSTM's projected h (B, P)."""

Zoneout = tuple[Tensor | float | None, ...]
"""For each part of the state: a mask (bool, (B, T, H), true where a unit keeps its value), a rate, or None."""

Gates = dict[str, tuple[Tensor, Tensor]]
"""What enters each gate, and its value; both (B, H)."""


class Weights(NamedTuple):
    """One layer's parameters. G = H for the RNN, 3H (r, z, n) for the GRU, 4H (i, f, g, o) for the LSTM."""

    W_ih: Tensor  # (G, I)
    W_hh: Tensor  # (G, H), or (G, P) beside a projection
    b_ih: Tensor | None = None  # (G,)
    b_hh: Tensor | None = None  # (G,)
    W_hr: Tensor | None = None  # (P, H), the LSTM's projection
    g_ih: Tensor | None = None  # (G,), the gain of the normalised W_ih x
    g_hh: Tensor | None = None  # (G,), that of W_hh h
    g_c: Tensor | None = None  # (H,), that of the LSTM's c
    b_c: Tensor | None = None  # (H,), and its offset
    p: Tensor | None = None  # (3H,), the LSTM's peepholes (i, f, o)


WEIGHTS = {
    "W_ih": "weight_ih",
    "W_hh": "weight_hh",
    "b_ih": "bias_ih",
    "b_hh": "bias_hh",
    "W_hr": "weight_hr",
    "g_ih": "weight_ln_ih",
    "g_hh": "weight_ln_hh",
    "g_c": "weight_ln_c",
    "b_c": "bias_ln_c",
    "p": "weight_peep",
}
"""The derivation's symbols, and the arguments that users know the weights by."""


def normalised(v: Tensor, gain: Tensor) -> Tensor:
    """Layer normalisation (Ba et al., 2016)."""
    centred = v - v.mean(-1, keepdim=True)
    return gain * centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + EPSILON)


def product(v: Tensor, W: Tensor, b: Tensor | None, gain: Tensor | None) -> Tensor:
    """W v + b, or LN(W v) + b where there is a gain."""
    if gain is None:
        return linear(v, W, b)
    result = normalised(linear(v, W), gain)
    return result if b is None else result + b


def rnn(x: Tensor, state: State, w: Weights, f: Callable[[Tensor], Tensor]) -> tuple[State, Gates]:
    """One step of Elman's network (1990)."""
    (h,) = state
    a = product(x, w.W_ih, w.b_ih, w.g_ih) + product(h, w.W_hh, w.b_hh, w.g_hh)
    n = f(a)
    return (n,), {"n": (a, n)}


rnn_tanh = partial(rnn, f=torch.tanh)
rnn_relu = partial(rnn, f=torch.relu)


def gru(x: Tensor, state: State, w: Weights) -> tuple[State, Gates]:
    """One step of Cho et al. (2014), with r applied after the product, as cuDNN and torch have it."""
    (h,) = state
    x_r, x_z, x_n = product(x, w.W_ih, w.b_ih, w.g_ih).chunk(3, dim=-1)
    h_r, h_z, h_n = product(h, w.W_hh, w.b_hh, w.g_hh).chunk(3, dim=-1)
    a_r = x_r + h_r
    a_z = x_z + h_z
    r = torch.sigmoid(a_r)
    z = torch.sigmoid(a_z)
    a_n = x_n + r * h_n
    n = torch.tanh(a_n)
    return ((1 - z) * n + z * h,), {"r": (a_r, r), "z": (a_z, z), "n": (a_n, n)}


def gru_reset_before(x: Tensor, state: State, w: Weights) -> tuple[State, Gates]:
    """One step of Cho et al. (2014) as they have it: r applied to the state, before the product."""
    (h,) = state
    H = h.shape[-1]
    W_rz, W_n = w.W_hh.tensor_split([2 * H])
    b_rz, b_n = (None, None) if w.b_hh is None else w.b_hh.tensor_split([2 * H])
    g_rz, g_n = (None, None) if w.g_hh is None else w.g_hh.tensor_split([2 * H])
    x_r, x_z, x_n = product(x, w.W_ih, w.b_ih, w.g_ih).chunk(3, dim=-1)
    h_r, h_z = product(h, W_rz, b_rz, g_rz).chunk(2, dim=-1)
    a_r = x_r + h_r
    a_z = x_z + h_z
    r = torch.sigmoid(a_r)
    z = torch.sigmoid(a_z)
    a_n = x_n + product(r * h, W_n, b_n, g_n)
    n = torch.tanh(a_n)
    return ((1 - z) * n + z * h,), {"r": (a_r, r), "z": (a_z, z), "n": (a_n, n)}


def lstm(x: Tensor, state: State, w: Weights) -> tuple[State, Gates]:
    """One step of Hochreiter & Schmidhuber (1997) with forget gates (Gers et al., 2000)."""
    h, c = state
    a = product(x, w.W_ih, w.b_ih, w.g_ih) + product(h, w.W_hh, w.b_hh, w.g_hh)
    a_i, a_f, a_g, a_o = a.chunk(4, dim=-1)
    p_i, p_f, p_o = (None, None, None) if w.p is None else w.p.chunk(3)
    a_i = _peeping(a_i, p_i, c)
    a_f = _peeping(a_f, p_f, c)
    i = torch.sigmoid(a_i)
    f = torch.sigmoid(a_f)
    g = torch.tanh(a_g)
    c = f * c + i * g
    a_o = _peeping(a_o, p_o, c)
    o = torch.sigmoid(a_o)
    u = c if w.g_c is None or w.b_c is None else normalised(c, w.g_c) + w.b_c
    m = o * torch.tanh(u)
    h = m if w.W_hr is None else linear(m, w.W_hr)
    return (h, c), {"i": (a_i, i), "f": (a_f, f), "g": (a_g, g), "o": (a_o, o)}


def _peeping(a: Tensor, p: Tensor | None, c: Tensor) -> Tensor:
    return a if p is None else a + p * c


CELLS: dict[str, Callable[[Tensor, State, Weights], tuple[State, Gates]]] = {
    "rnn_tanh": rnn_tanh,
    "rnn_relu": rnn_relu,
    "gru": gru,
    "gru_reset_before": gru_reset_before,
    "lstm": lstm,
}


def zoned_out(keep: Tensor | float | None, t: int, old: Tensor, new: Tensor) -> Tensor:
    """Units that keep the value they had before step t (Krueger et al., 2017); of a rate, the expectation."""
    if keep is None:
        return new
    if isinstance(keep, Tensor):
        return torch.where(keep[:, t], old, new)
    return keep * old + (1 - keep) * new


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
    step = CELLS[cell]
    T = x.shape[1]
    live = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
    if lengths is not None:
        live = torch.arange(T, device=x.device) < lengths.unsqueeze(1)
        x = torch.where(live.unsqueeze(-1), x, 0)  # padding may hold NaN, and 0 * NaN is NaN in a gradient
    fresh = torch.zeros_like(live) if resets is None else resets & live
    outputs: list[Tensor] = [x] * T
    made: list[tuple[State, Gates]] = [((), {})] * T
    for t in reversed(range(T)) if reverse else range(T):
        start = state
        crossed = t + 1 if reverse else t  # the edge that lies between this step and the one before it
        if crossed < T:
            start = tuple(torch.where(fresh[:, crossed, None], 0, s) for s in state)
        new, gates = step(x[:, t], start, weights)
        new = tuple(zoned_out(k, t, old, s) for k, old, s in zip(zoneout, start, new, strict=True))
        state = tuple(torch.where(live[:, t, None], a, b) for a, b in zip(new, state, strict=True))
        outputs[t] = torch.where(live[:, t, None], new[0], 0)
        made[t] = new, gates
    if trace is not None:
        trace.watch([(*new, *(a for a, _ in gates.values())) for new, gates in made])
        states = (torch.stack(column, dim=1) for column in zip(*(new for new, _ in made), strict=True))
        values = [torch.cat([value for _, value in gates.values()], dim=-1) for _, gates in made]
        trace.keep(tuple(states), torch.stack(values, dim=1))
    return torch.stack(outputs, dim=1), state
