"""The minGRU: the definition, and by hand. derivation.py says what each method is for."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from chainrule.ops.recurrence.cells.derivation import Derivation, Forward
from chainrule.ops.recurrence.cells.products import Product, Saved, product
from chainrule.ops.recurrence.cells.spec import CellSpec, Gates, State

__all__ = ["MINGRU", "MinGRUFormula"]


def mingru(x: Tensor, state: State, w: Any) -> tuple[State, Gates]:
    """One step of Feng et al. (2024): the GRU whose gates see the input alone."""
    (h,) = state
    a_z, n = product(x, w.W_ih, w.b_ih, w.g_ih).chunk(2, dim=-1)
    z = torch.sigmoid(a_z)
    return ((1 - z) * h + z * n,), {"z": (a_z, z), "n": (n, n)}


class _Entering(NamedTuple):
    """The gradients of gx and of the product W_ih x, which differ where it is normalised."""

    dgx: Tensor
    dproduct: Tensor


class MinGRUFormula(Derivation):
    """z = sigmoid(gx_z), n = gx_n, h_t = h_{t-1} + z (n - h_{t-1}).

    J_z: the derivative of h_t by what enters z; that by n is z, that by h_{t-1} is 1 - z.
    """

    def __init__(self, w: Any, rounds: bool = False) -> None:
        self.weights = w
        self.from_inputs = Product(w.W_ih, w.g_ih, rounds)

    def inputs(self, X: Tensor) -> tuple[Tensor, Saved]:
        gx, normal = self.from_inputs(X.flatten(0, 1), self.weights.b_ih)
        return gx.unflatten(0, X.shape[:2]), tuple(part.unflatten(0, X.shape[:2]) for part in normal)

    def step(self, gx: Tensor, state: State) -> tuple[State, Saved]:
        (h,) = state
        a_z, n = gx.chunk(2, -1)
        z = torch.sigmoid(a_z)
        return (torch.lerp(h, n, z),), (z, n)

    def slopes(self, previous: State, state: State, saved: Saved) -> Saved:
        (h,) = previous
        z, n = saved
        J_z = (n - h) * z * (1 - z)
        return torch.stack((J_z, z), -2), 1 - z

    def step_backward(self, dstate: State, slopes: Saved) -> State:
        (dh,) = dstate
        _, kept = slopes
        return (dh * kept,)

    def gates(self, state: State, saved: Saved) -> Tensor:
        return torch.cat(saved, -1)

    def entering(self, dmade: State, slopes: Saved, normal: Saved) -> _Entering:
        (dh,) = dmade
        J_zn, _ = slopes
        dgx = (dh.unsqueeze(-2) * J_zn).flatten(-2)
        return _Entering(dgx, self.from_inputs.backward(dgx, normal))

    def input_gradient(self, entered: _Entering) -> Tensor:
        return self.from_inputs.to_factor(entered.dproduct)

    def weight_gradients(
        self, kept: Forward, slopes: Saved, dmade: State, entered: _Entering, need: Mapping[str, bool]
    ) -> dict[str, Tensor | None]:
        dgx, dproduct = entered
        return {
            "W_ih": self.from_inputs.to_weight(dproduct, kept.X) if need["W_ih"] else None,
            "b_ih": dgx.sum((0, 1)) if need["b_ih"] else None,
            "g_ih": self.from_inputs.dgain(dgx, kept.normal),
        }


MINGRU = CellSpec(
    name="mingru",
    gates={"z": "sigmoid", "n": "identity"},
    step=mingru,
    weights={"W_ih": "G I", "b_ih": "G"},
    options={"layer_norm": {"g_ih": "G"}},
    formula=MinGRUFormula,
    memory=lambda gates: 1 - gates["z"],
    model="mingru",
    paper="L. Feng et al., Were RNNs all we needed?, arXiv:2410.01201, 2024",
)
