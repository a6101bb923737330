"""The map of a stack's gradients: every target's carried back together, in as few reverse scans as memory allows."""

from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule.errors import ArgumentError
from chainrule.lens.agreement import Agreement
from chainrule.lens.arrays import Floats, to_numpy
from chainrule.lens.stack import Stack
from chainrule.ops.recurrence.formula_scan import Schedule
from chainrule.ops.recurrence.reference import State

__all__ = ["map_of", "norm_of", "targets_of", "unrelated"]

_NUMBERS = 3_000_000  # of gradients of one part of a state, held at once: as many as stay near the processor
_WORK = 6e10  # multiplications
_CHECKED = 2  # targets of a row held against autograd


def targets_of(stack: Stack, steps: tuple[int, ...] | None) -> tuple[int, ...]:
    """The steps t of the map: those asked for, or all of them, or as many as the work allows, evenly spread.

    Raises:
        ArgumentError: a step is not there, or the rows are too many for even one target each.
    """
    T = stack.steps
    if steps is not None:
        if not steps or any(not 0 <= t < T for t in steps):
            raise ArgumentError(f"targets are {steps}; expected steps from 0 to {T - 1}, at least one.")
        return tuple(sorted(set(steps)))
    products = sum(w.numel() for layer in stack.scans for scan in layer for w in scan.weights[:2] if w is not None)
    each = stack.rows * T * products
    if each > _WORK:
        works = max(1, int(_WORK / (T * products)))
        raise ArgumentError(
            f"a map of {stack.rows} rows of {T} steps takes too long for a layer of this size. Give {works} row(s)"
            + (f", or {int(_WORK / products):,} steps." if works == 1 else ".")
        )
    R = min(T, int(_WORK / each))
    return tuple(int(t) for t in np.unique(np.linspace(T - 1, 0, R).round()))


def map_of(
    stack: Stack, dY: Tensor, dlast: list[State], targets: tuple[int, ...], check: bool = True
) -> tuple[list[list[Floats]], Agreement]:
    """||dL_t/ds_i|| by layer and direction, (B, R, T) each, for gradients dY (T, B, ·) and dlast that enter.

    What the last state receives counts to the target at which its scan ends. NaN across a reset and beyond the length.
    """
    T, B = stack.steps, stack.rows
    width = max(max(scan.widths[0], scan.kept.X.shape[-1]) for layer in stack.scans for scan in layer)
    group = max(1, _NUMBERS // (T * width))
    forward_only = all(len(layer) == 1 for layer in stack.scans)
    padding = stack.scans[0][0].schedule.padding  # all scans have the same resets and lengths
    maps = [[np.zeros((B, len(targets), T)) for _ in layer] for layer in stack.scans]
    agreement = Agreement(0.0)
    for b in range(B):
        row = slice(b, b + 1)
        for k in range(0, len(targets), group):
            ts = targets[k : k + group]
            # no gradient goes forward in time, unless a layer runs in reverse
            end = max(ts) + 1 if forward_only else T
            part = stack.part(slice(0, end), row)
            last = T - 1 if padding is None else int((~padding[:, b]).sum()) - 1
            entering, ends = _right_hand_sides(part, dY[:end, b], [tuple(d[b] for d in s) for s in dlast], ts, last)
            backs = part.backward(entering, ends)
            if check and k == 0:
                agreement &= _checked(part, entering, ends)
            for layer, found in zip(maps, backs, strict=True):
                for norms, back in zip(layer, found, strict=True):
                    norms[b, k : k + len(ts), :end] = to_numpy(norm_of(torch.cat(back.dstates, dim=-1)).T)
    hidden = unrelated(stack.scans[0][0].schedule, np.tile(np.array(targets), (B, 1)))
    for norms in chain.from_iterable(maps):
        norms[hidden] = np.nan
    return maps, agreement


def norm_of(d: Tensor) -> Tensor:
    """Over the last dimension, of numbers too small or too large to be squared as well."""
    largest = d.abs().amax(-1, keepdim=True)
    scale = torch.where((largest > 0) & largest.isfinite(), largest, 1.0)
    norm: Tensor = torch.linalg.vector_norm(d / scale, dim=-1)
    return scale[..., 0] * norm


def _right_hand_sides(
    part: Stack, dY: Tensor, dlast: list[State], ts: tuple[int, ...], last: int
) -> tuple[Tensor, list[State]]:
    """dY (T', ·) of one row with each target's step alone, (T', R, ·), and what each scan's last state receives.

    ``last`` is the row's last step, to which what a forward scan's last state receives belongs.
    """
    R = len(ts)
    entering = dY.new_zeros(len(dY), R, dY.shape[-1])
    entering[list(ts), range(R)] = dY[list(ts)]
    ends = []
    scans = [scan for layer in part.scans for scan in layer]
    for scan, states in zip(scans, dlast, strict=True):
        own = 0 if scan.reverse else last
        received = tuple(d.new_zeros(R, d.shape[-1]) for d in states)
        if own in ts:
            for whole, d in zip(received, states, strict=True):
                whole[ts.index(own)] = d
        ends.append(received)
    return entering, ends


def _checked(part: Stack, entering: Tensor, ends: list[State]) -> Agreement:
    """Autograd's word on some of the right-hand sides: the first of them and the last."""
    some = sorted({0, entering.shape[1] - 1})[:_CHECKED]
    few = [tuple(d[some] for d in states) for states in ends]
    return part.by_autograd(part.backward(entering[:, some], few), weights=False)


def unrelated(schedule: Schedule, targets: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(B, R, T), for targets (B, R): whether a reset lies between target and step, or either after the row's end."""

    def both(of: Tensor) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
        """A number of each step, (T, B, 1), at the target and at the step."""
        at_step = of[..., 0].T.cpu().numpy()[:, None]
        return np.take_along_axis(at_step, targets[:, None], axis=2).transpose(0, 2, 1), at_step

    hidden = np.zeros((*targets.shape, len(schedule.order)), dtype=bool)
    if schedule.resets is not None:
        target, step = both(schedule.resets.cumsum(0))
        hidden |= target != step
    if schedule.padding is not None:
        target, step = both(schedule.padding.long())
        hidden |= (target | step) > 0
    return hidden
