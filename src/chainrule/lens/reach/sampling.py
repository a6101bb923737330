"""Gradient norms by lag from one step of each row, in a single reverse scan."""

import numpy as np
import torch
from torch import Tensor

from chainrule.lens.conversion import Floats, to_numpy
from chainrule.lens.reach.gradient_map import norms_of, unrelated
from chainrule.lens.reach.horizon import of_lags
from chainrule.lens.reach.parts import joined
from chainrule.lens.recurrences.stack import Stack
from chainrule.ops.recurrence.cells.spec import State

__all__ = ["one_target_a_row"]


def one_target_a_row(stack: Stack, dY: Tensor, dlast: list[State]) -> dict[str, Floats]:
    """Norms by lag, (B, 1, K), from one step of each row, for gradients dY (T, B, ·) and dlast: one reverse scan.

    They are those of the state, of all layers together, and of its parts, if it has several, by their names.

    The steps are among those where a gradient enters, evenly spread over the last quarter of them. What the last state
    of a forward direction receives enters at the row's last step; that of a reverse one is left out.
    """
    live = stack.scans[0][0].live
    rows = torch.arange(stack.rows, device=live.device)
    last = live.sum(0).clamp(min=1) - 1
    if len(stack.scans[0]) == 2:
        dlast = [_zeros(states) if k % 2 else states for k, states in enumerate(dlast)]
    enters = dY.abs().amax(-1) * live
    enters[last, rows] += torch.stack([d.abs().amax(-1) for states in dlast for d in states]).amax(0)
    targets = _targets(enters, last)
    steps = torch.tensor(targets, device=last.device)
    entering = torch.zeros_like(dY)
    entering[steps, rows] = dY[steps, rows]
    at_end = (steps == last).to(dY)[:, None]
    backs = stack.backward(entering, [tuple(d * at_end for d in states) for states in dlast])
    forward = [norms_of(layer[0], found[0]) for layer, found in zip(stack.scans, backs, strict=True)]
    of_row = np.array(targets)[:, None]
    hidden = unrelated(stack.scans[0][0].schedule, of_row)
    by_layer = [{name: to_numpy(norms).T[:, None] for name, norms in each.items()} for each in forward]
    return {name: of_lags(np.where(hidden, np.nan, norms), of_row) for name, norms in joined(by_layer).items()}


def _targets(enters: Tensor, last: Tensor) -> list[int]:
    """A step of each row where something enters (T, B); its last step if nothing does."""
    rows = enters.shape[1]
    targets = []
    for row, column in enumerate(enters.unbind(1)):
        steps = column.nonzero()[:, 0].tolist() or [int(last[row])]
        share = 1 - row / (4 * max(rows - 1, 1))  # from the last step back to three quarters
        targets.append(steps[round((len(steps) - 1) * share)])
    return targets


def _zeros(state: State) -> State:
    return tuple(map(torch.zeros_like, state))
