"""The cells by hand: one step, and the local derivatives that its backward step needs.

d before a name is the gradient of the loss towards it: dh is dL/dh. gx = W_ih x + b_ih and
gh = W_hh h + b_hh are the two products that meet in a cell. Its `slopes` are the factors of the backward
step that do not depend on the gradient; they are taken for all steps at once, which leaves the reverse scan
few operations. `dgh` and `dgx` turn the gradient of the state into that of the products, for one step,
(B, ·), or all of them, (T, B, ·), alike. No operation works in place, so that autograd can differentiate
the backward pass itself. The README beside this file derives each line.
"""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import linear

from chainrule.ops.recurrence.reference import State, Weights

__all__ = ["Cell", "Saved", "make_cell", "unprojected"]

Saved = tuple[Tensor, ...]


class Cell(Protocol):
    """One step, and its local derivatives."""

    bias: Tensor | None
    """What is added to all gx at once: b_ih, and b_hh too where no gate stands between gh and gx."""

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


class RNN:
    """a = gx + gh, h_t = f(a); J = f'(a)."""

    def __init__(self, w: Weights, relu: bool) -> None:
        self.W_hh, self.W_hh_T = w.W_hh, w.W_hh.t()
        self.bias = _sum(w.b_ih, w.b_hh)
        self.relu = relu

    def step(self, gx: Tensor, state: State) -> tuple[State, Saved]:
        (h,) = state
        a = torch.addmm(gx, h, self.W_hh_T)
        return (torch.relu(a) if self.relu else torch.tanh(a),), ()

    def slopes(self, previous: State, state: State, saved: Saved) -> Saved:
        (h,) = state
        J = (h > 0).to(h.dtype) if self.relu else 1 - h * h
        return (J,)

    def dgh(self, dstate: State, slopes: Saved) -> Tensor:
        (dh,), (J,) = dstate, slopes
        return dh * J

    def dgx(self, dstate: State, slopes: Saved, dgh: Tensor) -> Tensor:
        return dgh

    def step_backward(self, dstate: State, slopes: Saved) -> State:
        return (self.dgh(dstate, slopes) @ self.W_hh,)


class GRU:
    """r, z = sigmoid(gx_rz + gh_rz), q = gh_n, n = tanh(gx_n + r q), h_t = n + z (h_{t-1} - n).

    J_r, J_z, J_n, J_q: the derivative of h_t by what enters r, z and n, and by q.
    """

    def __init__(self, w: Weights) -> None:
        self.W_hh, self.W_hh_T, self.b_hh = w.W_hh, w.W_hh.t(), w.b_hh
        self.bias = w.b_ih
        H = w.W_hh.shape[1]
        self.split = (2 * H, H)

    def step(self, gx: Tensor, state: State) -> tuple[State, Saved]:
        (h,) = state
        gh = h @ self.W_hh_T if self.b_hh is None else torch.addmm(self.b_hh, h, self.W_hh_T)
        gx_rz, gx_n = gx.split_with_sizes(self.split, -1)
        gh_rz, q = gh.split_with_sizes(self.split, -1)
        rz = torch.sigmoid(gx_rz + gh_rz)
        r, z = rz.chunk(2, -1)
        n = torch.tanh(torch.addcmul(gx_n, r, q))
        return (torch.lerp(n, h, z),), (rz, n, q)

    def slopes(self, previous: State, state: State, saved: Saved) -> Saved:
        (h,), (rz, n, q) = previous, saved
        r, z = rz.chunk(2, -1)
        J_n = (1 - z) * (1 - n * n)
        J_q = J_n * r
        J_r = J_n * q * r * (1 - r)
        J_z = (h - n) * z * (1 - z)
        return torch.stack((J_r, J_z, J_q), -2), J_n, z

    def dgh(self, dstate: State, slopes: Saved) -> Tensor:
        (dh,), (J_rzq, _, _) = dstate, slopes
        return (dh.unsqueeze(-2) * J_rzq).flatten(-2)

    def dgx(self, dstate: State, slopes: Saved, dgh: Tensor) -> Tensor:
        (dh,), (_, J_n, _) = dstate, slopes
        drz, _ = dgh.split_with_sizes(self.split, -1)
        return torch.cat((drz, dh * J_n), -1)

    def step_backward(self, dstate: State, slopes: Saved) -> State:
        (dh,), (_, _, z) = dstate, slopes
        return (torch.addmm(dh * z, self.dgh(dstate, slopes), self.W_hh),)


class LSTM:
    """i, f, g, o = gates(gx + gh), c_t = f c_{t-1} + i g, m = o tanh(c_t), h_t = m or W_hr m.

    J_i, J_f, J_g: the derivative of c_t by what enters i, f and g; J_o, J_c: that of m by what enters o, and
    by c_t.
    """

    def __init__(self, w: Weights) -> None:
        self.W_hh, self.W_hh_T, self.W_hr = w.W_hh, w.W_hh.t(), w.W_hr
        self.bias = _sum(w.b_ih, w.b_hh)
        H = w.W_hh.shape[0] // 4
        self.split = (2 * H, H, H)

    def step(self, gx: Tensor, state: State) -> tuple[State, Saved]:
        h, c = state
        a_if, a_g, a_o = torch.addmm(gx, h, self.W_hh_T).split_with_sizes(self.split, -1)
        i_f, g, o = torch.sigmoid(a_if), torch.tanh(a_g), torch.sigmoid(a_o)
        i, f = i_f.chunk(2, -1)
        c = torch.addcmul(f * c, i, g)
        tanh_c = torch.tanh(c)
        m = o * tanh_c
        return (m if self.W_hr is None else linear(m, self.W_hr), c), (i_f, g, o, tanh_c)

    def slopes(self, previous: State, state: State, saved: Saved) -> Saved:
        (_, c), (i_f, g, o, tanh_c) = previous, saved
        i, f = i_f.chunk(2, -1)
        J_i = g * i * (1 - i)
        J_f = c * f * (1 - f)
        J_g = i * (1 - g * g)
        J_o = tanh_c * o * (1 - o)
        J_c = o * (1 - tanh_c * tanh_c)
        return torch.stack((J_i, J_f, J_g), -2), J_o, J_c, f

    def dgh(self, dstate: State, slopes: Saved) -> Tensor:
        return self._dgates_dc(dstate, slopes)[0]

    def dgx(self, dstate: State, slopes: Saved, dgh: Tensor) -> Tensor:
        return dgh

    def step_backward(self, dstate: State, slopes: Saved) -> State:
        f = slopes[3]
        dgates, dc = self._dgates_dc(dstate, slopes)
        return dgates @ self.W_hh, dc * f

    def _dgates_dc(self, dstate: State, slopes: Saved) -> tuple[Tensor, Tensor]:
        (dh, dc), (J_ifg, J_o, J_c, _) = dstate, slopes
        dm = dh if self.W_hr is None else dh @ self.W_hr
        dc = torch.addcmul(dc, dm, J_c)
        difg = (dc.unsqueeze(-2) * J_ifg).flatten(-2)
        return torch.cat((difg, dm * J_o), -1), dc


def unprojected(saved: Saved) -> Tensor:
    """m of the LSTM, which W_hr projects to h, from what its steps saved."""
    _, _, o, tanh_c = saved
    return o * tanh_c


def make_cell(name: str, weights: Weights) -> Cell:
    """The cell of this name ("rnn_tanh", "rnn_relu", "gru", "lstm") with these weights."""
    if name == "gru":
        return GRU(weights)
    if name == "lstm":
        return LSTM(weights)
    return RNN(weights, relu=name == "rnn_relu")


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return None if a is None or b is None else a + b
