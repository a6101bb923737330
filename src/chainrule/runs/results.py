"""What runs report: plain numbers with names, for a table, a notebook or JSON."""

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import listed
from chainrule._optional import require
from chainrule.data.unknown import Unknown
from chainrule.errors import ArgumentError
from chainrule.runs.metrics import nats_to_bits

if TYPE_CHECKING:
    from chainrule.runs.ahead import FreeRun
    from chainrule.runs.backtest import Backtest

__all__ = ["ClassScore", "Errors", "Score"]


_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Errors:
    """Of point forecasts (the median) and of intervals, in the data's units; coverage is a share."""

    mae: float
    rmse: float
    mase: float
    coverage_80: float
    coverage_95: float


@dataclass(frozen=True, eq=False)
class Score:
    """A model's exact log-likelihood of data, and that of the baselines on the same steps.

    Attributes:
        of: what was scored.
        unit: character, byte, sample or step.
        log_prob: log p(x_t | x_<t) in nats, one a scored unit; densities of real values are in the data's own units.
        baselines: the same for each baseline.
        unseen: how many of the scored symbols training never saw.
        unknown: characters of new text that the model does not know, which were left out or not scored.
        cold: by a context n, the same symbols in blocks of n, each from a cold start that has read one symbol: what a
            transformer with a window of n is scored by.
        errors: one step ahead, of the model and the naive forecasts (real values only).
        ahead: a backtest several steps ahead, and free: where paths go that feed on themselves; of a run's own test
            part, real values only.
    """

    of: str
    unit: str
    log_prob: _Floats
    baselines: dict[str, _Floats] = field(default_factory=dict)
    errors: dict[str, Errors] = field(default_factory=dict)
    unseen: int = 0
    unknown: Unknown | None = None
    cold: dict[int, _Floats] = field(default_factory=dict)
    ahead: "Backtest | None" = None
    free: "FreeRun | None" = None

    @property
    def count(self) -> int:
        """How many units were scored."""
        return len(self.log_prob)

    @property
    def log_likelihood(self) -> float:
        """log p of all of it, in nats."""
        return math.fsum(self.log_prob)

    @property
    def nats(self) -> float:
        """-log p per unit: lower is better; below zero where densities exceed one."""
        return 0.0 - self.log_likelihood / self.count  # not -0.0

    @property
    def bits(self) -> float:
        """``nats`` in bits."""
        return nats_to_bits(self.nats)

    def baseline_nats(self) -> dict[str, float]:
        """-log p per unit of each baseline."""
        return {name: -float(log_prob.mean()) for name, log_prob in self.baselines.items()}

    def gain(self, baseline: str, comparisons: int = 1) -> tuple[float, float]:
        """Nats per unit gained over a baseline, and half the width of its 95 % interval.

        Of several models' intervals all hold together with 95 % when each is told how many there are: ``comparisons``
        (Bonferroni). Then the best of them may be singled out.

        Neighbouring units are not independent, so the interval comes from the means of about sqrt(count) consecutive
        blocks, as Student's of so many numbers (Flegal & Jones 2010, "Batch means and spectral variance estimators").
        It is infinite for fewer than two units.
        """
        if baseline not in self.baselines:
            raise ArgumentError(f"no baseline {baseline!r} was scored; there are {listed(self.baselines) or 'none'}.")
        difference = self.log_prob - self.baselines[baseline]
        blocks = min(self.count, max(2, math.isqrt(self.count)))
        if blocks < 2:
            return float(difference.mean()), math.inf
        means = np.array([block.mean() for block in np.array_split(difference, blocks)])
        quantile = require("scipy.special").stdtrit(blocks - 1, 1 - 0.025 / comparisons)
        return float(difference.mean()), float(quantile * means.std(ddof=1) / math.sqrt(blocks))

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON-able values."""
        return {
            "of": self.of,
            "unit": self.unit,
            "count": self.count,
            "unseen": self.unseen,
            "unknown": self.unknown and self.unknown.counts,
            "log_likelihood": self.log_likelihood,
            "nats": self.nats,
            "bits": self.bits,
            "baselines_nats": self.baseline_nats(),
            "cold_nats": {n: -float(log_prob.mean()) for n, log_prob in self.cold.items()},
            "errors": {name: asdict(errors) for name, errors in self.errors.items()},
            "ahead": self.ahead and self.ahead.to_dict(),
            "free": self.free and self.free.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class ClassScore:
    """How well labels were predicted: the confusion matrix [true, predicted] and the mean -log p of the true label.

    ``split`` says how the examples that were scored were parted from those trained on; empty for new data.
    """

    of: str
    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    nats: float
    majority: float
    split: str = ""

    @property
    def count(self) -> int:
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        return float(np.trace(self.confusion) / self.confusion.sum())

    def to_dict(self) -> dict[str, Any]:
        return {
            "of": self.of,
            "unit": "example",
            "count": self.count,
            "accuracy": self.accuracy,
            "majority_accuracy": self.majority,
            "split": self.split,
            "nats": self.nats,
            "bits": nats_to_bits(self.nats),
            "classes": list(self.classes),
            "confusion": self.confusion.tolist(),
        }
