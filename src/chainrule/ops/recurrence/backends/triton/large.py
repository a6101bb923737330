"""Stages 1 and 3: the large products over all steps, which are torch's, before the scan and after its reverse."""

from typing import Any

import torch
from torch import Tensor

from chainrule.ops.recurrence.backends.triton.scan import Values
from chainrule.ops.recurrence.call import RecurrenceCall
from chainrule.ops.recurrence.cells.products import Saved, normalise, normalise_backward, rounded

__all__ = ["entering", "gradients"]


def entering(call: RecurrenceCall) -> tuple[Tensor, Saved]:
    """gx of all steps, (T, B, G), and what the backward pass needs of W_ih x where it is normalised."""
    weights = call.weights
    B, T, _ = call.x.shape
    product = _times(_inputs(call), weights.W_ih.t(), call.rounds)
    normal: Saved = ()
    if weights.g_ih is not None:
        normal = normalise(product)
        product = normal[0] * weights.g_ih
    if weights.b_ih is not None:
        product += weights.b_ih if call.cell.name == "gru" else weights.b_ih + weights.b_hh
    return product.unflatten(0, (T, B)), normal


def _inputs(call: RecurrenceCall) -> Tensor:
    """x as X (T B, I), zero beyond the rows' lengths."""
    x = call.x
    if call.lengths is not None:
        ended = torch.arange(x.shape[1], device=x.device) >= call.lengths.unsqueeze(1)
        x = x.masked_fill(ended.unsqueeze(-1), 0)  # it may hold NaN, and 0 * NaN is NaN in dW_ih
    return x.transpose(0, 1).flatten(0, 1)


def _times(a: Tensor, b: Tensor, rounds: bool) -> Tensor:
    """a b, of factors in bfloat16 if it rounds, summed in float32."""
    if not rounds:
        return a @ b
    if a.device.type == "cpu":
        return rounded(a) @ rounded(b)
    return torch.mm(a.bfloat16(), b.bfloat16(), out_dtype=torch.float32)


def gradients(call: RecurrenceCall, found: Values, normal_ih: Any, needs: tuple[bool, ...]) -> list[Tensor | None]:
    """Of x, the first state and the weights, from what the scans have left."""
    weights = call.weights
    x = call.x
    B, T, _ = x.shape
    n = len(call.state)
    need = dict(zip(weights._fields, needs[1 + n :], strict=True))
    dgx = found["dgx"].flatten(0, 1)
    dgh = found["dgh"].flatten(0, 1)
    dproduct = found["dproduct"].flatten(0, 1)
    dinput = normalise_backward(dgx * weights.g_ih, normal_ih) if normal_ih else dgx
    starts = [_starts(call, found, part) for part in call.cell.state]
    grads: dict[str, Tensor | None] = {}
    if need["W_ih"]:
        grads["W_ih"] = _times(dinput.t(), _inputs(call), call.rounds)
    if need["W_hh"]:
        dW_hh = _times(dproduct.t(), starts[0].flatten(0, 1), call.rounds)
        if found["dproduct_n"] is not None:
            dW_n = _times(found["dproduct_n"].flatten(0, 1).t(), found["s_all"].flatten(0, 1), call.rounds)
            dW_hh = torch.cat((dW_hh, dW_n))
        grads["W_hh"] = dW_hh
    if weights.W_hr is not None:
        grads["W_hr"] = _times(found["dh_made_all"].flatten(0, 1).t(), found["m_all"].flatten(0, 1), call.rounds)
    if need["b_ih"]:
        grads["b_ih"] = dgx.sum(0)
    if need["b_hh"]:
        grads["b_hh"] = dgh.sum(0)
    if normal_ih:
        grads["g_ih"] = (dgx * normal_ih[0]).sum(0)
    if weights.g_hh is not None:
        normals = [found[name] for name in ("normal", "normal_n") if found[name] is not None]
        grads["g_hh"] = (dgh * torch.cat(normals, -1).flatten(0, 1)).sum(0)
    if weights.g_c is not None:
        grads["g_c"] = (found["du_all"] * found["normal_c"]).sum((0, 1))
        grads["b_c"] = found["du_all"].sum((0, 1))
    if weights.p is not None:
        grads["p"] = _peephole_gradient(found, starts[1])
    dx = _times(dinput, weights.W_ih, call.rounds).unflatten(0, (T, B)).transpose(0, 1) if needs[0] else None
    return [dx, *_first_gradients(call, found), *(grads.get(symbol) for symbol in weights._fields)]


def _starts(call: RecurrenceCall, found: Values, part: str) -> Tensor:
    """What each step started from: the state before it, or zero after a reset."""
    states: Tensor = found[part][1:] if call.reverse else found[part][:-1]
    return states if found["resets"] is None else states.masked_fill(found["resets"].bool().unsqueeze(-1), 0)


def _peephole_gradient(found: Values, c_start: Tensor) -> Tensor:
    i, f, g, _ = found["gates"].chunk(4, -1)
    da_i, da_f, _, da_o = found["dgx"].chunk(4, -1)
    c_made = torch.addcmul(f * c_start, i, g)
    return torch.cat([(d * c).sum((0, 1)) for d, c in ((da_i, c_start), (da_f, c_start), (da_o, c_made))])


def _first_gradients(call: RecurrenceCall, found: Values) -> list[Tensor]:
    """The gradients of the first state: what the reverse scan left, and what comes through its last step's product."""
    t = -1 if call.reverse else 0
    dproduct = found["dproduct"][t]
    through = _times(dproduct, call.weights.W_hh[: dproduct.shape[-1]], call.rounds)  # without W_n of gru_reset_before
    if found["resets"] is not None:
        through = through.masked_fill(found["resets"][t].bool().unsqueeze(-1), 0)
    return [found["dh_kept"] + through, *([] if found["dc_kept"] is None else [found["dc_kept"]])]
