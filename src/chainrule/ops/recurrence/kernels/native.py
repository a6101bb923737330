"""The calls into the extension module: checked tensors in, pointers out. All memory is torch's, scratch included."""

from typing import NamedTuple

import torch
from torch import Tensor

from chainrule.ops.recurrence.kernels import _scan
from chainrule.ops.recurrence.reference import Weights

__all__ = ["CELLS", "GATES", "LEVELS", "Gradients", "Kept", "Masks", "backward", "empty_as", "forward", "kept_shapes"]

CELLS = {"rnn_tanh": 0, "rnn_relu": 1, "gru": 2, "lstm": 3}
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}
LEVELS: list[str] = _scan.levels()
"""The instruction levels that this machine runs, the best first; the first one is used."""

_level = 0
_WORTH_A_THREAD = 500_000  # multiplications and additions; fewer are done sooner than a thread starts


class Kept(NamedTuple):
    """What the backward pass needs of each step, (T, B, ·); empty where the cell has none, or where it is not kept."""

    gates: Tensor  # (T, B, G), the values of the gates
    q: Tensor  # (T, B, H), of the GRU
    h_start: Tensor  # (T, B, H), the state that each step started from
    c_start: Tensor  # (T, B, H), of the LSTM


class Masks(NamedTuple):
    """Where rows are treated apart."""

    resets: Tensor | None  # bool, (B, T), dense
    lengths: Tensor | None  # int64, (B,), dense
    reverse: bool


class Gradients(NamedTuple):
    """Towards each input; empty where it is not asked for."""

    x: Tensor
    h_0: Tensor
    c_0: Tensor
    W_ih: Tensor
    W_hh: Tensor
    b_ih: Tensor
    b_hh: Tensor


def kept_shapes(cell: str, T: int, B: int, H: int, save: str) -> tuple[tuple[int, ...], ...]:
    """The shapes of what is kept, in the order of Kept, for save "gates", "states" or "nothing"."""
    states, gates = save != "nothing", save == "gates"
    return (
        (T, B, GATES[cell] * H) if gates else (0,),
        (T, B, H) if gates and cell == "gru" else (0,),
        (T, B, H) if states else (0,),
        (T, B, H) if states and cell == "lstm" else (0,),
    )


def empty_as(x: Tensor, width: int) -> Tensor:
    """(B, T, width), not initialised: time outermost in memory where x, (B, T, I), lies so, else the batch."""
    B, T, _ = x.shape
    if not x.is_contiguous() and x.transpose(0, 1).is_contiguous():
        return x.new_empty(T, B, width).transpose(0, 1)
    return x.new_empty(B, T, width)


def forward(
    cell: str, x: Tensor, h_0: Tensor, c_0: Tensor | None, weights: Weights, masks: Masks, save: str
) -> tuple[Tensor, Tensor, Tensor | None, Kept | None]:
    """y (B, T, H), the last h and c, and what is kept, None where save is "nothing"."""
    B, T, _ = x.shape
    H = h_0.shape[1]
    x, weights = _dense(x, weights)
    h_0, c_0 = h_0.contiguous(), None if c_0 is None else c_0.contiguous()
    y, h_n = empty_as(x, H), torch.empty_like(h_0)
    c_n = None if c_0 is None else torch.empty_like(c_0)
    kept = None if save == "nothing" else Kept(*(x.new_empty(shape) for shape in kept_shapes(cell, T, B, H, save)))
    call, key = _call(cell, x, weights, masks, kept)
    call.y = _strided(y)
    call.h_0, call.c_0, call.h_n, call.c_n = map(_pointer, (h_0, c_0, h_n, c_n))
    workspace = x.new_empty(_scan.forward_workspace(*key, call))
    call.workspace = workspace.data_ptr()
    _scan.forward(*key, call)
    return y, h_n, c_n, kept


def backward(
    cell: str,
    dy: Tensor,
    dh_n: Tensor,
    dc_n: Tensor | None,
    x: Tensor,
    weights: Weights,
    masks: Masks,
    kept: Kept,
    needs: tuple[bool, ...],
) -> Gradients:
    """The gradients towards x, h_0, c_0 and the weights; ``needs``: x, W_ih, W_hh, b_ih, b_hh."""
    x, weights = _dense(x, weights)
    dy = _dense_steps(dy)
    G = (len(weights.W_ih),)
    sizes = zip(needs[1:], (weights.W_ih.shape, weights.W_hh.shape, G, G), strict=True)
    dh_n, dc_n = dh_n.contiguous(), None if dc_n is None else dc_n.contiguous()
    grads = Gradients(
        empty_as(x, x.shape[2]) if needs[0] else x.new_empty(0),
        torch.empty_like(dh_n),
        x.new_empty(0) if dc_n is None else torch.empty_like(dc_n),
        *(x.new_empty(size if need else 0) for need, size in sizes),
    )
    call, key = _call(cell, x, weights, masks, kept)
    call.dy, call.dx = _strided(dy), _strided(grads.x)
    call.dh_n, call.dc_n, call.dh_0, call.dc_0 = map(_pointer, (dh_n, dc_n, grads.h_0, grads.c_0))
    call.dW_ih, call.dW_hh, call.db_ih, call.db_hh = map(_pointer, grads[3:])
    workspace = x.new_empty(_scan.backward_workspace(*key, call))
    call.workspace = workspace.data_ptr()
    _scan.backward(*key, call)
    return grads


def _call(
    cell: str, x: Tensor, weights: Weights, masks: Masks, kept: Kept | None
) -> tuple[_scan.Call, tuple[int, bool, int]]:
    """The call with what both passes have, and which code it is for."""
    call = _scan.Call()
    B, T, I = x.shape  # noqa: E741
    H = weights.W_hh.shape[1]
    call.B, call.T, call.I, call.H, call.reverse = B, T, I, H, masks.reverse
    work = B * T * (H + I) * H * GATES[cell]
    call.threads = torch.get_num_threads() if work > _WORTH_A_THREAD else 1
    call.x = _strided(x)
    call.W_ih, call.W_hh, call.b_ih, call.b_hh = map(_pointer, weights[:4])
    call.resets, call.lengths = _pointer(masks.resets), _pointer(masks.lengths)
    if kept is not None:
        call.gates, call.q, call.h_start, call.c_start = map(_pointer, kept)
    return call, (_level, x.dtype == torch.float64, CELLS[cell])


def _dense(x: Tensor, weights: Weights) -> tuple[Tensor, Weights]:
    return _dense_steps(x), Weights(*(None if w is None else w.contiguous() for w in weights))  # type: ignore[arg-type]


def _dense_steps(x: Tensor) -> Tensor:
    """x (B, T, I) with the numbers of each step side by side: a copy only where they are not."""
    return x if x.stride(2) == 1 or x.shape[2] == 1 else x.contiguous()


def _strided(x: Tensor) -> tuple[int, int, int]:
    return (x.data_ptr(), x.stride(0), x.stride(1)) if x.dim() == 3 else (0, 0, 0)


def _pointer(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()
