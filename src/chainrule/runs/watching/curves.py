"""The losses of a fit over its steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule._choices import counted
from chainrule.display import Cell, Shown, Table
from chainrule.errors import ArgumentError
from chainrule.runs.figures import loss_curve
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.metrics_log import read_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TrainingCurves"]


@dataclass(frozen=True, eq=False, repr=False)
class TrainingCurves(Shown):
    """The records of a fit, one that goes on among them.

    Attributes:
        of: the folder of the run.
        title, unit: what was fitted to what, and what losses are in.
        records: the lines of metrics.jsonl.
        baselines: losses of the test part that are drawn as dashed lines, by name.
    """

    of: Path
    title: str
    unit: str
    records: Sequence[Mapping[str, Any]]
    baselines: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of_folder(
        cls, folder: Path, config: RunConfig, baselines: Mapping[str, float] | None = None
    ) -> "TrainingCurves":
        """What a run's folder has so far."""
        return cls(folder, config.title, config.loss_unit, read_metrics(folder), baselines or {})

    @property
    def trained(self) -> list[Mapping[str, Any]]:
        """The records with a training loss."""
        return [record for record in self.records if record["loss"] is not None]

    @property
    def validated(self) -> list[Mapping[str, Any]]:
        """The records with a validation loss."""
        return [record for record in self.records if "validation" in record]

    @property
    def best(self) -> Mapping[str, Any] | None:
        """The record of least validation loss; None before the first."""
        return min(self.validated, key=lambda record: record["validation"], default=None)

    def summary(self) -> str:
        return f"of {self.title}: {counted(len(self.records), 'record')}"

    def table(self) -> Table:
        """Every record."""
        rows: list[tuple[Cell, ...]] = [
            (record["step"], record.get("seconds"), record["loss"], record.get("validation"), _norm(record))
            for record in self.records
        ]
        columns = ("step", "seconds", "training", "validation", "gradient norm")
        formats = {"training": ".4f", "validation": ".4f", "seconds": ",.1f"}
        best = self.best
        notes = [f"Losses are in {self.unit}."]
        if best is not None:
            notes.append(f"The least validation loss is {best['validation']:.4f}, at step {best['step']:,}.")
        if not self.records:
            notes.append("There are no records: it was fitted in closed form, or has not begun.")
        return Table(f"Training of {self.title}", columns, rows, tuple(notes), formats)

    def to_dict(self) -> dict[str, Any]:
        return {"of": str(self.of), "title": self.title, "unit": self.unit, "records": [dict(r) for r in self.records]}

    def draw_on(self, ax: "Axes") -> None:
        """Training and validation losses, and the baselines as dashed lines.

        Raises:
            ArgumentError: it was fitted in closed form, and has no such losses.
        """
        trained = self.trained
        if not trained:
            raise ArgumentError(f"{self.of} was fitted in closed form, without steps to draw. Plot its score().")
        validated = self.validated
        alone = [record["alone"] for record in validated if "alone" in record]
        joined = [record["step"] for record in trained if "joined" in record]
        loss_curve(
            ax,
            [record["step"] for record in trained],
            [record["loss"] for record in trained],
            [record["step"] for record in validated],
            [record["validation"] for record in validated],
            self.unit,
            self.baselines,
            alone=alone if len(alone) == len(validated) else None,
            joined=joined[0] if joined else None,
        )

    @property
    def figure_height(self) -> float:
        return 4.5

    @property
    def drawable(self) -> bool:
        """Whether there are losses to draw."""
        return bool(self.trained)


def _norm(record: Mapping[str, Any]) -> float | None:
    norm = record.get("gradient_norm")
    return float(norm) if isinstance(norm, int | float) else None
