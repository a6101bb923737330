"""Elman's network: the definition, and by hand. derivation.py says what each method is for."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from chainrule.ops.recurrence.cells.derivation import TwoProducts
from chainrule.ops.recurrence.cells.products import Product, Saved, product, total_bias
from chainrule.ops.recurrence.cells.spec import CellSpec, Gates, State, Weights

__all__ = ["RNN_RELU", "RNN_TANH", "RNNFormula"]


def rnn(x: Tensor, state: State, w: Weights, f: Callable[[Tensor], Tensor]) -> tuple[State, Gates]:
    """One step of Elman's network (1990)."""
    (h,) = state
    a = product(x, w.W_ih, w.b_ih, w.g_ih) + product(h, w.W_hh, w.b_hh, w.g_hh)
    n = f(a)
    return (n,), {"n": (a, n)}


class RNNFormula(TwoProducts[Product]):
    """a = gx + gh, h_t = f(a); J = f'(a)."""

    def __init__(self, w: Weights, relu: bool, rounds: bool = False) -> None:
        super().__init__(w, rounds)
        self.hidden = Product(w.W_hh, w.g_hh, rounds)
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

    def step_backward(self, dstate: State, slopes: Saved) -> State:
        return (self.hidden.to_factor(self.hidden.backward(self.dgh(dstate, slopes), slopes[1:])),)

    def weight_gradient(self, dproduct: Tensor, previous: State, saved: Saved) -> Tensor:
        return self.hidden.to_weight(dproduct, previous[0])

    def gates(self, state: State, saved: Saved) -> Tensor:
        return state[0]


_NORM = {"layer_norm": {"g_ih": "G", "g_hh": "G"}}
_PAPER = "J. L. Elman, Finding structure in time, Cognitive Science 14(2), 1990"

RNN_TANH = CellSpec(
    name="rnn_tanh",
    gates={"n": "tanh"},
    step=partial(rnn, f=torch.tanh),
    options=_NORM,
    formula=partial(RNNFormula, relu=False),
    kernel=0,
    model="rnn",
    paper=_PAPER,
)
RNN_RELU = CellSpec(
    name="rnn_relu",
    gates={"n": "relu"},
    step=partial(rnn, f=torch.relu),
    options=_NORM,
    formula=partial(RNNFormula, relu=True),
    kernel=1,
    paper=_PAPER,
)
