"""The calls into the extension module: checked tensors in, pointers out. All memory is torch's, scratch included."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from chainrule.ops import blocks
from chainrule.ops.compiled import WHY_ABSENT
from chainrule.ops.pointers import dense, dense_lines, held
from chainrule.ops.recurrence.cells import BUILT_IN

if WHY_ABSENT is None:
    import chainrule.ops.recurrence.backends.cpu._scan as _scan

__all__ = [
    *("CELLS", "DTYPES", "GATES", "LEVELS", "Gradients", "Kept", "Masks", "Parameters", "StepGradients"),
    *(
        "backward",
        "empty_as",
        "empty_gradients",
        "forward",
        "kept_parts",
        "kept_size",
        "multiplies_bfloat16",
        "run_forward",
        "threads",
    ),
]

CELLS = {spec.name: spec.kernel for spec in BUILT_IN if spec.kernel is not None}
GATES = {spec.name: len(spec.gates) for spec in BUILT_IN}
DTYPES: dict[torch.dtype, int] = {
    getattr(torch, name): index for index, name in enumerate(_scan.dtypes() if WHY_ABSENT is None else ())
}
"""The dtypes that the kernels are compiled for, and the number of each there; bfloat16 is that of factors alone."""
LEVELS: list[str] = _scan.levels() if WHY_ABSENT is None else []
"""The instruction levels that this machine runs, the best first; the first one is used. None without the kernels."""

_level = 0
"""The one in use."""
_DENSE = torch.contiguous_format
_OPTIONS = (True,) * 5  # all gradients of the options' weights are made
_WORTH_A_THREAD = 500_000  # multiplications and additions; fewer are done sooner than a thread starts


class Parameters(NamedTuple):
    """The weights of Weights that the kernels know."""

    W_ih: Tensor
    W_hh: Tensor
    b_ih: Tensor | None = None
    b_hh: Tensor | None = None
    g_ih: Tensor | None = None
    g_hh: Tensor | None = None
    g_c: Tensor | None = None
    b_c: Tensor | None = None
    p: Tensor | None = None


class Kept(NamedTuple):
    """What the backward pass needs of each step; empty where the cell has none, or where it is not kept."""

    gates: Tensor  # (T, B, G), the values of the gates
    q: Tensor  # (T, B, H), of the GRU
    h_start: Tensor  # (T, B, H), the state that each step started from
    c_start: Tensor  # (T, B, H), of the LSTM
    v_x: Tensor  # (T, B, G), W_ih x normalised, where there are gains
    v_h: Tensor  # (T, B, G), W_hh h normalised
    inverse_x: Tensor  # (T, B), 1 / s of v_x
    inverse_h: Tensor  # (T, B), of the two products of the GRU with the reset before (T, B, 2)


class Masks(NamedTuple):
    """Where rows are treated apart."""

    resets: Tensor | None = None  # bool, (B, T)
    lengths: Tensor | None = None  # int64, (B,)
    reverse: bool = False
    keep_h: Tensor | None = None  # bool, (B, T, H): the units that zoneout keeps
    keep_c: Tensor | None = None
    rate_h: float = 0.0  # or the part to which it keeps all
    rate_c: float = 0.0


class StepGradients(NamedTuple):
    """The gradients of the states, and of what enters the gates, (T, B, ·); None where they are not asked for."""

    h: Tensor | None = None
    c: Tensor | None = None
    a: Tensor | None = None


class Gradients(NamedTuple):
    """Towards each input; None where it is not asked for, or not given."""

    x: Tensor | None
    h_0: Tensor | None
    c_0: Tensor | None
    W_ih: Tensor | None
    W_hh: Tensor | None
    b_ih: Tensor | None = None
    b_hh: Tensor | None = None
    g_ih: Tensor | None = None
    g_hh: Tensor | None = None
    g_c: Tensor | None = None
    b_c: Tensor | None = None
    p: Tensor | None = None


def multiplies_bfloat16() -> bool:
    """Whether the level has instructions for products of bfloat16; elsewhere they are made in float32, and slower."""
    return LEVELS[_level].endswith("bf16")


def kept_size(cell: str, T: int, B: int, H: int, save: str, normal: bool) -> int:
    """How many numbers are kept, for save "gates", "states" or "nothing"; they are one tensor."""
    return sum(_kept_sizes(cell, T, B, H, save, normal))


def _kept_sizes(cell: str, T: int, B: int, H: int, save: str, normal: bool) -> tuple[int, ...]:
    """Of each part, in the order of Kept."""
    N = T * B
    G = GATES[cell] * H
    states = N * H if save != "nothing" else 0
    gates = N * G if save == "gates" else 0
    products = 2 if cell == "gru_reset_before" else 1
    normals = (gates, gates, N, products * N) if normal and save == "gates" else (0, 0, 0, 0)
    q = N * H if gates and cell == "gru" else 0
    c_start = states if cell == "lstm" else 0
    return (gates, q, states, c_start, *normals)


def kept_parts(cell: str, T: int, B: int, H: int, kept: Tensor, normal: bool) -> Kept:
    """The parts of what a forward pass kept, as views."""
    if T * B == 0:
        return Kept(*(kept.new_empty(T, B, width) for width in _kept_sizes(cell, 1, 1, H, "gates", normal)))
    parts = kept.split_with_sizes(_sizes_of(cell, T, B, H, kept, normal))
    return Kept(*(part.view(T, B, -1) if len(part) else part for part in parts))


def _sizes_of(cell: str, T: int, B: int, H: int, kept: Tensor, normal: bool) -> tuple[int, ...]:
    """Of each part of ``kept``, whose length tells whether it has the gates."""
    all_ = _kept_sizes(cell, T, B, H, "gates", normal)
    return all_ if sum(all_) == kept.numel() else _kept_sizes(cell, T, B, H, "states", normal)


def empty_as(x: Tensor, width: int) -> Tensor:
    """(B, T, width), not initialised: time outermost in memory where x, (B, T, I), lies so, else the batch."""
    B, T, _ = x.shape
    row, step, one = x.stride()
    if 0 < row < step and (one == 1 or x.shape[2] == 1):
        return blocks.empty(x, (T, B, width)).transpose_(0, 1)  # not a view: what autograd hands out may be changed
    return blocks.empty(x, (B, T, width))


def forward(
    cell: str,
    x: Tensor,
    h_0: Tensor,
    c_0: Tensor | None,
    weights: Parameters,
    masks: Masks,
    save: str,
    rounds: bool = False,
    *,
    is_dense: bool = False,
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """y (B, T, H), the last h and c, and what is kept, None where save is "nothing".

    With ``rounds`` the products' factors are rounded to bfloat16; x is float32. With ``is_dense`` all tensors are known
    to lie in memory as the kernels read them.
    """
    if not is_dense:
        x = dense_lines(x)
        weights = Parameters(*_dense(weights))
        masks = _dense_masks(masks)
        h_0, c_0 = _dense((h_0, c_0))
    B, T, _ = x.shape
    H = h_0.shape[1]
    kept = None
    if save != "nothing":
        kept = blocks.empty(x, (kept_size(cell, T, B, H, save, weights.g_hh is not None),))
    call, key = _call(cell, x, weights, masks, kept, rounds)
    call.h_0 = h_0.data_ptr()
    if c_0 is not None:
        call.c_0 = c_0.data_ptr()
    y = empty_as(x, H)
    h_n = torch.empty_like(h_0)
    c_n = None if c_0 is None else torch.empty_like(c_0)
    call.y = _strided(y)
    run_forward(call, key, y, h_n, c_n)
    return y, h_n, c_n, kept


def run_forward(call: "_scan.Call", key: tuple[int, int, int], y: Tensor, h_n: Tensor, c_n: Tensor | None) -> None:
    """Run a call that has its inputs, what to keep, and the strides of y."""
    call.h_n = h_n.data_ptr()
    if c_n is not None:
        call.c_n = c_n.data_ptr()
    workspace = blocks.empty(y, (_scan.forward_workspace(*key, call),))
    call.workspace = workspace.data_ptr()
    _scan.forward(*key, call)


def backward(
    cell: str,
    dy: Tensor,
    dh_n: Tensor | None,
    dc_n: Tensor | None,
    x: Tensor,
    weights: Parameters,
    masks: Masks,
    kept: Tensor,
    needs: tuple[bool, ...],
    each_step: bool,
    rounds: bool = False,
) -> tuple[Gradients, StepGradients]:
    """The gradients towards x, h_0, c_0 and the weights, and with each_step those of all steps.

    dh_n and dc_n may be None for zeros. needs: of x, h_0, c_0, W_ih, W_hh, b_ih, b_hh.
    """
    x = dense_lines(x)
    weights = Parameters(*_dense(weights))
    masks = _dense_masks(masks)
    dy = dense_lines(dy)
    kept = held(kept)
    dh_n, dc_n = _dense((dh_n, dc_n))
    grads, steps = empty_gradients(cell, x, weights, needs, each_step)
    call, key = _call(cell, x, weights, masks, kept, rounds, backward=True)
    call.optioned |= each_step
    call.dy = _strided(dy)
    call.dx = _strided(grads.x)
    call.dh_n, call.dc_n, call.dh_0, call.dc_0 = map(_pointer, (dh_n, dc_n, grads.h_0, grads.c_0))
    call.dW_ih, call.dW_hh, call.db_ih, call.db_hh = map(_pointer, grads[3:7])
    if call.optioned:
        call.dg_ih, call.dg_hh, call.dg_c, call.db_c, call.dp = map(_pointer, grads[7:])
        call.dh, call.dc, call.da = map(_pointer, steps)
    workspace = blocks.empty(x, (_scan.backward_workspace(*key, call),))
    call.workspace = workspace.data_ptr()
    _scan.backward(*key, call)
    return grads, steps


def empty_gradients(
    cell: str, x: Tensor, weights: Parameters, needs: tuple[bool, ...], each_step: bool
) -> tuple[Gradients, StepGradients]:
    """What a backward pass fills, not initialised."""
    B, T, I = x.shape
    G, H = weights.W_hh.shape
    has_c = cell == "lstm"
    of_weights = [
        torch.empty_like(weight, memory_format=_DENSE) if weight is not None and need else None
        for weight, need in zip(weights, (*needs[3:], *_OPTIONS), strict=True)
    ]
    grads = Gradients(
        empty_as(x, I) if needs[0] else None,
        x.new_empty(B, H) if needs[1] else None,
        x.new_empty(B, H) if has_c and needs[2] else None,
        *of_weights,
    )
    if not each_step:
        return grads, StepGradients()
    return grads, StepGradients(
        h=x.new_empty(T, B, H), c=x.new_empty(T, B, H) if has_c else None, a=x.new_empty(T, B, G)
    )


def _has_options(weights: Parameters, masks: Masks) -> bool:
    zoneout = masks.keep_h is not None or masks.keep_c is not None or masks.rate_h or masks.rate_c
    return bool(zoneout) or weights.g_hh is not None or weights.p is not None


def threads(cell: str, shape: tuple[int, ...], H: int, backward: bool = False) -> int:
    """How many threads run a pass over x (B, T, I): torch's number of them, or one where others would help little.

    A single row's scan is one thread's; the others share in the products with its inputs, and backward in those of dW.
    """
    B, T, I = shape
    scan = H
    products = 2 * I + H if backward else I
    shared = products if B == 1 else scan + products
    worth = B * T * shared * H * GATES[cell] > _WORTH_A_THREAD and 2 * shared > scan + products
    return torch.get_num_threads() if worth else 1


def _call(
    cell: str,
    x: Tensor,
    weights: Parameters,
    masks: Masks,
    kept: Tensor | None,
    rounds: bool,
    backward: bool = False,
) -> "tuple[_scan.Call, tuple[int, int, int]]":
    """The call with what both passes have, and which code it is for."""
    call = _scan.Call()
    B, T, I = x.shape
    H = weights.W_hh.shape[1]
    call.B = B
    call.T = T
    call.I = I
    call.H = H
    call.reverse = masks.reverse
    call.threads = threads(cell, x.shape, H, backward)
    call.x = _strided(x)
    call.W_ih, call.W_hh, call.b_ih, call.b_hh = map(_pointer, weights[:4])
    call.resets = _pointer(masks.resets)
    call.lengths = _pointer(masks.lengths)
    if kept is not None:
        at = kept.data_ptr()
        sizes = _sizes_of(cell, T, B, H, kept, weights.g_hh is not None)
        for name, size in zip(Kept._fields, sizes, strict=True):
            if size:
                setattr(call, name, at)
                at += size * kept.itemsize
    if _has_options(weights, masks):
        call.optioned = 1
        call.g_ih, call.g_hh, call.g_c, call.b_c, call.p = map(_pointer, weights[4:])
        call.keep_h = _pointer(masks.keep_h)
        call.keep_c = _pointer(masks.keep_c)
        call.rate_h = masks.rate_h
        call.rate_c = masks.rate_c
    return call, (_level, DTYPES[torch.bfloat16 if rounds else x.dtype], CELLS[cell])


def _dense(values: Iterable[Any]) -> list[Any]:
    """The tensors among the values dense, all else as it is."""
    return [dense(value) if isinstance(value, Tensor) else value for value in values]


def _dense_masks(masks: Masks) -> Masks:
    is_none = masks.resets is None and masks.lengths is None and masks.keep_h is None and masks.keep_c is None
    return masks if is_none else Masks(*_dense(masks))


def _strided(x: Tensor | None) -> tuple[int, int, int]:
    if x is None:
        return 0, 0, 0
    row, step, _ = x.stride()
    return x.data_ptr(), row, step


def _pointer(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()
