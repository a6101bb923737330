"""The two scans of a call: what the kernels are given, and how they are started."""

from functools import cache
from typing import Any

import torch
import triton
from torch import Tensor

from chainrule.ops.launching import COMPILED, float32_products
from chainrule.ops.recurrence.backends.triton.kernels import gru, gru_reset_before, lstm, rnn
from chainrule.ops.recurrence.backends.triton.tiling import Processors, Tiling, products, tile, whole
from chainrule.ops.recurrence.call import RecurrenceCall
from chainrule.ops.recurrence.cells.spec import State

__all__ = ["most_rows", "precision", "scan", "scan_backward", "tiling_of"]

_CELLS = {"rnn_tanh": rnn, "rnn_relu": rnn, "gru": gru, "gru_reset_before": gru_reset_before, "lstm": lstm}
_KEPT_GATES = {"gru": 4, "gru_reset_before": 3, "lstm": 4}  # the GRU's fourth is q = W_n h
_PADDED = 32  # numbers from one counter to the next, so that no two groups wait for the same line of memory

Values = dict[str, Any]
"""The arguments of the kernels by name; a kernel takes those that it has."""


def tiling_of(call: RecurrenceCall, rows: int, *, backward: bool) -> Tiling | None:
    """How so many of its rows are cut up; None if they are too many. In the interpreter they never are."""
    P = call.state[0].shape[1]
    H = call.state[-1].shape[1]
    each = products(call.cell.name, H, P, backward=backward)
    if not call.x.is_cuda:
        return whole(each, rows, H, backward=backward)
    rounds = call.rounds or call.x.dtype == torch.bfloat16
    return tile(
        each,
        rows,
        H,
        itemsize=2 if rounds else 4,
        processors=_processors(call.x.device),
        backward=backward,
        exact=not rounds and precision() == "ieee",  # which the matrix units can't
    )


@cache
def _processors(device: torch.device) -> Processors:
    found: Any = torch.cuda.get_device_properties(device)
    memory = getattr(found, "shared_memory_per_block_optin", None) or found.shared_memory_per_block
    return Processors(found.multi_processor_count, memory)


def most_rows(call: RecurrenceCall) -> int:
    """How many rows can run at the same time: all of the call's, a half of them, a quarter, ...; 0 if not even one."""
    rows = call.x.shape[0]
    while rows > 0 and (tiling_of(call, rows, backward=False) is None or tiling_of(call, rows, backward=True) is None):
        rows //= 2
    return rows


def precision() -> str:
    """How products of float32 are made, "tf32" or "ieee"."""
    settings: Any = torch.backends.cudnn.rnn
    return float32_products(settings)


def scan(call: RecurrenceCall, gx: Tensor, learns: bool) -> Values:
    """All steps, from gx (T, B, G): the states, (T + 1, B, ·), the outputs y, and what the reverse needs."""
    T, B, G = gx.shape
    widths = [part.shape[1] for part in call.state]
    P = widths[0]
    H = widths[-1]
    name = call.cell.name
    weights = call.weights
    keeps_gates = learns or call.trace is not None
    start = T if call.reverse else 0
    states = [gx.new_empty(T + 1, B, width) for width in widths]
    for buffer, first in zip(states, call.state, strict=True):
        buffer[start] = first
    has_two = name == "gru_reset_before"
    saved = {
        "gates": gx.new_empty(T, B, _KEPT_GATES[name] * H) if keeps_gates and name in _KEPT_GATES else None,
        "made": gx.new_empty(T, B, H) if keeps_gates and name not in _KEPT_GATES and call.zoned_out else None,
    }
    if keeps_gates and weights.g_hh is not None:
        saved |= _normal(gx, "", 2 * H if has_two else G)
        saved |= _normal(gx, "_n", H) if has_two else {}
    if keeps_gates and weights.g_c is not None:
        saved |= _normal(gx, "_c", H)
    values: Values = {
        **dict.fromkeys(("normal", "inverse", "normal_n", "inverse_n", "normal_c", "inverse_c")),
        **_given(call, T, B),
        **saved,
        "gx": gx,
        "h": states[0],
        "c": states[1] if len(states) == 2 else None,
        "s_all": gx.new_empty(T, B, H) if has_two else None,
        "m_all": gx.new_empty(T, B, H) if weights.W_hr is not None else None,
        "y": gx.new_empty(T, B, P),
    }
    _start(_CELLS[name].forward, tiling_of(call, B, backward=False), values)
    if values["made"] is None:
        values["made"] = _after(values["h"], call.reverse)
    return values


def _normal(like: Tensor, suffix: str, width: int) -> Values:
    """What a normalised product leaves for the reverse: v^ and 1 / sqrt of all steps."""
    T, B, _ = like.shape
    return {f"normal{suffix}": like.new_empty(T, B, width), f"inverse{suffix}": like.new_empty(T, B)}


