"""The window of truncated backpropagation, chosen by what shorter ones lose of the gradient."""

from typing import Any

import torch
from torch import nn

from chainrule._devices import device_of
from chainrule.training.bptt.estimate import estimate
from chainrule.training.bptt.losses import Loss
from chainrule.training.feeds.streams import Streams

__all__ = ["is_measured_after", "least_window"]

_WINDOWS = (16, 32, 64, 128, 256)  # that are chosen from; training begins with that of the streams
_SAMPLE_ROWS = 8
_SAMPLE_STEPS = 512
_MAY_LOSE = 0.05  # of the gradient's norm
_FIRST_MEASURED = 50  # chunks; then whenever as many again have passed


def is_measured_after(chunks: int, streams: Streams) -> bool:
    """Whether to measure now: after 50, 100, 200, 400, ... chunks, unless the epoch is nearly over."""
    rounds, rest = divmod(chunks, _FIRST_MEASURED)
    is_power_of_two = rounds > 0 and rounds & (rounds - 1) == 0
    if rest or not is_power_of_two:
        return False
    # At the end of an epoch too few steps are left to tell long windows from short ones. Rows differ by one step.
    left = streams.row_length - streams.position[1]
    return left >= max(2, min(_SAMPLE_STEPS, streams.row_length // 2))


def least_window(model: nn.Module, loss: Loss, streams: Streams, state: Any) -> int:
    """The shortest window that loses little of the gradient, measured on what comes next.

    ``state`` is the model's before these steps, with a method ``rows``; or None.
    """
    sample = streams.peek(_SAMPLE_STEPS)
    rows = torch.arange(min(_SAMPLE_ROWS, len(sample.mask)))
    steps = int(sample.mask.sum(1).min())  # that all rows have
    device = device_of(model)
    x = sample.y[rows][:, :steps].to(device)
    resets = None if sample.resets is None else sample.resets[rows][:, : x.shape[1]].to(device)
    windows = [(k, k) for k in _WINDOWS if k < x.shape[1]]
    some = None if state is None else state.rows(rows.to(device))
    found = estimate(model, loss, x, x, some, windows=windows, resets=resets)
    for each in found:
        if each.lost <= _MAY_LOSE:
            return each.k1
    return max((k for k, _ in windows), default=_WINDOWS[0])
