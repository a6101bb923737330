"""The sLSTM: the definition, and by hand. derivation.py says what each method is for.

Of the paper's two forget gates it has the sigmoid, as the authors' own code; the input gate is exponential.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from chainrule.ops.recurrence.cells.derivation import TwoProducts
from chainrule.ops.recurrence.cells.products import Product, Saved, product, total_bias
from chainrule.ops.recurrence.cells.spec import CellSpec, Gates, State, Weights

__all__ = ["SLSTM", "SLSTMFormula"]


def slstm(x: Tensor, state: State, w: Weights) -> tuple[State, Gates]:
    """One step of Beck et al. (2024), equations 8 to 17, with m, which keeps the exponentials from overflowing."""
    h, c, n, m = state
    a = product(x, w.W_ih, w.b_ih, w.g_ih) + product(h, w.W_hh, w.b_hh, w.g_hh)
    a_i, a_f, a_z, a_o = a.chunk(4, dim=-1)
    u = carried(a_f, n, m)
    m = torch.maximum(u, a_i)
    i = torch.exp(a_i - m)
    f = torch.exp(u - m)
    z = torch.tanh(a_z)
    o = torch.sigmoid(a_o)
    c = f * c + i * z
    n = f * n + i
    gates = {"i": (a_i, i), "f": (a_f, torch.sigmoid(a_f)), "z": (a_z, z), "o": (a_o, o)}
    return (o * c / n, c, n, m), gates


def carried(a_f: Tensor, n: Tensor, m: Tensor) -> Tensor:
    """log f + m; of an empty memory, n = 0, minus infinity: nothing is there whose scale would have to be kept.

    So n is at least 1 after any step: either i or f is 1, and f is 1 only where n was at least 1 before.
    """
    return torch.where(n == 0, -torch.inf, logsigmoid(a_f) + m)


class SLSTMFormula(TwoProducts[Product]):
    """u = log sigmoid(a_f) + m, m_t = max(u, a_i), i = exp(a_i - m_t), f = exp(u - m_t),
    c_t = f c + i z, n_t = f n + i, q = c_t / n_t, h_t = o q; a = gx + gh.

    s is 1 where m_t is u, 0 where it is a_i.
    """

    def __init__(self, w: Weights, rounds: bool = False) -> None:
        super().__init__(w, rounds)
        self.hidden = Product(w.W_hh, w.g_hh, rounds)
        self.bias = total_bias(w)

    def step(self, gx: Tensor, state: State) -> tuple[State, Saved]:
        h, c, n, m = state
        a, normal = self.hidden(h, gx)
        a_i, a_f, a_z, a_o = a.chunk(4, -1)
        u = carried(a_f, n, m)
        m = torch.maximum(u, a_i)
        i = torch.exp(a_i - m)
        f = torch.exp(u - m)
        z = torch.tanh(a_z)
        o = torch.sigmoid(a_o)
        c = torch.addcmul(f * c, i, z)
        n = torch.addcmul(i, f, n)
        s = ((u > a_i).to(u.dtype) + (u >= a_i).to(u.dtype)) / 2  # at a tie half of each, as torch.maximum
        return (o * c / n, c, n, m), (i, f, torch.sigmoid(a_f), z, o, s, *normal)

    def slopes(self, previous: State, state: State, saved: Saved) -> Saved:
        _, c_start, n_start, _ = previous
        _, c, n, _ = state
        (i, f, sigmoid_f, z, o, s, *normal) = saved
        n = torch.where(n == 0, 1.0, n)  # of padding before a row's first step, where nothing depends on it
        q = c / n
        J_c = o / n  # of h_t by c_t; that by n_t is -J_c q
        J_o = q * o * (1 - o)
        J_z = i * (1 - z * z)  # of c_t
        J_f = 1 - sigmoid_f  # of u
        return (J_c, q, J_o, J_z, J_f, i, f, z, s, c_start, n_start, *normal)

    def dgh(self, dstate: State, slopes: Saved) -> Tensor:
        da, _, _, _, _ = self._parts(dstate, slopes)
        return da

    def step_backward(self, dstate: State, slopes: Saved) -> State:
        f = slopes[6]
        da, dc, dn, _, du = self._parts(dstate, slopes)
        return self.hidden.to_factor(self.hidden.backward(da, slopes[-2:])), dc * f, dn * f, du

    def weight_gradient(self, dproduct: Tensor, previous: State, saved: Saved) -> Tensor:
        return self.hidden.to_weight(dproduct, previous[0])

    def total(self, dstate: State, slopes: Saved) -> State:
        _, dc, dn, dm, _ = self._parts(dstate, slopes)
        return dstate[0], dc, dn, dm

    def gates(self, state: State, saved: Saved) -> Tensor:
        (i, _, sigmoid_f, z, o, *_) = saved
        return torch.cat((i, sigmoid_f, z, o), -1)

    def _parts(self, dstate: State, slopes: Saved) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The gradients of a, of all of c_t, n_t and m_t, and of u."""
        dh, dc, dn, dm = dstate
        (J_c, q, J_o, J_z, J_f, i, f, z, s, c_start, n_start, *_) = slopes
        dq = dh * J_c
        dc = dc + dq
        dn = dn - dq * q
        i_di = i * torch.addcmul(dn, dc, z)
        f_df = f * (dc * c_start + dn * n_start)
        dm = dm - i_di - f_df
        du = torch.addcmul(f_df, s, dm)
        da_i = torch.addcmul(i_di, 1 - s, dm)
        return torch.cat((da_i, du * J_f, dc * J_z, dh * J_o), -1), dc, dn, dm, du


SLSTM = CellSpec(
    name="slstm",
    gates={"i": "exp", "f": "sigmoid", "z": "tanh", "o": "sigmoid"},
    step=slstm,
    state=("h", "c", "n", "m"),
    options={"layer_norm": {"g_ih": "G", "g_hh": "G"}},
    formula=SLSTMFormula,
    memory=lambda gates: gates["f"],
    model="slstm",
    paper="M. Beck et al., xLSTM: extended long short-term memory, NeurIPS 2024",
)
