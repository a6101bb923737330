"""The definition: the cell's equations in a loop over time that autograd differentiates."""

import torch
from torch import Tensor

from chainrule.ops.choices import Description
from chainrule.ops.recurrence.call import RecurrenceCall
from chainrule.ops.recurrence.cells.spec import Gates, State

__all__ = ["describe", "obstacle", "run", "zoned_out"]


def obstacle(call: RecurrenceCall, asked_for: bool) -> str | None:
    """The definition runs everything."""
    return None


def describe(call: RecurrenceCall) -> Description:
    """Torch's operations."""
    return Description.of_torch()


def zoned_out(keep: Tensor | float | None, t: int, old: Tensor, new: Tensor) -> Tensor:
    """Units that keep the value they had before step t (Krueger et al., 2017); of a rate, the expectation."""
    if keep is None:
        return new
    if isinstance(keep, Tensor):
        return torch.where(keep[:, t], old, new)
    return keep * old + (1 - keep) * new


def run(call: RecurrenceCall) -> tuple[Tensor, State]:
    """The outputs (B, T, H), T >= 1, and the last state."""
    x = call.x
    T = x.shape[1]
    live = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
    if call.lengths is not None:
        live = torch.arange(T, device=x.device) < call.lengths.unsqueeze(1)
        x = torch.where(live.unsqueeze(-1), x, 0)  # padding may hold NaN, and 0 * NaN is NaN in a gradient
    fresh = torch.zeros_like(live) if call.resets is None else call.resets & live
    state = call.state
    outputs: list[Tensor] = [x] * T
    made: list[tuple[State, Gates]] = [((), {})] * T
    for t in reversed(range(T)) if call.reverse else range(T):
        start = state
        crossed = t + 1 if call.reverse else t  # the edge that lies between this step and the one before it
        if crossed < T:
            start = tuple(torch.where(fresh[:, crossed, None], 0, s) for s in state)
        new, gates = call.cell.step(x[:, t], start, call.weights)
        new = tuple(zoned_out(k, t, old, s) for k, old, s in zip(call.zoneout, start, new, strict=True))
        state = tuple(torch.where(live[:, t, None], a, b) for a, b in zip(new, state, strict=True))
        outputs[t] = torch.where(live[:, t, None], new[0], 0)
        made[t] = new, gates
    if call.trace is not None:
        _fill(call, made)
    return torch.stack(outputs, dim=1), state


def _fill(call: RecurrenceCall, made: list[tuple[State, Gates]]) -> None:
    assert call.trace is not None
    call.trace.watch([(*new, *(entering for entering, _ in gates.values())) for new, gates in made])
    states = (torch.stack(column, dim=1) for column in zip(*(new for new, _ in made), strict=True))
    values = [torch.cat([value for _, value in gates.values()], dim=-1) for _, gates in made]
    call.trace.keep(tuple(states), torch.stack(values, dim=1))
