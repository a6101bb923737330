"""Whether a fit's products are to be made in bfloat16: where that is faster here, and learns the same."""

from dataclasses import replace
from typing import Literal, NamedTuple

import torch

from chainrule._devices import CPU
from chainrule.runs.fitting.trial import Trial, tried
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.kinds.task import Task
from chainrule.training import Group

__all__ = ["Precision", "precision_by_trial"]

_Name = Literal["float32", "bfloat16"]
_NAMES: tuple[_Name, _Name] = ("float32", "bfloat16")

_FASTER = 1.1  # times as fast as float32, or it is not worth its rounding
_LOSS = 0.005  # nats that the loss may differ by,
_GRADIENT = 0.1  # and of the gradient's norm, how much the gradient may


class Precision(NamedTuple):
    """In what products are made, and why."""

    name: _Name
    why: str


def precision_by_trial(task: Task, config: RunConfig, group: Group, device: torch.device = CPU) -> Precision:
    """Try the first batch both ways, from the same weights: the gradient, and how long it takes.

    Of several processes the first one decides. The task's feed is left where it was.
    """
    found = Precision("float32", "")
    if group.leads:
        found = _compared(*(tried(task, _rounding(config, name), device) for name in _NAMES))
    (is_rounded,) = group.sum([float(found.name == "bfloat16")])
    return Precision("bfloat16" if is_rounded else "float32", found.why)


def _rounding(config: RunConfig, precision: _Name) -> RunConfig:
    return replace(config, model=replace(config.model, precision=precision))


def _compared(exact: Trial, rounded: Trial) -> Precision:
    faster = exact.seconds / rounded.seconds
    off = float((rounded.gradient - exact.gradient).norm() / exact.gradient.norm())
    if faster < _FASTER:
        return Precision("float32", f"bfloat16 is {faster:.2f} times as fast here")
    if not (abs(rounded.loss - exact.loss) <= _LOSS and off <= _GRADIENT):  # NaN is no agreement
        return Precision("float32", f"in bfloat16 the gradient is {off:.0%} off")
    return Precision("bfloat16", f"{faster:.1f} times as fast as float32 here")
