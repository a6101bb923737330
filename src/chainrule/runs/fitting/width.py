"""The hidden size where none is given: as wide as the budget, this machine's speed and the text allow."""

import statistics
import time
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import torch

from chainrule._choices import counted
from chainrule._devices import CPU, current, forked, seed_all
from chainrule.models import ModelConfig
from chainrule.runs.folder.data_config import DataConfig
from chainrule.runs.kinds.building import build
from chainrule.training import Group, Optimisation, Progress, StreamFeed, Streams, TrainingConfig, TruncatedBPTT

__all__ = ["Width", "width_by_budget"]

_WIDTHS = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
_MEASURED = 128  # the hidden size whose speed is measured on the CPU
# What a symbol costs beside the recurrent weights, in squares of the hidden size: embedding, output, the steps of time.
# This and the two constants below: docs/recipe.md, measured by benchmarks/recipe/sizes.py.
_BESIDE = 132**2
_SEEN = 6.0  # symbols that training reads for each recurrent weight, at least
_WRITTEN = 1.0  # symbols that the text has for each recurrent weight, at least
_WARM = 2  # steps before speed is measured
_STEPS = 5  # that are measured, at least
_SHARE = 0.01  # of the budget that measuring may take beyond these,
_SHARE_OF_EACH = 0.002  # where it is done for several widths


class Width(NamedTuple):
    """A hidden size, and why it is this one."""

    hidden: int
    why: str


def width_by_budget(
    data: DataConfig,
    symbols: int,
    model: ModelConfig,
    training: TrainingConfig,
    group: Group,
    device: torch.device = CPU,
    *,
    tries_bfloat16: bool = False,
) -> Width:
    """The widest network that reads enough symbols in the budget, of a text of ``symbols`` that has enough of them.

    With a budget of steps the number of symbols is known; with one of minutes the speed of training steps is measured,
    in bfloat16 too where the fit tries that: on the CPU at one width, from which that at others follows;
    on a GPU, whose speed hardly depends on the width until it is filled, at each.
    """

    @cache
    def speed(width: int) -> float:
        shapes = [replace(model, hidden=width)]
        if tries_bfloat16:
            shapes.append(replace(model, hidden=width, precision="bfloat16"))
        return max(_measure(data, shape, training, group, device) for shape in shapes)

    def reads(width: int) -> float:
        if training.steps is not None:
            return float(training.steps * training.batch * training.accumulate * model.window * group.size)
        at = _MEASURED if device.type == "cpu" else width
        return 60 * training.minutes * speed(at) * _cost(at) / _cost(width)

    def suits(width: int) -> bool:
        weights = _recurrent_weights(data, replace(model, hidden=width))
        return symbols >= _WRITTEN * weights and reads(width) >= _SEEN * weights

    chosen = next((width for width in reversed(_WIDTHS) if suits(width)), _WIDTHS[0])
    if training.steps is not None:
        why = f"for {counted(training.steps, 'step')}"
    else:
        per_second = round(float(f"{reads(chosen) / (60 * training.minutes):.2g}"))  # more digits would not come again
        why = f"for {training.minutes:g} min at {counted(per_second, data.unit)} a second"
    return Width(chosen, f"{why} and {counted(symbols, data.unit)}")


def _cost(width: int) -> float:
    """What a symbol costs in training, in a unit of its own."""
    return float(width**2 + _BESIDE)


def _recurrent_weights(data: DataConfig, model: ModelConfig) -> int:
    with torch.device("meta"):
        built = build(data, replace(model, mix="none"))
    return sum(p.numel() for name, p in built.named_parameters() if ".cell." in name)


def _measure(
    data: DataConfig, model: ModelConfig, training: TrainingConfig, group: Group, device: torch.device
) -> float:
    """Symbols a second that training steps read in all processes together, on random symbols.

    0 where a GPU's memory is too small for a network that wide.
    """
    V = 0 if data.alphabet is None else len(data.alphabet)
    with forked(device), current(device):
        seed_all(training.seed, device)
        network = build(data, replace(model, mix="none")).to(device)  # what training steps go through
        steps = training.batch * model.window * 2
        streams = Streams(np.random.default_rng(0).integers(V, size=steps), training.batch, model.window)
        feed = StreamFeed(streams, TruncatedBPTT(model.window))
        optimisation = Optimisation(network, feed, training, group=Group(), schedule=1.0)
        progress = Progress()
        took: list[float] = []
        began = time.perf_counter()
        until = began + (_SHARE if device.type == "cpu" else _SHARE_OF_EACH) * 60 * training.minutes
        try:
            while len(took) < _WARM + _STEPS or time.perf_counter() < until:
                start = time.perf_counter()
                optimisation.step(progress)
                took.append(time.perf_counter() - start)
        except torch.OutOfMemoryError:
            took = []
    speed = training.batch * training.accumulate * model.window / statistics.median(took[_WARM:]) if took else 0.0
    speed_of_all, fitting = group.sum([speed, float(speed > 0)])
    return speed_of_all if fitting == group.size else 0.0
