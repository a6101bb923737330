"""What the backends rely on: the shape, dtype and device of every tensor, and the range of every option."""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from chainrule._choices import counted
from chainrule.errors import ArgumentError, ShapeError
from chainrule.ops import arguments
from chainrule.ops.arguments import as_lengths, occurs
from chainrule.ops.recurrence.call import Zoneout
from chainrule.ops.recurrence.cells.spec import CellSpec, parameter_name

__all__ = ["check_tensors", "checked_lengths", "checked_resets", "checked_widths", "checked_zoneout"]

_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
_States = tuple[Tensor | None, ...]


def check_tensors(cell: CellSpec, x: Tensor, state: _States, weights: Any, resets: Tensor | None) -> None:
    """Refuse what is no tensor."""
    if isinstance(x, Tensor) and not [place for place in cell.required_places if weights[place] is None]:
        others = [t for t in (*weights, resets, *state) if t is not None and not isinstance(t, Tensor)]
        if not others:
            return
    named: dict[str, object] = {parameter_name(symbol): w for symbol, w in weights._asdict().items()}
    needed = {name: named.pop(name) for name in map(parameter_name, cell.required)}
    states = {f"{part}_0": s for part, s in zip(cell.state, state, strict=True)}
    arguments.check_tensors({"x": x, **needed}, {**named, "resets": resets, **states})


def checked_widths(cell: CellSpec, x: Tensor, state: _States, weights: Any) -> tuple[int, ...]:
    """Check every tensor against weight_ih and the rows of x; return how wide each part of the state is."""
    if x.dim() != 3 or not x.is_floating_point():
        raise ShapeError(f"x must be (batch, time, input) of a floating dtype, got {_described(x)}.")
    gates = len(cell.gates)
    W_ih = weights.W_ih
    rows = W_ih.shape[0] if W_ih.dim() == 2 else -1
    if rows % gates or rows < 1 or not W_ih.is_floating_point():
        raise ShapeError(f"weight_ih must be ({gates} * hidden, input) of a floating dtype, got {_described(W_ih)}.")
    _check_company(cell, weights)
    B, T, I = *x.shape[:2], W_ih.shape[1]
    H = rows // gates
    W_hr = getattr(weights, "W_hr", None)
    P = H if W_hr is None or W_hr.dim() == 0 else W_hr.shape[0]
    if x.shape[2] != I:
        raise ShapeError(
            f"x has {counted(x.shape[2], 'feature')}, weight_ih {tuple(W_ih.shape)} is made for {I}: "
            f"x must be (batch, time, {I}), got {_described(x)}."
        )
    _expect("x", x, (B, T, I), W_ih)
    sizes = {"I": I, "H": H, "G": rows, "P": P}
    for place, name, height, length in cell.layouts:
        weight = weights[place]
        if weight is not None:
            across = () if length is None else (length[0] * sizes[length[1]],)
            _expect(name, weight, (height[0] * sizes[height[1]], *across), W_ih)
    widths = (P,) + (H,) * (len(state) - 1)
    for name, part, width in zip(cell.state, state, widths, strict=True):
        if part is not None:
            _expect(f"{name}_0", part, (B, width), W_ih, f" and x {tuple(x.shape)}")
            if part.layout != torch.strided:  # an empty one trips nothing below
                arguments.check_plain(f"{name}_0", part)
    return widths


def _check_company(cell: CellSpec, weights: Any) -> None:
    """Some weights are given together or not at all."""
    if "b_hh" in cell.weights and (weights.b_ih is None) != (weights.b_hh is None):
        raise ArgumentError("bias_ih and bias_hh come together: give both or neither.")
    missing = [place for place in cell.norm_places if weights[place] is None]
    if missing and len(missing) < len(cell.norm_places):
        needed = ", ".join(map(parameter_name, cell.options["layer_norm"]))
        absent = ", ".join(parameter_name(cell.container._fields[place]) for place in missing)
        raise ArgumentError(f"layer normalisation needs {needed} together; missing: {absent}.")


def checked_resets(resets: Tensor, x: Tensor) -> Tensor:
    """resets as it is, if it can be used."""
    if resets.dtype != torch.bool or resets.shape != x.shape[:2] or resets.device != x.device:
        raise ShapeError(
            f"resets must be bool, (batch, time) = {tuple(x.shape[:2])}, on {x.device}, got {_described(resets)}."
        )
    return resets


def checked_lengths(lengths: Tensor | Sequence[int], x: Tensor) -> Tensor:
    """lengths as a tensor on the device of x."""
    B, T = x.shape[:2]
    lengths = as_lengths(lengths)
    if lengths.shape != (B,) or lengths.dtype not in _INTEGERS:
        raise ShapeError(f"lengths must be integers, (batch,) = ({B},), got {_described(lengths)}.")
    outside = (lengths < 0) | (lengths > T)
    if occurs(outside, "lengths"):
        b = int(outside.nonzero()[0])
        raise ArgumentError(f"lengths must lie between 0 and T = {T}, got {int(lengths[b])} for row {b}.")
    return lengths.to(x.device)


def checked_zoneout(cell: CellSpec, zoneout: Zoneout, x: Tensor, widths: Sequence[int]) -> Zoneout:
    """A mask or a rate above 0 for each part of the state, None for what is not zoned out.

    ``zoneout`` holds the parts of the state that zoneout may keep, in the order of ``cell.zoneout``.
    """
    if not [keep for keep in zoneout if keep is not None]:
        return (None,) * len(cell.state)
    given = dict(zip(cell.zoneout, zoneout, strict=True))
    return tuple(_checked_zoneout(given.get(part), x, width) for part, width in zip(cell.state, widths, strict=True))


def _checked_zoneout(keep: Tensor | float | None, x: Tensor, width: int) -> Tensor | float | None:
    if isinstance(keep, Tensor):
        shape = (*x.shape[:2], width)
        if keep.dtype != torch.bool or keep.shape != shape or keep.device != x.device:
            raise ShapeError(
                f"a mask of zoneout must be bool, (batch, time, hidden) = {shape}, on {x.device}, "
                f"got {_described(keep)}."
            )
        return keep
    if keep is None:
        return None
    if isinstance(keep, bool) or not isinstance(keep, Real) or not 0 <= keep < 1:
        raise ArgumentError(f"zoneout must be a bool tensor or a rate from 0 to below 1, got {keep!r}.")
    return float(keep) or None


def _expect(name: str, tensor: Tensor, shape: tuple[int, ...], W_ih: Tensor, other: str = "") -> None:
    if tensor.shape != shape or tensor.dtype != W_ih.dtype or tensor.device != W_ih.device:
        raise ShapeError(
            f"{name} must be {shape} of {W_ih.dtype} on {W_ih.device} to go with weight_ih {tuple(W_ih.shape)}{other}, "
            f"got {_described(tensor)}. Convert with .to(...) where only the dtype or device differs."
        )


def _described(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} of {tensor.dtype} on {tensor.device}"
