"""The cells by hand: one step, and the local derivatives that its backward step needs.

d before a name is the gradient of the loss towards it: dh is dL/dh. gx = W_ih x + b_ih and
gh = W_hh h + b_hh are the two products that meet in a cell, either normalised where there are gains. Its `slopes` are
the factors of the backward step that do not depend on the gradient; they are taken for all steps at once, which leaves
the reverse scan few operations. `dgh` and `dgx` turn the gradient of the state into that of the products, for one step,
(B, ·), or all of them, (T, B, ·), alike. No operation works in place, so that autograd can differentiate
the backward pass itself. The README beside this file derives each line.
"""

from typing import Protocol

import torch
from torch import Tensor

from chainrule.ops.recurrence.formula_lstm import LSTM
from chainrule.ops.recurrence.formula_product import Product, Saved, total_bias
from chainrule.ops.recurrence.reference import State, Weights

__all__ = ["Cell", "make_cell"]


class Cell(Protocol):
    """One step, and its local derivatives."""

    bias: Tensor | None
    """What is added to all gx at once: b_ih, and b_hh too where no gate stands between gh and gx."""
    hidden: Product
    """The product W_hh h. What it needs for its backward step ends what a step saves, and the slopes."""

    def step(self, gx: Tensor, state: State) -> tuple[State, Saved]:
        """One step: the next state, and what `slopes` will need of it."""

    def slopes(self, previous: State, state: State, saved: Saved) -> Saved:
        """The local derivatives of all steps, from the states before and after each and what each saved."""

    def dgh(self, dstate: State, slopes: Saved) -> Tensor:
        """The gradient of gh, (..., G), from that of the states after the steps."""

    def dgx(self, dstate: State, slopes: Saved, dgh: Tensor) -> Tensor:
        """The gradient of gx, (..., G), from the same."""

    def step_backward(self, dstate: State, slopes: Saved) -> State:
        """The gradient of the state before a step, from that of the state after it."""

    def total(self, dstate: State, slopes: Saved) -> State:
        """dstate, and what the parts of the state receive from each other within the step."""

    def gates(self, state: State, saved: Saved) -> Tensor:
        """The values of all gates, (..., G), from the states after the steps and what each saved."""

    def own_gradients(
        self, dstate: State, previous: State, state: State, saved: Saved, slopes: Saved
    ) -> dict[str, Tensor]:
        """The gradients of the weights that this cell alone has, by their names in Weights, over all steps."""


class RNN:
    """a = gx + gh, h_t = f(a); J = f'(a)."""

    def __init__(self, w: Weights, relu: bool) -> None:
        self.hidden = Product(w.W_hh, w.g_hh)
        self.bias = total_bias(w)
        self.relu = relu

    def step(self, gx: Tensor, state: State) -> tuple[State, Saved]:
        (h,) = state
        a, normal = self.hidden(h, gx)
        return (torch.relu(a) if self.relu else torch.tanh(a),), normal

    def slopes(self, previous: State, state: State, saved: Saved) -> Saved:
        (h,) = state
        J = (h > 0).to(h.dtype) if self.relu else 1 - h * h
        return J, *saved

    def dgh(self, dstate: State, slopes: Saved) -> Tensor:
        (dh,), J = dstate, slopes[0]
        return dh * J

    def dgx(self, dstate: State, slopes: Saved, dgh: Tensor) -> Tensor:
        return dgh

    def step_backward(self, dstate: State, slopes: Saved) -> State:
        return (self.hidden.backward(self.dgh(dstate, slopes), slopes[1:]) @ self.hidden.W,)

    def total(self, dstate: State, slopes: Saved) -> State:
        return dstate

    def gates(self, state: State, saved: Saved) -> Tensor:
        return state[0]

    def own_gradients(
        self, dstate: State, previous: State, state: State, saved: Saved, slopes: Saved
    ) -> dict[str, Tensor]:
        return {}


class GRU:
    """r, z = sigmoid(gx_rz + gh_rz), q = gh_n, n = tanh(gx_n + r q), h_t = n + z (h_{t-1} - n).

    J_r, J_z, J_n, J_q: the derivative of h_t by what enters r, z and n, and by q.
    """

    def __init__(self, w: Weights) -> None:
        self.hidden, self.b_hh = Product(w.W_hh, w.g_hh), w.b_hh
        self.bias = w.b_ih
        H = w.W_hh.shape[1]
        self.split = (2 * H, H)

    def step(self, gx: Tensor, state: State) -> tuple[State, Saved]:
        (h,) = state
        gh, normal = self.hidden(h, self.b_hh)
        gx_rz, gx_n = gx.split_with_sizes(self.split, -1)
        gh_rz, q = gh.split_with_sizes(self.split, -1)
        rz = torch.sigmoid(gx_rz + gh_rz)
        r, z = rz.chunk(2, -1)
        n = torch.tanh(torch.addcmul(gx_n, r, q))
        return (torch.lerp(n, h, z),), (rz, n, q, *normal)

    def slopes(self, previous: State, state: State, saved: Saved) -> Saved:
        (h,), (rz, n, q, *normal) = previous, saved
        r, z = rz.chunk(2, -1)
        J_n = (1 - z) * (1 - n * n)
        J_q = J_n * r
        J_r = J_n * q * r * (1 - r)
        J_z = (h - n) * z * (1 - z)
        return torch.stack((J_r, J_z, J_q), -2), J_n, z, *normal

    def dgh(self, dstate: State, slopes: Saved) -> Tensor:
        (dh,), J_rzq = dstate, slopes[0]
        return (dh.unsqueeze(-2) * J_rzq).flatten(-2)

    def dgx(self, dstate: State, slopes: Saved, dgh: Tensor) -> Tensor:
        (dh,), J_n = dstate, slopes[1]
        drz, _ = dgh.split_with_sizes(self.split, -1)
        return torch.cat((drz, dh * J_n), -1)

    def step_backward(self, dstate: State, slopes: Saved) -> State:
        (dh,), (_, _, z, *normal) = dstate, slopes
        dproduct = self.hidden.backward(self.dgh(dstate, slopes), tuple(normal))
        return (torch.addmm(dh * z, dproduct, self.hidden.W),)

    def total(self, dstate: State, slopes: Saved) -> State:
        return dstate

    def gates(self, state: State, saved: Saved) -> Tensor:
        return torch.cat(saved[:2], -1)

    def own_gradients(
        self, dstate: State, previous: State, state: State, saved: Saved, slopes: Saved
    ) -> dict[str, Tensor]:
        return {}


def make_cell(name: str, weights: Weights) -> Cell:
    """The cell of this name ("rnn_tanh", "rnn_relu", "gru", "lstm") with these weights."""
    if name == "gru":
        return GRU(weights)
    if name == "lstm":
        return LSTM(weights)
    return RNN(weights, relu=name == "rnn_relu")
