"""One training of a variant on a text, and its score."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.learning.scoring import carried
from benchmarks.learning.texts import Text
from benchmarks.recipe.network import Network, Networks
from benchmarks.recipe.reading import parts, windows
from benchmarks.recipe.variants import Variant
from chainrule.data import split_steps
from chainrule.errors import ArgumentError
from chainrule.training import TrainingConfig
from chainrule.training.averaging import Average
from chainrule.training.optimisers.choice import optimisers_of

__all__ = ["Score", "Trial"]

_WARM_UP = 50  # steps
_CLIP = 1.0
_LAST = 200  # steps, over which the training loss is averaged
_COSINE = TrainingConfig(learning_rate=1.0, schedule="cosine")
_WSD = TrainingConfig(learning_rate=1.0, schedule="wsd")
_SCHEDULES: dict[str, Callable[[float, float], float]] = {
    "cosine": lambda spent, flat: _COSINE.rate(_WARM_UP, spent),
    "line": lambda spent, flat: 1 - 0.95 * max(0.0, spent - flat) / (1 - flat),
    "wsd": lambda spent, flat: _WSD.rate(_WARM_UP, spent),
}
_DECAYS: dict[str, Callable[[float, float], float]] = {  # optimisers multiply what comes of it by the rate
    "rate": lambda spent, rate: 1.0,
    "steady": lambda spent, rate: 1 / rate,
    "rising": lambda spent, rate: 2 * spent,
}


@dataclass(frozen=True)
class Score:
    """What came of a trial: nats per character judged, and learned from in the last steps; seconds of training."""

    nats: float
    learned: float
    seconds: float
    steps: int
    seed: int


class Trial:
    """A variant that learns from the first eight tenths of a text, and is judged by the ninth.

    Parameters:
        steps: how many ``run`` takes, over which learning rates fall.
        seed: of the weights at the start, and of dropout.

    Raises:
        ArgumentError: the text is too short for a batch.
    """

    def __init__(self, variant: Variant, text: Text, steps: int, seed: int = 0) -> None:
        learned, self.judged, _ = split_steps(len(text.symbols))
        self.shown = torch.from_numpy(text.symbols[: learned + self.judged])
        rows = max(variant.batch, variant.first_batch)
        if learned < 2 * rows:
            raise ArgumentError(f"{text.name} is too short: {learned} characters to learn from, {rows} rows.")
        torch.manual_seed(seed)
        self.seed = seed
        self.network = (Network if variant.members == 1 else Networks)(text.alphabet, variant)
        self.average = Average(self.network, variant.average) if variant.average else None
        self.optimisers = _optimisers(self.network, variant)
        self.scheduled = _Scheduled(self.optimisers, variant)
        read = parts(variant, steps)
        self.steps = sum(part.steps for part in read)
        self.windows = windows(self.shown[:learned], read)
        self.state: Any = None

    def run(self) -> Score:
        """Take all steps, and judge."""
        began = time.perf_counter()
        losses = [self.step() for _ in range(self.steps)]
        seconds = time.perf_counter() - began
        last = losses[-_LAST:]
        return Score(self.nats(), sum(last) / len(last), seconds, self.steps, self.seed)

    def step(self) -> float:
        """Learn from the next window of all rows; its loss."""
        window = next(self.windows)
        self.scheduled.to(window.spent)
        loss, state = self.network.loss(window.x, window.follows, None if window.begins else self.state)
        self.state = _detached(state)
        self.network.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), _CLIP)
        for optimiser in self.optimisers:
            optimiser.step()
        if self.average is not None:
            self.average.update()
        return loss.item()

    def nats(self) -> float:
        """Per character of the ninth tenth, by the averaged weights where there are any."""
        with nullcontext() if self.average is None else self.average.in_place():
            return carried(self.network, self.shown, self.judged)


class _Scheduled:
    """Learning rates and weight decays of optimisers, step by step."""

    def __init__(self, optimisers: list[torch.optim.Optimizer], variant: Variant) -> None:
        groups = [group for each in optimisers for group in each.param_groups]
        self._begun = [(group, group["lr"], group["weight_decay"]) for group in groups]
        self._rate = _SCHEDULES[variant.schedule]
        self._flat = variant.flat
        self._decay = _DECAYS[variant.decay_by]
        self._steps = 0

    def to(self, spent: float) -> None:
        """The next step, with a share of the training behind it."""
        self._steps += 1
        rate = min(1.0, self._steps / _WARM_UP) * self._rate(spent, self._flat)
        for group, peak, decay in self._begun:
            group["lr"] = peak * rate
            group["weight_decay"] = decay * self._decay(spent, rate)


def _optimisers(network: nn.Module, variant: Variant) -> list[torch.optim.Optimizer]:
    """The library's, but for what it has no settings of."""
    is_adamw = variant.optimiser == "adamw"
    config = TrainingConfig(
        learning_rate=variant.rate, weight_decay=variant.decay, optimiser="adamw" if is_adamw else "muon"
    )
    made = optimisers_of(network, config)
    if is_adamw:
        return list(made.values())
    if variant.optimiser == "muon-torch":
        matrices = [p for group in made["muon"].param_groups for p in group["params"]]
        made["muon"] = torch.optim.Muon(matrices)
    for group in made["muon"].param_groups:
        group["lr"] = variant.muon_rate
        group["weight_decay"] = variant.muon_decay
        if variant.optimiser == "muon-whole":
            group["blocks"] = 1
    return list(made.values())


def _detached(state: Any) -> Any:
    if isinstance(state, Tensor):
        return state.detach()
    return None if state is None else tuple(map(_detached, state))
