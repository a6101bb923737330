"""What the rungs rely on: the shape, dtype and device of every tensor, and the range of every option."""

from collections.abc import Iterable, Sequence
from numbers import Real

import torch
from torch import Tensor

from chainrule._choices import counted
from chainrule.errors import ArgumentError, ShapeError
from chainrule.ops import arguments
from chainrule.ops.arguments import as_lengths, occurs
from chainrule.ops.recurrence.backends.reference import WEIGHTS, Weights, Zoneout

__all__ = ["check_tensors", "checked_lengths", "checked_resets", "checked_widths", "checked_zoneout"]

_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def check_tensors(x: Tensor, states: dict[str, Tensor | None], weights: Weights, resets: Tensor | None) -> None:
    """Refuse what is no tensor."""
    optional = (*weights[2:], resets, *states.values())
    if all(isinstance(t, Tensor) for t in (x, *weights[:2], *(t for t in optional if t is not None))):
        return
    named: dict[str, object] = dict(zip(WEIGHTS.values(), weights, strict=True))
    required = {name: named.pop(name) for name in ("weight_ih", "weight_hh")}
    arguments.check_tensors({"x": x, **required}, {**named, "resets": resets, **states})


def checked_widths(x: Tensor, states: dict[str, Tensor | None], weights: Weights, gates: int) -> dict[str, int]:
    """Check every tensor against weight_ih and the rows of x; return how wide each part of the state is."""
    if x.dim() != 3 or not x.is_floating_point():
        raise ShapeError(f"x must be (batch, time, input) of a floating dtype, got {_described(x)}.")
    W_ih = weights.W_ih
    rows = W_ih.shape[0] if W_ih.dim() == 2 else -1
    if rows % gates or rows < 1 or not W_ih.is_floating_point():
        raise ShapeError(f"weight_ih must be ({gates} * hidden, input) of a floating dtype, got {_described(W_ih)}.")
    _check_company(weights, "c_0" in states)
    B, T, I = *x.shape[:2], W_ih.shape[1]
    H = rows // gates
    P = H if weights.W_hr is None or weights.W_hr.dim() == 0 else weights.W_hr.shape[0]
    if x.shape[2] != I:
        raise ShapeError(
            f"x has {counted(x.shape[2], 'feature')}, weight_ih {tuple(W_ih.shape)} is made for {I}: "
            f"x must be (batch, time, {I}), got {_described(x)}."
        )
    _expect("x", x, (B, T, I), W_ih)
    shapes: tuple[tuple[int, ...], ...]
    shapes = ((rows, I), (rows, P), (rows,), (rows,), (P, H), (rows,), (rows,), (H,), (H,), (3 * H,))
    for name, tensor, shape in zip(WEIGHTS.values(), weights, shapes, strict=True):
        if tensor is not None:
            _expect(name, tensor, shape, W_ih)
    widths = dict(zip(states, (P, H), strict=False))
    for name, part in states.items():
        if part is not None:
            _expect(name, part, (B, widths[name]), W_ih, f" and x {tuple(x.shape)}")
            if part.layout != torch.strided:  # an empty one trips nothing below
                arguments.check_plain(name, part)
    return widths


def _check_company(weights: Weights, has_c: bool) -> None:
    """Some weights are given together or not at all."""
    if (weights.b_ih is None) != (weights.b_hh is None):
        raise ArgumentError("bias_ih and bias_hh come together: give both or neither.")
    fields = ("g_ih", "g_hh", "g_c", "b_c") if has_c else ("g_ih", "g_hh")
    given = [getattr(weights, field) is not None for field in fields]
    if any(given) and not all(given):
        names = [WEIGHTS[field] for field in fields]
        missing = [name for name, is_given in zip(names, given, strict=True) if not is_given]
        raise ArgumentError(f"layer normalisation needs {', '.join(names)} together; missing: {', '.join(missing)}.")


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


def checked_zoneout(zoneout: Zoneout, x: Tensor, widths: Iterable[int]) -> Zoneout:
    """A mask or a rate above 0 for each part of the state, None for what is not zoned out."""
    return tuple(_checked_zoneout(keep, x, width) for keep, width in zip(zoneout, widths, strict=True))


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
