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

from chainrule.ops.recurrence.backends.formula.gru import GRU, GRUResetBefore
from chainrule.ops.recurrence.backends.formula.lstm import LSTM
from chainrule.ops.recurrence.backends.formula.product import Product, Products, Saved, outer, total_bias
from chainrule.ops.recurrence.backends.reference import State, Weights

__all__ = ["Cell", "make_cell"]


class Cell(Protocol):
    """One step, and its local derivatives."""

    bias: Tensor | None
    """What is added to all gx at once: b_ih, and b_hh too where no gate stands between gh and gx."""

    @property
    def hidden(self) -> Product | Products:
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

    def weight_gradient(self, dproduct: Tensor, previous: State, saved: Saved) -> Tensor:
        """The gradient of W_hh over all steps, from that of the product."""

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
        (dh,) = dstate
        J = slopes[0]
        return dh * J

    def dgx(self, dstate: State, slopes: Saved, dgh: Tensor) -> Tensor:
        return dgh

    def step_backward(self, dstate: State, slopes: Saved) -> State:
        return (self.hidden.backward(self.dgh(dstate, slopes), slopes[1:]) @ self.hidden.W,)

    def total(self, dstate: State, slopes: Saved) -> State:
        return dstate

    def gates(self, state: State, saved: Saved) -> Tensor:
        return state[0]

    def weight_gradient(self, dproduct: Tensor, previous: State, saved: Saved) -> Tensor:
        return outer(dproduct, previous[0])

    def own_gradients(
        self, dstate: State, previous: State, state: State, saved: Saved, slopes: Saved
    ) -> dict[str, Tensor]:
        return {}


def make_cell(name: str, weights: Weights) -> Cell:
    """The cell of this name ("rnn_tanh", "rnn_relu", "gru", "gru_reset_before", "lstm") with these weights."""
    if name == "gru":
        return GRU(weights)
    if name == "gru_reset_before":
        return GRUResetBefore(weights)
    if name == "lstm":
        return LSTM(weights)
    return RNN(weights, relu=name == "rnn_relu")
