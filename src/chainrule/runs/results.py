"""What runs report: plain numbers with names, for a table, a notebook or JSON."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.runs.metrics import nats_to_bits

__all__ = ["ClassScore", "Errors", "Score"]


@dataclass(frozen=True)
class Errors:
    """Of point forecasts (the median) and of intervals, in the data's units; coverage is a share."""

    mae: float
    rmse: float
    mase: float
    coverage_80: float
    coverage_95: float


@dataclass(frozen=True)
class Score:
    """A model's exact log-likelihood of data, and that of the baselines on the same steps.

    ``nats`` and ``bits`` are -log p per unit (character, byte, sample, step): lower is better, and for real values,
    whose densities can exceed one, they can be negative. ``baselines`` are nats per unit.
    """

    of: str
    unit: str
    count: int
    log_likelihood: float
    baselines: dict[str, float] = field(default_factory=dict)
    errors: dict[str, Errors] = field(default_factory=dict)

    @property
    def nats(self) -> float:
        return -self.log_likelihood / self.count

    @property
    def bits(self) -> float:
        return nats_to_bits(self.nats)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "nats": self.nats, "bits": self.bits}


@dataclass(frozen=True)
class ClassScore:
    """How well labels were predicted: the confusion matrix [true, predicted] and the mean -log p of the true label."""

    of: str
    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    nats: float
    majority: float

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
            "nats": self.nats,
            "bits": nats_to_bits(self.nats),
            "classes": list(self.classes),
            "confusion": self.confusion.tolist(),
        }
