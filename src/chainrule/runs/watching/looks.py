"""What was seen of the gradients while a fit went on."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._choices import counted
from chainrule.display import Cell, Shown, Table
from chainrule.errors import ArgumentError
from chainrule.lens import Record
from chainrule.lens.recorder.record import draw_norms

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TrainingLooks"]


@dataclass(frozen=True, eq=False, repr=False)
class TrainingLooks(Shown):
    """The looks of a fit at its gradients, in order: how far back they reached.

    Attributes:
        title: what was fitted to what.
        looks: of each a record, without the gates.
    """

    title: str
    looks: Sequence[Record]

    @classmethod
    def of_records(cls, title: str, records: Sequence[Mapping[str, Any]]) -> "TrainingLooks":
        """From the lines of metrics.jsonl.

        Raises:
            ArgumentError: none of them has a look.
        """
        looks = [_look(record) for record in records if "reach" in record]
        if not looks:
            raise ArgumentError(f"the fit of {title} has not looked at its gradients: {_why_not(records)}.")
        return cls(title, looks)

    def summary(self) -> str:
        return f"of {self.title}: {counted(len(self.looks), 'look')}"

    def table(self) -> Table:
        """The horizons of every look."""
        rows: list[tuple[Cell, ...]] = [
            (look.step, look.half, look.horizon, look.verdict.partition(":")[0]) for look in self.looks
        ]
        note = "Lags at which the gradient norm has fallen to 50 % and 1 % of that at lag 0; blank: beyond."
        return Table(
            f"Reach of gradients during training: {self.title}",
            ("step", "lag to 50 %", "lag to 1 %", "verdict"),
            rows,
            (note,),
        )

    def to_dict(self) -> dict[str, Any]:
        return {"title": self.title, "looks": [look.to_dict() for look in self.looks]}

    def draw_on(self, ax: "Axes") -> None:
        """Norms by lag, a column for each look, and the horizons."""
        draw_norms(
            ax,
            steps=[look.step for look in self.looks],
            by_lag=[look.by_lag for look in self.looks],
            horizons=[look.horizon for look in self.looks],
        )


def _why_not(records: Sequence[Mapping[str, Any]]) -> str:
    norms = [record["gradient_norm"] for record in records if record.get("gradient_norm") is not None]
    if norms and not any(norms):
        return "there were none, since its loss does not depend on its weights: every gradient is zero"
    return "it has just begun, took too few steps for that, or its model has no state"


def _look(record: Mapping[str, Any]) -> Record:
    reach = record["reach"]
    by_lag = np.array([math.nan if norm is None else norm for norm in reach["gradient_by_lag"]], dtype=np.float64)
    return Record(
        step=record["step"],
        horizon=reach["horizon"],
        half=reach.get("half"),
        by_lag=by_lag,
        gates=(),
        part=str(reach.get("part", "state")),
        verdict=str(reach.get("verdict", "")),
        seconds=0.0,
    )