def scan_backward(call: RecurrenceCall, kept: Values, dy: Tensor, dlast: State, traced: bool) -> Values:
    """All steps in reverse, from dy (T, B, P) and the gradients of the last state.

    dgx and dgh, (T, B, G), and dproduct, of what h is multiplied by; dh_kept and dc_kept as the kernels leave them,
    and with ``traced`` the gradients of all states.
    """
    T, B, _ = dy.shape
    H = dlast[-1].shape[1]
    weights = call.weights
    name = call.cell.name
    G = len(weights.W_hh)
    is_normal = weights.g_hh is not None
    has_two = name == "gru_reset_before"
    dproduct = dy.new_empty(T, B, 2 * H if has_two else G)
    dgx = dy.new_empty(T, B, G) if is_normal or name.startswith("gru") else dproduct
    values: Values = {
        **kept,
        **_given(call, T, B),
        "dy": dy,
        "dproduct": dproduct,
        "dproduct_n": dy.new_empty(T, B, H) if has_two else None,
        "dgx": dgx,
        "dgh": torch.empty_like(dgx) if is_normal and name == "gru" else None,
        "dh_made_all": torch.empty_like(dy) if weights.W_hr is not None else None,
        "du_all": dy.new_empty(T, B, H) if weights.g_c is not None else None,
        "dh_all": torch.empty_like(dy) if traced else None,
        "dc_all": dy.new_empty(T, B, H) if traced and len(dlast) == 2 else None,
        "dh_kept": dlast[0].clone(memory_format=torch.contiguous_format),
        "dc_kept": dlast[1].clone(memory_format=torch.contiguous_format) if len(dlast) == 2 else None,
    }
    _start(_CELLS[name].backward, tiling_of(call, B, backward=True), values)
    if values["dgh"] is None:
        values["dgh"] = dproduct if name == "gru" else dgx
    return values


def _after(states: Tensor, reverse: bool) -> Tensor:
    """Of the states (T + 1, B, H) those that the steps led to."""
    return states[:-1] if reverse else states[1:]


def _given(call: RecurrenceCall, T: int, B: int) -> Values:
    """The weights, and the steps' masks."""
    weights = call.weights
    masks = [_time_major(keep) if isinstance(keep, Tensor) else None for keep in (*call.zoneout, None)]
    rates = [None if isinstance(keep, Tensor) else keep for keep in (*call.zoneout, None)]
    resets, padding = _row_masks(call, T)
    symbols = ("W_hr", "b_hh", "g_hh", "g_c", "b_c", "p")
    return {
        "W": weights.W_hh.contiguous(),
        **{symbol: _contiguous(getattr(weights, symbol)) for symbol in symbols},
        "resets": resets,
        "padding": padding,
        "T": T,
        "B": B,
        "H": call.state[-1].shape[1],
        "P": call.state[0].shape[1],
        "mask_h": masks[0],
        "rate_h": rates[0],
        "mask_c": masks[1],
        "rate_c": rates[1],
        "REVERSE": call.reverse,
        "RELU": call.cell.name == "rnn_relu",
        "ROUNDS": call.rounds,
        "PRECISION": precision(),
    }


def _contiguous(weight: Tensor | None) -> Tensor | None:
    return None if weight is None else weight.contiguous()


def _time_major(mask: Tensor) -> Tensor:
    """A mask (B, T, ...) as the kernels read it: (T, B, ...), of bytes."""
    return mask.transpose(0, 1).contiguous().view(torch.uint8)


def _row_masks(call: RecurrenceCall, T: int) -> tuple[Tensor | None, Tensor | None]:
    """Rows whose state is zeroed before a step, and rows that have ended by it: (T, B) each, of bytes."""
    padding = None
    if call.lengths is not None:
        padding = torch.arange(T, device=call.x.device) >= call.lengths.unsqueeze(1)
    fresh = call.resets
    if fresh is not None and padding is not None:
        fresh = fresh & ~padding
    if fresh is not None and call.reverse:
        # going back, the edge that lies before step t + 1 is crossed just before step t
        fresh = torch.cat((fresh[:, 1:], torch.zeros_like(fresh[:, :1])), 1)
    return None if fresh is None else _time_major(fresh), None if padding is None else _time_major(padding)


def _start(kernel: Any, tiling: Tiling | None, values: Values) -> None:
    """Run the kernel: its programs at the same time, as those of a group wait for each other."""
    assert tiling is not None, "such a call is not taken"
    parts = tiling.parts
    device = values["W"].device
    every = {
        **values,
        "counters": torch.zeros(tiling.groups * _PADDED, dtype=torch.int32, device=device),
        "partials": torch.empty(16 * parts * values["B"], device=device),  # 2 numbers, of 2 steps' up to 4 exchanges
        "M": tiling.rows,
        "N": tiling.units,
        "K": tiling.terms[0],
        "SPLIT": tiling.split[0],
        "K_2": tiling.terms[-1],
        "SPLIT_2": tiling.split[-1],
        "RESIDENT": tiling.is_resident,
        "PARTS": parts,
        "ALL": triton.next_power_of_2(parts),
    }
    given = {name: every[name] for name in kernel.arg_names}
    grid = (tiling.groups, parts)
    if device.type == "cpu":
        kernel[grid](**given)
        return
    with torch.cuda.device(device):
        kernel[grid](**given, num_warps=tiling.warps, launch_cooperative_grid=parts > 1, **COMPILED)
