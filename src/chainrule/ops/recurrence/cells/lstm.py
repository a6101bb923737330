"""The LSTM with projection, peepholes and normalised c: the definition, and by hand.

derivation.py says what each method is for.
"""

import torch
from torch import Tensor
from torch.nn.functional import linear

from chainrule.ops.recurrence.cells.derivation import TwoProducts
from chainrule.ops.recurrence.cells.products import (
    Product,
    Saved,
    normalise,
    normalise_backward,
    normalised,
    product,
    total_bias,
)
from chainrule.ops.recurrence.cells.spec import CellSpec, Gates, State, Weights

__all__ = ["LSTM", "LSTMFormula"]


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


class LSTMFormula(TwoProducts[Product]):
    """i, f, g, o = gates(gx + gh), c_t = f c_{t-1} + i g, m = o tanh(u), h_t = m or W_hr m; u = c_t or LN(c_t).

    With peepholes, p_i c_{t-1}, p_f c_{t-1} and p_o c_t enter i, f and o as well.
    J_i, J_f, J_g: the derivative of c_t by what enters i, f and g; J_o, J_u: that of m by what enters o, and by u.
    """

    def __init__(self, w: Weights, rounds: bool = False) -> None:
        super().__init__(w, rounds)
        self.hidden = Product(w.W_hh, w.g_hh, rounds)
        self.projection = None if w.W_hr is None else Product(w.W_hr, None, rounds)
        self.g_c = w.g_c
        self.b_c = w.b_c
        self.bias = total_bias(w)
        H = w.W_hh.shape[0] // 4
        self.split = (2 * H, H, H)
        self.p_if = None if w.p is None else w.p[: 2 * H]
        self.p_o = None if w.p is None else w.p[2 * H :]

    def step(self, gx: Tensor, state: State) -> tuple[State, Saved]:
        h, c = state
        a, normal = self.hidden(h, gx)
        a_if, a_g, a_o = a.split_with_sizes(self.split, -1)
        if self.p_if is not None:
            a_if = torch.addcmul(a_if, self.p_if, torch.cat((c, c), -1))
        i_f = torch.sigmoid(a_if)
        g = torch.tanh(a_g)
        i, f = i_f.chunk(2, -1)
        c = torch.addcmul(f * c, i, g)
        o = torch.sigmoid(a_o if self.p_o is None else torch.addcmul(a_o, self.p_o, c))
        u = c
        normal_c: Saved = ()
        if self.g_c is not None and self.b_c is not None:
            normal_c = normalise(c)
            u = torch.addcmul(self.b_c, self.g_c, normal_c[0])
        tanh_u = torch.tanh(u)
        m = o * tanh_u
        h = m if self.projection is None else self.projection(m, None)[0]
        return (h, c), (i_f, g, o, tanh_u, *normal_c, *normal)

    def slopes(self, previous: State, state: State, saved: Saved) -> Saved:
        _, c = previous
        (i_f, g, o, tanh_u, *normals) = saved
        i, f = i_f.chunk(2, -1)
        J_i = g * i * (1 - i)
        J_f = c * f * (1 - f)
        J_g = i * (1 - g * g)
        J_o = tanh_u * o * (1 - o)
        J_u = o * (1 - tanh_u * tanh_u)
        return torch.stack((J_i, J_f, J_g), -2), J_o, J_u, f, *normals

    def dgh(self, dstate: State, slopes: Saved) -> Tensor:
        return self._dgates_dc(dstate, slopes)[0]

    def step_backward(self, dstate: State, slopes: Saved) -> State:
        f = slopes[3]
        dgates, dc = self._dgates_dc(dstate, slopes)
        dc = dc * f
        if self.p_if is not None:
            difs = dgates[..., : self.split[0]] * self.p_if
            dc = dc + difs.unflatten(-1, (2, -1)).sum(-2)
        return self.hidden.to_factor(self.hidden.backward(dgates, slopes[-2:])), dc

    def weight_gradient(self, dproduct: Tensor, previous: State, saved: Saved) -> Tensor:
        return self.hidden.to_weight(dproduct, previous[0])

    def total(self, dstate: State, slopes: Saved) -> State:
        return dstate[0], self._dgates_dc(dstate, slopes)[1]

    def gates(self, state: State, saved: Saved) -> Tensor:
        return torch.cat(saved[:3], -1)

    def own_gradients(
        self, dstate: State, previous: State, state: State, saved: Saved, slopes: Saved
    ) -> dict[str, Tensor]:
        dh, _ = dstate
        _, c_start = previous
        _, c = state
        (_, _, o, tanh_u, *normals) = saved
        gradients = {}
        if self.projection is not None:
            gradients["W_hr"] = self.projection.to_weight(dh, o * tanh_u)
        if self.g_c is not None:
            du = self._dm(dh) * slopes[2]
            gradients["g_c"] = (du * normals[0]).sum((0, 1))
            gradients["b_c"] = du.sum((0, 1))
        if self.p_if is not None:
            difo = self.dgh(dstate, slopes).split_with_sizes(self.split, -1)
            dif, _, do = difo
            gradients["p"] = (torch.cat((dif, do), -1) * torch.cat((c_start, c_start, c), -1)).sum((0, 1))
        return gradients

    def _dm(self, dh: Tensor) -> Tensor:
        return dh if self.projection is None else self.projection.to_factor(dh)

    def _dgates_dc(self, dstate: State, slopes: Saved) -> tuple[Tensor, Tensor]:
        dh, dc = dstate
        (J_ifg, J_o, J_u, _, *normals) = slopes
        dm = self._dm(dh)
        da_o = dm * J_o
        if self.g_c is None:
            dc = torch.addcmul(dc, dm, J_u)
        else:
            dc = dc + normalise_backward(dm * J_u * self.g_c, tuple(normals[:2]))
        if self.p_o is not None:
            dc = torch.addcmul(dc, da_o, self.p_o)
        difg = (dc.unsqueeze(-2) * J_ifg).flatten(-2)
        return torch.cat((difg, da_o), -1), dc


LSTM = CellSpec(
    name="lstm",
    gates={"i": "sigmoid", "f": "sigmoid", "g": "tanh", "o": "sigmoid"},
    step=lstm,
    state=("h", "c"),
    options={
        "projection": {"W_hr": "P H"},
        "layer_norm": {"g_ih": "G", "g_hh": "G", "g_c": "H", "b_c": "H"},
        "peepholes": {"p": "3H"},
    },
    formula=LSTMFormula,
    kernel=3,
    zoneout=("h", "c"),
    memory=lambda gates: gates["f"],
    model="lstm",
    paper="S. Hochreiter, J. Schmidhuber, Long short-term memory, Neural Computation 9(8), 1997",
)
