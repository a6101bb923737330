"""Training steps that are tried before a fit begins, to choose how it is computed."""

import time
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from chainrule._devices import current, forked, seed_all
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.kinds.building import build
from chainrule.runs.kinds.task import Task

__all__ = ["Trial", "tried"]

_TIMES = 4  # that a step is tried, of which the first one warms up


class Trial(NamedTuple):
    """The seconds that a step's gradient takes, the loss, and the gradient, on the CPU."""

    seconds: float
    loss: float
    gradient: Tensor


def tried(task: Task, config: RunConfig, device: torch.device) -> Trial:
    """Try the first batch, from the weights that the fit begins with; the task's feed is left where it was."""
    begun = task.feed.state()
    took = []
    with forked(device), current(device):
        seed_all(config.training.seed, device)
        # what it is mixed with, which no gradient goes through, can be left out
        model = build(config.data, replace(config.model, mix="none")).train().to(device)
        for _ in range(_TIMES):
            seed_all(config.training.seed, device)
            model.zero_grad()
            began = time.perf_counter()
            loss, _ = task.feed.backward(model)  # whose loss is a number, so that a GPU has been waited for
            took.append(time.perf_counter() - began)
            task.feed.restore(begun)
    gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    return Trial(min(took[1:]), loss, gradient.cpu())
