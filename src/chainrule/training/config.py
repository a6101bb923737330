"""What a training run is asked for, and how far it is."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from chainrule._choices import choose, finite, whole
from chainrule._schema import check_fields
from chainrule.errors import ArgumentError

__all__ = ["Progress", "Report", "TrainingConfig", "Validation"]

_WARM_UP = 50  # steps,
_WARM_UP_SHARE = 0.1  # or of the budget, where that is sooner
# Beyond these, a step leaves float32 or has no end.
_RATES = 1e12
_GRADIENTS = 1e30
_BATCHES = 10**6
_FINAL_RATE = 0.05  # of the peak


@dataclass(frozen=True)
class TrainingConfig:
    """How to train. The budget is ``steps``, or ``minutes`` of wall-clock time when steps is None.

    Parameters:
        steps: of the optimiser; the result then depends on the seed alone.
        minutes: of wall-clock time, validation included.
        batch: parallel rows of a stream, or examples a step.
        learning_rate: the peak, after a short warm-up and before a cosine decay over the budget.
        weight_decay: of matrices, not of biases or scales.
        clip: the largest norm of the gradient; longer ones are scaled down to it.
        clip_value: the largest entry of the gradient, to which others are cut before the norm is; None for no bound.
        accumulate: batches whose gradients make one step together.
        average: the decay of an exponential moving average of the weights, which is what is validated and kept
            (0.999 averages some 1,000 steps); None to keep the weights themselves.
        bptt: "truncated"; "full", over the whole of every row, one step an epoch; or "auto", truncated to one of
            several windows by what they lose.
        k1, k2: of truncated backpropagation, steps between two backward passes and steps that gradients go back; None
            for the window of the model.
        memory: bound in bytes of full backpropagation; None for no bound.
        random_windows: draw the lengths of chunks, and scale the learning rate by them.
        shuffle: draw the order of documents anew every epoch.
        state_dropout: the rate at which a row forgets its state before a chunk.
        patience: validations on end without a better one, after which training stops; 0 for the whole budget.
        seed: of initialisation, order and dropout, for who makes the model and the feed.

    Raises:
        ArgumentError: a value that cannot work.

    >>> config = TrainingConfig(steps=1000, learning_rate=1e-3)
    >>> [round(config.rate(step, config.spent(step, seconds=0.0)), 6) for step in (0, 50, 500, 999)]
    [2e-05, 0.000994, 0.000525, 5e-05]
    """

    steps: int | None = None
    minutes: float = 3.0
    batch: int = 32
    learning_rate: float = 5e-3
    weight_decay: float = 0.01
    clip: float = 1.0
    seed: int = 0
    clip_value: float | None = None
    accumulate: int = 1
    average: float | None = None
    bptt: str = "truncated"
    k1: int | None = None
    k2: int | None = None
    memory: int | None = None
    random_windows: bool = False
    shuffle: bool = False
    state_dropout: float = 0.0
    patience: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        choose("bptt", self.bptt, ("truncated", "full", "auto"))
        checked: dict[str, float | None] = {
            "steps": None if self.steps is None else whole("steps", self.steps),
            "minutes": finite("minutes", self.minutes, 0, open_low=True),
            "batch": whole("batch", self.batch),
            "learning_rate": finite("learning rate", self.learning_rate, 0, _RATES, open_low=True),
            "weight_decay": finite("weight decay", self.weight_decay, 0, _RATES),
            "clip": finite("clip", self.clip, 0, _GRADIENTS, open_low=True),
            "seed": whole("seed", self.seed, least=0),
            "clip_value": _optional(finite, "clip value", self.clip_value, 0, _GRADIENTS, open_low=True),
            "accumulate": whole("accumulate", self.accumulate, most=_BATCHES),
            "average": _optional(finite, "average", self.average, 0, 1),
            "k1": _optional(whole, "k1", self.k1),
            "k2": _optional(whole, "k2", self.k2),
            "memory": _optional(whole, "memory", self.memory),
            "state_dropout": finite("state dropout", self.state_dropout, 0, 1),
            "patience": whole("patience", self.patience, least=0),
        }
        for option, value in checked.items():
            object.__setattr__(self, option, value)
        if self.bptt != "truncated" and (self.k1, self.k2, self.random_windows) != (None, None, False):
            raise ArgumentError(f"bptt is {self.bptt!r}, which has no windows to be given or drawn. Leave them out.")
        if self.bptt != "full" and self.memory is not None:
            raise ArgumentError("a memory bound is for the full gradient: add --bptt full.")
        if self.bptt == "full" and self.state_dropout:
            raise ArgumentError(
                "state dropout forgets the state before a window, and the full gradient has no windows. Leave it out."
            )
        if self.random_windows and self.k2 not in (None, self.k1):
            raise ArgumentError("random windows are for k1 = k2: leave k2 out, or the random windows.")

    def spent(self, step: int, seconds: float) -> float:
        """The share of the budget that is used, 1 or more when there is none left."""
        return step / self.steps if self.steps is not None else seconds / (60 * self.minutes)

    def done(self, progress: "Progress") -> bool:
        """Whether the budget is spent, or patience."""
        return self.spent(progress.step, progress.seconds) >= 1 or self.lost_patience(progress)

    def lost_patience(self, progress: "Progress") -> bool:
        """Whether as many validations were no better as patience allows."""
        return 0 < self.patience <= progress.stale

    def rate(self, step: int, spent: float) -> float:
        """The learning rate of the next step, after ``step``: linear warm-up, then a cosine over the budget."""
        warm = min(1.0, max((step + 1) / _WARM_UP, spent / _WARM_UP_SHARE))
        cosine = 0.5 * (1 + math.cos(math.pi * min(spent, 1.0)))
        return self.learning_rate * warm * (_FINAL_RATE + (1 - _FINAL_RATE) * cosine)


def _optional(check: Callable[..., float], option: str, value: object, *limits: float, **how: bool) -> float | None:
    return None if value is None else check(option, value, *limits, **how)


class Validation(NamedTuple):
    """What a model is worth on held-out data: its loss in nats, and what counts beside it when weights are chosen."""

    loss: float
    beside: float = 0.0


@dataclass
class Progress:
    """Where the loop is: losses in nats, None before the first; ``validated_step`` is where ``validation`` is from.

    ``best`` is the least held-out loss so far, with what counts ``beside`` it.

    ``window`` is that of truncated backpropagation, None where there is none or it stays as it was asked for.
    ``spent`` is the share of the budget used, ``seen`` and ``per_second`` count symbols, values or examples. The
    largest gradient was that of step ``largest_gradient_step``, counted from 1 as in ``step``, and the parameter
    ``largest_gradient_in`` had the largest share of it. ``stale`` counts the validations since the best one, and
    ``stopped`` tells that they were as many as patience allows.

    A report that records sets ``recorded`` to the share of the budget at its last record, and ``unrecorded`` to none:
    the losses since then, as their sum and count. Checkpoints so have what the next record will need.
    """

    step: int = 0
    seconds: float = 0.0
    spent: float = 0.0
    seen: int = 0
    loss: float | None = None
    validation: float | None = None
    beside: float = 0.0
    best: float | None = None
    validated_step: int = 0
    best_step: int = 0
    gradient_norm: float = 0.0
    largest_gradient: float = 0.0
    largest_gradient_step: int = 0
    largest_gradient_in: str = ""
    per_second: float = 0.0
    window: int | None = None
    stale: int = 0
    stopped: bool = False
    recorded: float = -1.0
    unrecorded: tuple[float, int] = (0.0, 0)


class Report(Protocol):
    """What a loop calls with its progress after every step."""

    def __call__(self, progress: Progress, /) -> None: ...
