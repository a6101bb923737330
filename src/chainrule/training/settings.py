"""What a training run is asked for, and how far it is."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from chainrule._choices import finite, whole
from chainrule._schema import check_fields
from chainrule._settings import On, described, option, setting
from chainrule.errors import ArgumentError

__all__ = ["LAST_SHARE", "Progress", "Report", "TrainingConfig", "TrainingSettings", "Validation"]

_WARM_UP = 50  # steps,
_WARM_UP_SHARE = 0.1  # or of the budget, where that is sooner
# Beyond these, a step leaves float32 or has no end.
_RATES = 1e12
_GRADIENTS = 1e30
_BATCHES = 10**6
_FINAL_RATE = 0.05  # of the peak
_STABLE = 0.5  # of the budget: the rate is to stay at its peak until then,
_DOWN = 0.875  # and to be down by then
_LEFT: dict[str, Callable[[float], float]] = {  # of the rate's way down, by the share of the budget that is spent
    "cosine": lambda spent: 0.5 * (1 + math.cos(math.pi * spent)),
    "wsd": lambda spent: 1 - min(1.0, max(0.0, spent - _STABLE) / (_DOWN - _STABLE)),
}
LAST_SHARE = 0.15  # of a budget, in which what was held out to choose the weights is learned from too
_NETWORKS = (On(("mlp", "conv", "recurrent")),)
_STREAMS = (On(has="stream"),)
_DOCUMENTS = (On(has="documents"),)
_SERIES = (On(has="values"),)


@dataclass(frozen=True, kw_only=True)
class _GivenOfTraining:
    """The settings that the loop takes as they are given."""

    batch: int = setting(32, "Batch size: parallel rows of a stream, or examples per step", solved=False)
    clip: float = setting(1.0, "Maximum gradient norm; larger gradients are scaled down to it", solved=False)
    clip_value: float | None = setting(
        None, "Maximum absolute value of a gradient's entries, applied before clip", chosen="no limit", solved=False
    )
    accumulate: int = setting(1, "Gradient accumulation: batches per optimiser step", solved=False)
    average: float | None = setting(
        None,
        "Decay of an exponential moving average of the weights, such as 0.999, which is validated and kept instead",
        chosen="no average",
        solved=False,
    )
    bptt: Literal["truncated", "full", "auto"] = setting(
        "truncated",
        "Backpropagation through time: truncated to windows, exact over the whole training part (full, one step per "
        "epoch), or truncated to a window chosen by the gradient that it loses (auto)",
        on=_STREAMS,
        solved=False,
    )
    random_windows: bool = setting(
        False,
        "Draw the lengths of windows at random, and scale the learning rate by them (AWD-LSTM)",
        on=_STREAMS,
        solved=False,
    )
    shuffle: bool = setting(False, "Shuffle the documents every epoch", on=_DOCUMENTS, solved=False)
    state_dropout: float = setting(
        0.0, "Probability of resetting a row's state before a window", on=_DOCUMENTS, solved=False
    )
    scheduled_sampling: float = setting(
        0.0,
        "Scheduled sampling: probability, risen to linearly from 0, of reading the model's own draw in the place of a "
        "value",
        on=_SERIES,
        solved=False,
        purpose="forecasts of real values that feed on themselves, a step at a time",
    )

    def _check_given(self) -> None:
        check_fields(self)
        checked: dict[str, float | None] = {
            "batch": whole("`batch`", self.batch),
            "clip": finite("`clip`", self.clip, 0, _GRADIENTS, open_low=True),
            "clip_value": _optional(finite, "`clip_value`", self.clip_value, 0, _GRADIENTS, open_low=True),
            "accumulate": whole("`accumulate`", self.accumulate, most=_BATCHES),
            "average": _optional(finite, "`average`", self.average, 0, 1),
            "state_dropout": finite("`state_dropout`", self.state_dropout, 0, 1),
            "scheduled_sampling": finite("`scheduled_sampling`", self.scheduled_sampling, 0, 1),
        }
        self._set(checked)
        if self.bptt == "full" and self.state_dropout:
            raise ArgumentError(
                "`state_dropout` resets the state before a window, and the full gradient has no windows. Leave it out."
            )
        if self.bptt == "full" and self.scheduled_sampling:
            raise ArgumentError(
                "`scheduled_sampling` runs free from the start of a window to its end, and the full gradient has no "
                "windows. Leave it out."
            )

    def _set(self, checked: Mapping[str, object]) -> None:
        for field_name, value in checked.items():
            object.__setattr__(self, field_name, value)


@described
@dataclass(frozen=True, kw_only=True)
class TrainingSettings(_GivenOfTraining):
    """How a fit is asked to train; what is None is chosen from the data and the model.

    >>> import chainrule
    >>> chainrule.TrainingSettings(learning_rate=1e-3, batch=8, tbptt=(16, 128)).learning_rate
    0.001
    """

    learning_rate: float | None = setting(
        None,
        "Peak learning rate of AdamW; Muon's is four times as high",
        chosen="5e-3, or 2e-2 with layer norm",
        solved=False,
    )
    weight_decay: float | None = setting(
        None,
        "Weight decay, of matrices other than embeddings",
        chosen="0.01, or 0.1 for panels, and with layer norm or Muon",
        solved=False,
    )
    patience: int | None = setting(
        None,
        "Early stopping: validations, of 20, without improvement before training stops; 0 never stops",
        chosen="8 for a series with a budget of minutes or of at least 400 steps, else 0",
        solved=False,
    )
    refit: bool | None = setting(
        None,
        "Of text and sound, for the last 15 % of the budget train on what was held out to choose the weights too; of "
        "other data, after scoring, fit the weights again to all of it, and forecast, sample and classify with these",
        chosen="on for text, sound and series",
    )
    optimiser: Literal["adamw", "muon"] | None = setting(
        None,
        "AdamW for all weights (adamw), or for all but the matrices between features, which Muon changes (muon)",
        chosen="muon for recurrent networks on text, else adamw",
        on=_NETWORKS,
        solved=False,
    )
    schedule: Literal["cosine", "wsd"] | None = setting(
        None,
        "How the learning rate falls to a twentieth: along a cosine (cosine), or on a line after half of the budget at "
        "its peak (wsd: warm-up, stable, decay)",
        chosen="wsd for recurrent networks on text, else cosine",
        on=_NETWORKS,
        solved=False,
    )
    tbptt: int | tuple[int, int] | str | None = setting(
        None,
        "Truncation of backpropagation through time, in steps: 64; or 16,128 to send the losses of every 16 steps back "
        "through 128; or auto",
        chosen="the window",
        on=_STREAMS,
        solved=False,
    )
    memory: str | int | None = setting(
        None,
        "Memory limit of the full gradient, such as 256MB; what does not fit is computed again",
        chosen="no limit",
        on=_STREAMS,
        solved=False,
    )

    def __post_init__(self) -> None:
        self._check_given()


@dataclass(frozen=True)
class TrainingConfig(_GivenOfTraining):
    """How to train. The budget is ``steps``, or ``minutes`` of wall-clock time when steps is None.

    Parameters:
        steps: of the optimiser; the result then depends on the seed alone.
        minutes: of wall-clock time, validation included.
        learning_rate: the peak, after a short warm-up and before it falls.
        weight_decay: of matrices, not of embeddings, biases or scales.
        optimiser: "adamw", or "muon" for the matrices between features.
        schedule: how the rate falls to a twentieth over the budget: "cosine"; or "wsd" (warm-up, stable, decay: Hu et
            al. 2024, MiniCPM), on a line from the half of it to seven eighths.
        seed: of initialisation, order and dropout, for whoever makes the model and the feed.
        k1, k2: of truncated backpropagation, steps between two backward passes and steps that gradients go back; None
            for the window of the model.
        memory: limit in bytes of full backpropagation; None for no limit.
        patience: validations in a row without improvement after which training stops; 0 for the whole budget.
        batch, clip, clip_value, accumulate, average, bptt, random_windows, shuffle, state_dropout, scheduled_sampling:
            as in `TrainingSettings`.

    Raises:
        ArgumentError: a value that cannot work.

    >>> config = TrainingConfig(steps=1000, learning_rate=1e-3)
    >>> [round(config.rate(step, config.spent(step, seconds=0.0)), 6) for step in (0, 50, 500, 999)]
    [2e-05, 0.000994, 0.000525, 5e-05]
    """

    steps: int | None = None
    minutes: float = 3.0
    learning_rate: float = 5e-3
    weight_decay: float = 0.01
    optimiser: Literal["adamw", "muon"] = "adamw"
    schedule: Literal["cosine", "wsd"] = "cosine"
    seed: int = 0
    k1: int | None = None
    k2: int | None = None
    memory: int | None = None
    patience: int = 0

    def __post_init__(self) -> None:
        self._check_given()
        checked: dict[str, float | None] = {
            "steps": _optional(whole, "`steps`", self.steps),
            "minutes": finite("`minutes`", self.minutes, 0, open_low=True),
            "learning_rate": finite("`learning_rate`", self.learning_rate, 0, _RATES, open_low=True),
            "weight_decay": finite("`weight_decay`", self.weight_decay, 0, _RATES),
            "seed": whole("`seed`", self.seed, least=0),
            "k1": _optional(whole, "`k1`", self.k1),
            "k2": _optional(whole, "`k2`", self.k2),
            "memory": _optional(whole, "`memory`", self.memory),
            "patience": whole("`patience`", self.patience, least=0),
        }
        self._set(checked)
        if self.bptt != "truncated" and (self.k1, self.k2, self.random_windows) != (None, None, False):
            raise ArgumentError(
                f"{option('bptt', self.bptt)} has no windows to give lengths of or to draw. Leave them out."
            )
        if self.bptt != "full" and self.memory is not None:
            raise ArgumentError('`memory` limits the full gradient alone: add `bptt="full"`.')
        if self.random_windows and self.k2 not in (None, self.k1):
            raise ArgumentError("`random_windows` needs k1 = k2: leave k2 out, or `random_windows`.")
        if self.scheduled_sampling and self.k2 not in (None, self.k1):
            raise ArgumentError("`scheduled_sampling` needs k1 = k2: leave k2 out, or `scheduled_sampling`.")

    def spent(self, step: int, seconds: float) -> float:
        """The share of the budget that is used, 1 or more when there is none left."""
        return step / self.steps if self.steps is not None else seconds / (60 * self.minutes)

    def done(self, progress: "Progress", *, then: bool = False) -> bool:
        """Whether the budget is spent, or patience; of the first stage, where another comes ``then``."""
        share = 1 - LAST_SHARE if then else 1.0
        return self.spent(progress.step, progress.seconds) >= share or self.lost_patience(progress)

    def lost_patience(self, progress: "Progress") -> bool:
        """Whether as many validations were no better as patience allows."""
        return 0 < self.patience <= progress.stale

    def rate(self, step: int, spent: float) -> float:
        """The learning rate of the next step, after ``step``: a linear warm-up, then what the schedule says."""
        warm = min(1.0, max((step + 1) / _WARM_UP, spent / _WARM_UP_SHARE))
        left = _LEFT[self.schedule](min(spent, 1.0))
        return self.learning_rate * warm * (_FINAL_RATE + (1 - _FINAL_RATE) * left)


def _optional(check: Callable[..., float], field_name: str, value: object, *limits: float, **how: bool) -> float | None:
    return None if value is None else check(field_name, value, *limits, **how)


class Validation(NamedTuple):
    """What a model is worth on held-out data: its loss in nats, and what counts beside it when weights are chosen.

    ``alone`` is the loss of the part that is trained by itself, where there is more to the model.
    """

    loss: float
    beside: float = 0.0
    alone: float | None = None


@dataclass
class Progress:
    """Where the loop is: losses, None before the first; ``validated_step`` is where ``validation`` is from. Losses are
    in nats, but of models of quantiles in units of the mean change of each series.

    ``best`` is the least held-out loss so far, with what counts ``beside`` it, and ``best_spent`` the share of the
    budget that it took. ``alone`` is the held-out loss of the part that is trained, by itself. ``start`` is what was
    held out of the weights before the first step: as ``validation``, ``beside`` and ``alone``.

    ``joined`` is the share of the budget at which what was held out joined what is learned from, None before that,
    and ``until`` the share at which training ends.

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
    alone: float | None = None
    best: float | None = None
    validated_step: int = 0
    best_step: int = 0
    best_spent: float = 0.0
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
    joined: float | None = None
    until: float = 1.0
    start: tuple[float, float, float | None] | None = None

    def join(self) -> None:
        """Begin the last stage, at most half as long as what the best weights took.

        Weights that were best early are those of a network that then began to learn by heart: the longer it goes on
        from them, the more it would do so again.
        """
        self.joined = self.spent
        self.until = min(1.0, self.spent + self.best_spent / 2)
        self.stopped = False

    @property
    def place(self) -> float:
        """How far the learning rate is on its way down; in the last stage, on the last part of it."""
        if self.joined is None or self.until <= self.joined:
            return self.spent
        return 1 - LAST_SHARE * (self.until - self.spent) / (self.until - self.joined)

    def rescale(self, spent: float) -> None:
        """Give all shares as those of another budget, of which so much is ``spent``."""
        factor = spent / self.spent if self.spent else 1.0
        if self.recorded > 0:
            self.recorded = spent if self.recorded == self.spent else self.recorded * factor
        self.best_spent *= factor
        if self.joined is not None:
            self.joined *= factor
            self.until = min(1.0, self.until * factor)
        self.spent = spent


class Report(Protocol):
    """What a loop calls with its progress after every step."""

    def __call__(self, progress: Progress, /) -> None: ...
