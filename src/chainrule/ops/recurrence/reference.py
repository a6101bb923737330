"""The definition: the cells as their papers write them, in a loop over time that autograd differentiates."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

__all__ = ["CELLS", "State", "Weights", "gru", "lstm", "rnn_relu", "rnn_tanh", "scan"]

State = tuple[Tensor, ...]
"""(h,) of the RNN and the GRU, (h, c) of the LSTM; each (B, H), an LSTM's projected h (B, P)."""


class Weights(NamedTuple):
    """One layer's parameters. G = H for the RNN, 3H (r, z, n) for the GRU, 4H (i, f, g, o) for the LSTM."""

    W_ih: Tensor  # (G, I)
    W_hh: Tensor  # (G, H), or (G, P) beside a projection
    b_ih: Tensor | None = None  # (G,)
    b_hh: Tensor | None = None  # (G,)
    W_hr: Tensor | None = None  # (P, H), the LSTM's projection


def rnn_tanh(x: Tensor, state: State, w: Weights) -> State:
    """One step of Elman's network (1990)."""
    (h,) = state
    return (torch.tanh(linear(x, w.W_ih, w.b_ih) + linear(h, w.W_hh, w.b_hh)),)


def rnn_relu(x: Tensor, state: State, w: Weights) -> State:
    """The same step with relu for tanh."""
    (h,) = state
    return (torch.relu(linear(x, w.W_ih, w.b_ih) + linear(h, w.W_hh, w.b_hh)),)


def gru(x: Tensor, state: State, w: Weights) -> State:
    """One step of Cho et al. (2014), with r applied after the product, as cuDNN and torch have it."""
    (h,) = state
    x_r, x_z, x_n = linear(x, w.W_ih, w.b_ih).chunk(3, dim=-1)
    h_r, h_z, h_n = linear(h, w.W_hh, w.b_hh).chunk(3, dim=-1)
    r = torch.sigmoid(x_r + h_r)
    z = torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return ((1 - z) * n + z * h,)


def lstm(x: Tensor, state: State, w: Weights) -> State:
    """One step of Hochreiter & Schmidhuber (1997) with forget gates (Gers et al., 2000)."""
    h, c = state
    a_i, a_f, a_g, a_o = (linear(x, w.W_ih, w.b_ih) + linear(h, w.W_hh, w.b_hh)).chunk(4, dim=-1)
    i, f, g, o = torch.sigmoid(a_i), torch.sigmoid(a_f), torch.tanh(a_g), torch.sigmoid(a_o)
    c = f * c + i * g
    m = o * torch.tanh(c)
    h = m if w.W_hr is None else linear(m, w.W_hr)
    return h, c


CELLS: dict[str, Callable[[Tensor, State, Weights], State]] = {
    "rnn_tanh": rnn_tanh,
    "rnn_relu": rnn_relu,
    "gru": gru,
    "lstm": lstm,
}


def scan(
    cell: str,
    x: Tensor,
    state: State,
    weights: Weights,
    resets: Tensor | None,
    lengths: Tensor | None,
    reverse: bool,
) -> tuple[Tensor, State]:
    """Run ``cell`` over x (B, T, I), T >= 1, from ``state``: the outputs (B, T, H) and the last state."""
    step, T = CELLS[cell], x.shape[1]
    live = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
    if lengths is not None:
        live = torch.arange(T, device=x.device) < lengths.unsqueeze(1)
        x = torch.where(live.unsqueeze(-1), x, 0)  # padding may hold NaN, and 0 * NaN is NaN in a gradient
    fresh = torch.zeros_like(live) if resets is None else resets & live
    outputs: list[Tensor] = [x] * T
    for t in reversed(range(T)) if reverse else range(T):
        start = state
        crossed = t + 1 if reverse else t  # the edge that lies between this step and the one before it
        if crossed < T:
            start = tuple(torch.where(fresh[:, crossed, None], 0, s) for s in state)
        new = step(x[:, t], start, weights)
        state = tuple(torch.where(live[:, t, None], a, b) for a, b in zip(new, state, strict=True))
        outputs[t] = torch.where(live[:, t, None], new[0], 0)
    return torch.stack(outputs, dim=1), state
