"""The gradients of one step of each row, by lag, from a single reverse scan."""

from functools import reduce

import numpy as np
import torch
from torch import Tensor

from chainrule.lens.arrays import Floats, to_numpy
from chainrule.lens.reach.gradient_map import norm_of, unrelated
from chainrule.lens.reach.horizon import of_lags
from chainrule.lens.recurrences.stack import Stack
from chainrule.ops.recurrence.backends.reference import State

__all__ = ["one_target_a_row"]


def one_target_a_row(stack: Stack, dY: Tensor, dlast: list[State]) -> Floats:
    """Norms by lag, (B, 1, K), from a step of each row's own, for gradients dY (T, B, ·) and dlast: one reverse scan.

    The steps are among those where a gradient enters, evenly spread over the last quarter of them. What the
    last state of a forward direction receives enters at the row's last step; that of a reverse one is left out.
    """
    T = stack.steps
    B = stack.rows
    schedule = stack.scans[0][0].schedule
    two = len(stack.scans[0]) == 2
    padding = dY.new_zeros(T, B) if schedule.padding is None else schedule.padding[..., 0].to(dY)
    last = (T - padding.sum(0)).long().clamp(min=1) - 1
    dlast = [tuple(d * (0 if two and k % 2 else 1) for d in states) for k, states in enumerate(dlast)]
    enters = dY.abs().amax(-1) * (1 - padding)
    enters[last, range(B)] += torch.stack([d.abs().amax(-1) for states in dlast for d in states]).amax(0)
    targets = []
    for b, column in enumerate(enters.unbind(1)):
        steps = column.nonzero()[:, 0].tolist() or [int(last[b])]
        targets.append(steps[round((len(steps) - 1) * (1 - b / (4 * max(B - 1, 1))))])
    entering = torch.zeros_like(dY)
    entering[targets, range(B)] = dY[targets, range(B)]
    at_end = (torch.tensor(targets, device=last.device) == last).to(dY)[:, None]
    backs = stack.backward(entering, [tuple(d * at_end for d in states) for states in dlast])
    norms = reduce(np.hypot, (to_numpy(norm_of(torch.cat(found[0].dstates, -1))) for found in backs))
    of_row = np.array(targets)[:, None]
    return of_lags(np.where(unrelated(schedule, of_row), np.nan, norms.T[:, None]), of_row)
