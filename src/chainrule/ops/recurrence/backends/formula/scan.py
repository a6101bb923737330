"""Stage 2 of the formula: the scan over the steps, and the scan in reverse that carries the gradients back."""

from typing import NamedTuple

import torch
from torch import Tensor

from chainrule._torch import is_transform_active
from chainrule.ops.plain import is_traced
from chainrule.ops.recurrence.call import Zoneout
from chainrule.ops.recurrence.cells.derivation import Derivation
from chainrule.ops.recurrence.cells.products import Saved
from chainrule.ops.recurrence.cells.spec import State

__all__ = ["Scanned", "Schedule", "mixed", "previous", "scan", "scan_backward", "stack", "step_backward"]


class Schedule:
    """The order of the steps, and at each the rows and units to treat apart: None where there are none."""

    def __init__(self, T: int, fresh: Tensor | None, padding: Tensor | None, reverse: bool, zoneout: Zoneout) -> None:
        self.resets = fresh  # as given
        if fresh is not None and reverse:
            # going back, the edge that lies before step t + 1 is crossed just before step t
            fresh = torch.cat((fresh[1:], torch.zeros_like(fresh[:1])))
        self.order = range(T - 1, -1, -1) if reverse else range(T)
        self.reverse = reverse
        self.fresh = fresh  # (T, B, 1): whose state is zeroed before the step
        self.fresh_rows = _rows(fresh, T)
        self.padding = padding  # (T, B, 1)
        self.padding_rows = _rows(padding, T)  # whose state passes the step untouched
        self.zoneout = zoneout  # masks are (T, B, H)
        self.zoned_out = any(keep is not None for keep in zoneout)

    def keep(self, t: int) -> Zoneout:
        """The zoneout of step t."""
        return tuple(keep[t] if isinstance(keep, Tensor) else keep for keep in self.zoneout)


class Scanned(NamedTuple):
    """What the scan leaves of each step, by time."""

    states: list[State]  # what the step leads to
    made: list[State]  # what the cell made; `states` but for zoneout
    saved: list[Saved]  # what else the slopes need


def scan(derivation: Derivation, gx: Tensor, state: State, schedule: Schedule, save: bool = True) -> Scanned:
    """Stage 2 forward; gx is (T, B, G). Without save, of the states alone."""
    T = len(gx)
    states: list[State] = [()] * T
    made: list[State] = [()] * T if save and schedule.zoned_out else states
    saved: list[Saved] = [()] * T
    steps = gx.unbind(0)
    for t in schedule.order:
        start = _zeroed(state, schedule.fresh_rows[t])
        new, gates = derivation.step(steps[t], start)
        if save:
            made[t] = new
            saved[t] = gates
        if schedule.zoned_out:
            new = tuple(mixed(*parts) for parts in zip(schedule.keep(t), start, new, strict=True))
        states[t] = state = _where(schedule.padding_rows[t], state, new)
    return Scanned(states, made, saved)


def scan_backward(
    derivation: Derivation, dY: Tensor, dstate: State, slopes: Saved, schedule: Schedule
) -> tuple[State, State, State]:
    """Stage 2 backward: the gradients of the states that the steps led to, of those that the cell made there, both
    (T, B, ·), and of the first state.

    dstate enters as the gradient of the last state. At each step, h_t feeds y_t and step t + 1, so that
    dh_t = dy_t + (dh_{t+1}/dh_t)^T dh_{t+1}, whose second term is the cell's backward step.
    """
    dstates: list[State] = [()] * len(dY)
    dmade: list[State] = [()] * len(dY) if schedule.zoned_out else dstates
    dys = dY.unbind(0)
    slopes_by_time = list(zip(*(s.unbind(0) for s in slopes), strict=True))
    for t in reversed(schedule.order):
        dstate = (dstate[0] + dys[t], *dstate[1:])
        dstates[t] = _zeroed(dstate, schedule.padding_rows[t])
        dmade[t], before = step_backward(derivation, dstates[t], slopes_by_time[t], schedule, t)
        dstate = _where(schedule.padding_rows[t], dstate, before)
    stacked = stack(dstates)
    return stacked, stack(dmade) if schedule.zoned_out else stacked, dstate


def step_backward(
    derivation: Derivation, dstate: State, slopes: Saved, schedule: Schedule, t: int
) -> tuple[State, State]:
    """Step t: the gradients of what the cell made, and of the state before the step, from that of the state after it.

    ``slopes`` are those of the step. The rows of ``dstate`` may be many for one row of the slopes.
    """
    dmade = dstate
    if schedule.zoned_out:
        dmade = tuple(_of_made(*parts) for parts in zip(schedule.keep(t), dstate, strict=True))
    before = derivation.step_backward(dmade, slopes)
    if schedule.zoned_out:
        before = tuple(_with_kept(*parts) for parts in zip(schedule.keep(t), dstate, before, strict=True))
    return dmade, _zeroed(before, schedule.fresh_rows[t])


def previous(first: State, states: State, schedule: Schedule) -> State:
    """What each step started from: the state of the step before it, or zero after a reset."""
    if schedule.reverse:
        before = tuple(torch.cat((s[1:], f[None])) for f, s in zip(first, states, strict=True))
    else:
        before = tuple(torch.cat((f[None], s[:-1])) for f, s in zip(first, states, strict=True))
    return _zeroed(before, schedule.fresh)


def stack(by_time: list[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Tensors of each step as one tensor each, (T, ...)."""
    return tuple(torch.stack(column) for column in zip(*by_time, strict=True))


def _rows(mask: Tensor | None, T: int) -> list[Tensor | None]:
    if mask is None:
        return [None] * T
    if mask.is_meta or is_transform_active() or torch.compiler.is_compiling() or is_traced():
        # there are no values to look at, or they are those of one call
        return list(mask.unbind(0))
    occurs = mask.flatten(1).any(1).tolist()
    return [rows if any_ else None for rows, any_ in zip(mask.unbind(0), occurs, strict=True)]


def _zeroed(state: State, rows: Tensor | None) -> State:
    return state if rows is None else tuple(s.masked_fill(rows, 0) for s in state)


def _where(rows: Tensor | None, a: State, b: State) -> State:
    return b if rows is None else tuple(torch.where(rows, *pair) for pair in zip(a, b, strict=True))


def mixed(keep: Tensor | float | None, old: Tensor, new: Tensor) -> Tensor:
    """m old + (1 - m) new."""
    if keep is None:
        return new
    return torch.where(keep, old, new) if isinstance(keep, Tensor) else torch.lerp(new, old, keep)


def _of_made(keep: Tensor | float | None, d: Tensor) -> Tensor:
    """(1 - m) d, what flows to the newly made value."""
    if keep is None:
        return d
    return d.masked_fill(keep, 0) if isinstance(keep, Tensor) else (1 - keep) * d


def _with_kept(keep: Tensor | float | None, d: Tensor, before: Tensor) -> Tensor:
    """before + m d: the old value receives from its use in the step, and as it was kept."""
    if keep is None:
        return before
    return before + (d.masked_fill(~keep, 0) if isinstance(keep, Tensor) else keep * d)
