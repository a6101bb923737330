"""The map of gradient norms: those of many targets carried back together, in as few reverse scans as memory allows."""

from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule._choices import counted
from chainrule.errors import ArgumentError
from chainrule.lens.autograd_agreement import Agreement
from chainrule.lens.conversion import Floats, to_numpy
from chainrule.lens.recurrences.passes import BackwardPass, Scan
from chainrule.lens.recurrences.stack import Stack
from chainrule.ops.recurrence.backends.formula.scan import Schedule
from chainrule.ops.recurrence.cells.spec import State

__all__ = ["STATE", "map_of", "norms_of", "targets_of", "unrelated"]

STATE = "state"  # the whole of it, beside the names of its parts

_NUMBERS = 3_000_000  # of gradients of one part of a state, held at once: as many as stay near the processor
_WORK = 6e10  # multiplications
_KEPT = 30_000_000  # norms of a map, over its rows, layers and directions
_CHECKED = 2  # targets of a row held against autograd


def targets_of(stack: Stack, steps: list[int] | None) -> tuple[int, ...]:
    """The steps t of the map: those asked for, or all of them, or as many as work and memory allow, evenly spread.

    Raises:
        ArgumentError: more are asked for than memory allows, or the rows are too many for even one target each.
    """
    T = stack.steps
    scans = list(chain.from_iterable(stack.scans))
    maps = stack.rows * T * sum(len(_names(scan)) for scan in scans)
    if steps is not None:
        if len(steps) > max(1, _KEPT // maps):
            raise ArgumentError(
                f"a map of {len(steps):,} targets has {counted(maps * len(steps), 'number')}. "
                f"Give at most {max(1, _KEPT // maps):,}."
            )
        return tuple(steps)
    products = sum(w.numel() for scan in scans for w in scan.weights[:2] if w is not None)
    each = stack.rows * T * products
    if each > _WORK:
        remedy = f"Give {counted(max(1, int(_WORK / (T * products))), 'row')}."
        if T * products > _WORK:
            remedy = f"Give 1 row of {counted(int(_WORK / products), 'step')}."
        raise ArgumentError(
            f"a map of {counted(stack.rows, 'row')} of {T} steps takes too long for a layer of this size. {remedy}"
        )
    R = max(1, min(T, int(_WORK / each), _KEPT // maps))
    return tuple(int(t) for t in np.unique(np.linspace(T - 1, 0, R).round()))


def map_of(
    stack: Stack, dY: Tensor, dlast: list[State], targets: tuple[int, ...], check: bool = True
) -> tuple[list[list[dict[str, Floats]]], Agreement]:
    """||dL_t/ds_i|| by layer and direction, (B, R, T) each, for gradients dY (T, B, ·) and dlast that enter.

    Of a state of several parts, that of each part too, by its name; see :func:`norms_of`. What the last state receives
    counts to the target at which its scan ends. NaN across a reset and beyond the length.
    """
    T = stack.steps
    B = stack.rows
    width = max(max(scan.widths[0], scan.kept.X.shape[-1]) for layer in stack.scans for scan in layer)
    group = max(1, _NUMBERS // (T * width))
    forward_only = all(len(layer) == 1 for layer in stack.scans)
    maps = [
        [{name: np.zeros((B, len(targets), T)) for name in _names(scan)} for scan in layer] for layer in stack.scans
    ]
    agreement = Agreement(0.0)
    for b in range(B):
        row = slice(b, b + 1)
        for k in range(0, len(targets), group):
            ts = targets[k : k + group]
            # no gradient goes forward in time, unless a layer runs in reverse
            end = max(ts) + 1 if forward_only else T
            part = stack.part(slice(0, end), row)
            own = [scan.ends[b] for layer in stack.scans for scan in layer]
            entering, ends = _right_hand_sides(part, dY[:end, b], [tuple(d[b] for d in s) for s in dlast], ts, own)
            backs = part.backward(entering, ends)
            if check and k == 0:
                agreement &= _checked(part, entering, ends)
            scans = chain.from_iterable(part.scans)
            for kept, scan, back in zip(chain(*maps), scans, chain(*backs), strict=True):
                for name, norms in norms_of(scan, back).items():
                    kept[name][b, k : k + len(ts), :end] = to_numpy(norms.T)
    hidden = unrelated(stack.scans[0][0].schedule, np.tile(np.array(targets), (B, 1)))
    for kept in chain.from_iterable(maps):
        for whole in kept.values():
            whole[hidden] = np.nan
    return maps, agreement


def norms_of(scan: Scan, back: BackwardPass) -> dict[str, Tensor]:
    """The norms of the gradients of the states, (T, N), and by its name of each part, where there are several.

    What arrives at the whole state is measured with its parts taken as independent; at the LSTM's c alone, with what
    it receives through h, so that the gradient has somewhere to start from.
    """
    found = {STATE: _norm(torch.cat(back.dstates, dim=-1))}
    if len(back.dstates) > 1:
        found |= {name: _norm(d) for name, d in zip(scan.cell.state, scan.dtotal(back), strict=True)}
    return found


def _names(scan: Scan) -> tuple[str, ...]:
    """Whose norms are kept of a scan."""
    parts = scan.cell.state
    return (STATE, *parts) if len(parts) > 1 else (STATE,)


def _norm(d: Tensor) -> Tensor:
    """Over the last dimension, of numbers too small or too large to be squared as well; infinite if one is NaN.

    NaN is what is left of infinity times zero, and means in a map that there is no number at all.
    """
    largest = d.abs().amax(-1, keepdim=True)
    scale = torch.where((largest > 0) & largest.isfinite(), largest, 1.0)
    norm: Tensor = torch.linalg.vector_norm(d / scale, dim=-1)
    return (scale[..., 0] * norm).nan_to_num(torch.inf, torch.inf)


def _right_hand_sides(
    part: Stack, dY: Tensor, dlast: list[State], ts: tuple[int, ...], own: list[int]
) -> tuple[Tensor, list[State]]:
    """dY (T', ·) of one row with each target's step alone, (T', R, ·), and what each scan's last state receives.

    ``own`` has the step of each scan to which what its last state receives belongs.
    """
    R = len(ts)
    entering = dY.new_zeros(len(dY), R, dY.shape[-1])
    entering[list(ts), range(R)] = dY[list(ts)]
    ends = []
    for step, states in zip(own, dlast, strict=True):
        received = tuple(d.new_zeros(R, d.shape[-1]) for d in states)
        if step in ts:
            for whole, d in zip(received, states, strict=True):
                whole[ts.index(step)] = d
        ends.append(received)
    return entering, ends


def _checked(part: Stack, entering: Tensor, ends: list[State]) -> Agreement:
    """Autograd's word on some of the right-hand sides: the first of them and the last."""
    some = sorted({0, entering.shape[1] - 1})[:_CHECKED]
    few = [tuple(d[some] for d in states) for states in ends]
    return part.check(part.backward(entering[:, some], few), weights=False)


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
