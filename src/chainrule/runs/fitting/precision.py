"""Whether a fit's products are to be made in bfloat16: where that is faster here, and learns the same."""

import time
from dataclasses import replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from chainrule.runs.folder.config import RunConfig
from chainrule.runs.kinds.building import build
from chainrule.runs.kinds.task import Task
from chainrule.training import Group

__all__ = ["Precision", "precision_by_trial"]

_Name = Literal["float32", "bfloat16"]

_FASTER = 1.1  # times as fast as float32, or it is not worth its rounding
_LOSS = 0.005  # nats that the loss may differ by,
_GRADIENT = 0.1  # and of the gradient's norm, how much the gradient may
_TIMES = 4  # that each is tried, of which the first one warms up


class Precision(NamedTuple):
    """In what products are made, and why."""

    name: _Name
    why: str


class _Tried(NamedTuple):
    seconds: float
    loss: float
    gradient: Tensor


def precision_by_trial(task: Task, config: RunConfig, group: Group) -> Precision:
    """Try the first batch both ways, from the same weights: the gradient, and how long it takes.

    Of several processes the first one decides. The task's feed is left where it was.
    """
    found = Precision("float32", "")
    if group.leads:
        found = _compared(_tried(task, config, "float32"), _tried(task, config, "bfloat16"))
    (is_rounded,) = group.sum([float(found.name == "bfloat16")])
    return Precision("bfloat16" if is_rounded else "float32", found.why)


def _compared(exact: _Tried, rounded: _Tried) -> Precision:
    faster = exact.seconds / rounded.seconds
    off = float((rounded.gradient - exact.gradient).norm() / exact.gradient.norm())
    if faster < _FASTER:
        return Precision("float32", f"bfloat16 is {faster:.2f} times as fast here")
    if not (abs(rounded.loss - exact.loss) <= _LOSS and off <= _GRADIENT):  # NaN is no agreement
        return Precision("float32", f"in bfloat16 the gradient is {off:.0%} off")
    return Precision("bfloat16", f"{faster:.1f} times as fast as float32 here")


def _tried(task: Task, config: RunConfig, precision: _Name) -> _Tried:
    begun = task.feed.state()
    took = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.training.seed)
        # what it is mixed with, which no gradient goes through, can be left out
        model = build(config.data, replace(config.model, precision=precision, mix="none")).train()
        for _ in range(_TIMES):
            torch.manual_seed(config.training.seed)
            model.zero_grad()
            began = time.perf_counter()
            loss, _ = task.feed.backward(model)
            took.append(time.perf_counter() - began)
            task.feed.restore(begun)
    gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    return _Tried(min(took[1:]), loss, gradient)
