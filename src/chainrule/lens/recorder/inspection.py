"""One pass of a training step inspected: a single reverse scan over a few of its rows."""

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.lens.reach.gradient_map import STATE
from chainrule.lens.reach.horizon import HALF, ONE_PERCENT, by_lag, horizon
from chainrule.lens.reach.parts import judged, parts_of
from chainrule.lens.reach.sampling import one_target_a_row
from chainrule.lens.reach.verdict import verdict, verdict_on_parts
from chainrule.lens.recorder.record import Record
from chainrule.lens.recurrences.gates import gate_use
from chainrule.lens.recurrences.layer_calls import LayerCall
from chainrule.ops.recurrence.cells.spec import State

__all__ = ["inspect_pass"]

_ROWS = 16
_FEWEST = 4
_STEPS = 512
_PRODUCTS = 250_000_000  # of weights and numbers, one way, which bound the rows to the fewest
_NUMBERS = 8_000_000  # that an inspection may hold, which bounds its rows further


@torch.no_grad()
def inspect_pass(call: LayerCall, step: int, gradients: Sequence[Tensor | None], window: int | None) -> Record:
    """What the pass of a training step shows, from the gradients of the layer's output and last states."""
    began = time.perf_counter()
    steps = min(call.x.shape[1], _STEPS)
    stack = call.stack(slice(0, _rows(call.layer, steps)), slice(0, steps))
    dY, dlast = _entering(call, gradients, stack.rows, steps, stack.dtype)
    norms = one_target_a_row(stack, dY, dlast)
    parts = parts_of(norms)
    part = judged(parts) if parts else STATE
    curve = by_lag(norms[part])
    curve = curve[~np.isnan(curve)]
    if not curve.size:  # no gradient entered
        curve = np.zeros(1)
    goes_back = window or stack.steps
    said = verdict_on_parts(parts, goes_back) if parts else verdict(norms[STATE], goes_back)
    return Record(
        step=step,
        horizon=horizon(curve, ONE_PERCENT),
        half=horizon(curve, HALF),
        by_lag=curve,
        gates=gate_use(stack.scans[-1][0]),
        verdict=said,
        part=part,
        seconds=time.perf_counter() - began,
    )


def _rows(layer: nn.RNNBase, steps: int) -> int:
    """How many rows to take: few of a wide layer, where a row takes long."""
    weights = sum(weight.numel() for weight in layer.parameters())
    quick = _PRODUCTS // (steps * weights)
    width = 24 * len(layer._all_weights) * layer.hidden_size
    fitting = _NUMBERS // (steps * width)
    return max(1, min(max(_FEWEST, min(_ROWS, quick)), fitting))


def _entering(
    call: LayerCall, gradients: Sequence[Tensor | None], rows: int, steps: int, dtype: torch.dtype
) -> tuple[Tensor, list[State]]:
    """dY (T, B, ·) of the first steps and rows, and dlast (B, ·) of each scan, zero where the steps end before it."""
    outputs = (call.output, *call.last)
    dy, *ends = (
        torch.zeros_like(output) if gradient is None else gradient
        for gradient, output in zip(gradients, outputs, strict=True)
    )
    dY = call.time_major(dy)[:steps, :rows].to(dtype)
    whole = steps == call.x.shape[1]
    by_scan = [end.view(len(end), -1, end.shape[-1])[:, :rows].to(dtype) * whole for end in ends]
    return dY, list(zip(*(end.unbind(0) for end in by_scan), strict=True))
