"""The GRU with the reset after the product and before it: the definition, and by hand.

derivation.py says what each method is for.
"""

import torch
from torch import Tensor

from chainrule.ops.recurrence.cells.derivation import TwoProducts
from chainrule.ops.recurrence.cells.products import Product, Products, Saved, product, total_bias
from chainrule.ops.recurrence.cells.spec import CellSpec, Gates, State, Weights

__all__ = ["GRU", "GRU_RESET_BEFORE", "GRUFormula", "GRUResetBeforeFormula"]


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


class GRUFormula(TwoProducts[Product]):
    """r, z = sigmoid(gx_rz + gh_rz), q = gh_n, n = tanh(gx_n + r q), h_t = n + z (h_{t-1} - n).

    J_r, J_z, J_n, J_q: the derivative of h_t by what enters r, z and n, and by q.
    """

    def __init__(self, w: Weights, rounds: bool = False) -> None:
        super().__init__(w, rounds)
        self.hidden = Product(w.W_hh, w.g_hh, rounds)
        self.b_hh = w.b_hh
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
        (h,) = previous
        (rz, n, q, *normal) = saved
        r, z = rz.chunk(2, -1)
        J_n = (1 - z) * (1 - n * n)
        J_q = J_n * r
        J_r = J_n * q * r * (1 - r)
        J_z = (h - n) * z * (1 - z)
        return torch.stack((J_r, J_z, J_q), -2), J_n, z, *normal

    def dgh(self, dstate: State, slopes: Saved) -> Tensor:
        (dh,) = dstate
        J_rzq = slopes[0]
        return (dh.unsqueeze(-2) * J_rzq).flatten(-2)

    def dgx(self, dstate: State, slopes: Saved, dgh: Tensor) -> Tensor:
        (dh,) = dstate
        J_n = slopes[1]
        drz, _ = dgh.split_with_sizes(self.split, -1)
        return torch.cat((drz, dh * J_n), -1)

    def step_backward(self, dstate: State, slopes: Saved) -> State:
        (dh,) = dstate
        (_, _, z, *normal) = slopes
        dproduct = self.hidden.backward(self.dgh(dstate, slopes), tuple(normal))
        return (dh * z + self.hidden.to_factor(dproduct),)

    def weight_gradient(self, dproduct: Tensor, previous: State, saved: Saved) -> Tensor:
        return self.hidden.to_weight(dproduct, previous[0])

    def gates(self, state: State, saved: Saved) -> Tensor:
        return torch.cat(saved[:2], -1)


class GRUResetBeforeFormula(TwoProducts[Products]):
    """r, z = sigmoid(gx_rz + W_rz h), s = r h, n = tanh(gx_n + W_n s), h_t = n + z (h_{t-1} - n).

    J_z, J_n: the derivative of h_t by what enters z and n; J_r: that of s by what enters r.
    """

    def __init__(self, w: Weights, rounds: bool = False) -> None:
        super().__init__(w, rounds)
        H = w.W_hh.shape[1]
        self.split = (2 * H, H)
        W_rz, W_n = w.W_hh.split_with_sizes(self.split)
        g_rz, g_n = (None, None) if w.g_hh is None else w.g_hh.split_with_sizes(self.split)
        self.rz = Product(W_rz, g_rz, rounds)
        self.n = Product(W_n, g_n, rounds)
        self.hidden = Products(self.rz, self.n)
        self.bias = total_bias(w)

    def step(self, gx: Tensor, state: State) -> tuple[State, Saved]:
        (h,) = state
        gx_rz, gx_n = gx.split_with_sizes(self.split, -1)
        a_rz, normal_rz = self.rz(h, gx_rz)
        rz = torch.sigmoid(a_rz)
        r, z = rz.chunk(2, -1)
        a_n, normal_n = self.n(r * h, gx_n)
        n = torch.tanh(a_n)
        return (torch.lerp(n, h, z),), (rz, n, *self.hidden.joined(normal_rz, normal_n))

    def slopes(self, previous: State, state: State, saved: Saved) -> Saved:
        (h,) = previous
        (rz, n, *normal) = saved
        r, z = rz.chunk(2, -1)
        J_r = h * r * (1 - r)
        J_z = (h - n) * z * (1 - z)
        J_n = (1 - z) * (1 - n * n)
        return J_r, J_z, J_n, r, z, *normal

    def dgh(self, dstate: State, slopes: Saved) -> Tensor:
        return self._dgates_ds(dstate, slopes)[0]

    def step_backward(self, dstate: State, slopes: Saved) -> State:
        (dh,) = dstate
        (_, _, _, r, z, *_) = slopes
        dgates, ds = self._dgates_ds(dstate, slopes)
        drz, _ = dgates.split_with_sizes(self.split, -1)
        normal_rz, _ = self.hidden.parted(slopes[-2:])
        return (dh * z + ds * r + self.rz.to_factor(self.rz.backward(drz, normal_rz)),)

    def gates(self, state: State, saved: Saved) -> Tensor:
        return torch.cat(saved[:2], -1)

    def weight_gradient(self, dproduct: Tensor, previous: State, saved: Saved) -> Tensor:
        (h,) = previous
        rz = saved[0]
        r, _ = rz.chunk(2, -1)
        drz, dn = dproduct.split_with_sizes(self.split, -1)
        return torch.cat((self.rz.to_weight(drz, h), self.n.to_weight(dn, r * h)))

    def _dgates_ds(self, dstate: State, slopes: Saved) -> tuple[Tensor, Tensor]:
        (dh,) = dstate
        (J_r, J_z, J_n, *_) = slopes
        _, normal_n = self.hidden.parted(slopes[-2:])
        dn = dh * J_n
        ds = self.n.to_factor(self.n.backward(dn, normal_n))
        return torch.cat((ds * J_r, dh * J_z, dn), -1), ds


_GATES = {"r": "sigmoid", "z": "sigmoid", "n": "tanh"}
_NORM = {"layer_norm": {"g_ih": "G", "g_hh": "G"}}
_PAPER = "K. Cho et al., Learning phrase representations using RNN encoder-decoder, EMNLP 2014"

GRU = CellSpec(
    name="gru",
    gates=_GATES,
    step=gru,
    options=_NORM,
    formula=GRUFormula,
    kernel=2,
    memory=lambda gates: gates["z"],
    model="gru",
    paper=_PAPER,
)
GRU_RESET_BEFORE = CellSpec(
    name="gru_reset_before",
    gates=_GATES,
    step=gru_reset_before,
    options=_NORM,
    formula=GRUResetBeforeFormula,
    kernel=4,
    memory=lambda gates: gates["z"],
    paper=_PAPER,
)
