"""The score of a classifier."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule._optional import require
from chainrule.display import Cell, Shown, Table
from chainrule.runs.figures import confusion
from chainrule.runs.scoring.metrics import nats_to_bits

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["ClassScore"]


@dataclass(frozen=True, eq=False, repr=False)
class ClassScore(Shown):
    """How well labels were predicted: the confusion matrix [true, predicted] and the mean -log p of the true label.

    ``split`` says how the examples that were scored were parted from those trained on; empty for new data.

    >>> found = ClassScore("digits", ("0", "1"), np.array([[9, 1], [2, 8]]), nats=0.3, majority=0.5)
    >>> found, found.accuracy
    (<ClassScore of digits: model 85.00% of 20 examples>, 0.85)
    """

    of: str
    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    nats: float
    majority: float
    model: str = "model"
    split: str = ""

    @property
    def count(self) -> int:
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        return float(np.trace(self.confusion) / self.confusion.sum())

    def summary(self) -> str:
        return f"of {self.of}: {self.model} {self.accuracy:.2%} of {counted(self.count, 'example')}"

    def table(self) -> Table:
        """Accuracy, beside always giving the best single answer."""
        rows: list[tuple[Cell, ...]] = [
            (self.model, self.accuracy, self.nats),
            ("best single answer", self.majority, None),
        ]
        formats = {"accuracy": ".2%", "nats/example": ".4f"}
        title = f"{self.of}: {counted(self.count, 'example')}"
        notes = (f"Split {self.split}.",) if self.split else ()
        return Table(title, ("", "accuracy", "nats/example"), rows, notes, formats=formats, strong=[0])

    def to_frame(self) -> "pd.DataFrame":
        """The confusion matrix: a row for each true class, a column for each predicted one."""
        classes = list(self.classes)
        frame: pd.DataFrame = require("pandas").DataFrame(self.confusion, classes, classes)
        return frame.rename_axis(index="true", columns="predicted")

    def draw_on(self, ax: "Axes") -> None:
        """The confusion matrix."""
        confusion(ax, self.confusion, self.classes)

    @property
    def figure_height(self) -> float:
        return 7.0

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
