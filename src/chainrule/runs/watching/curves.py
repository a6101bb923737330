"""The losses of a fit over its steps."""

from collections.abc import Iterator, Mapping, Sequence
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

__all__ = ["KEEPS_START", "TrainingCurves", "of_test_part"]

KEEPS_START = "training never improved on the held-out loss, so that the weights kept are those of the start, step 0."


@dataclass(frozen=True, eq=False, repr=False)
class TrainingCurves(Shown):
    """The records of a fit, one that goes on among them.

    Attributes:
        of: the folder of the run.
        title, unit: what was fitted to what, and what losses are in.
        records: the lines of metrics.jsonl.
        baselines: losses that are drawn as dashed lines, by names which say of what part they are.
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
    def chosen(self) -> Mapping[str, Any] | None:
        """The record of the weights that were chosen; None before the first.

        They are those of the least validation loss, with what counts beside it. Where a part of the model is trained by
        itself, untrained ones are chosen only until the next.
        """
        validated = self.validated
        trained = [record for record in validated if record["step"] > 0 or "alone" not in record]
        return min(trained or validated, key=_worth, default=None)

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
        return Table(f"Training of {self.title}", columns, rows, tuple(self._notes()), formats)

    def _notes(self) -> Iterator[str]:
        yield f"Losses are in {self.unit}."
        if not self.records:
            yield "There are no records: it was fitted in closed form, or has not begun."
        chosen = self.chosen
        if chosen is None:
            return
        yield f"Chosen: the weights of step {chosen['step']:,}, with a validation loss of {chosen['validation']:z.4f}."
        if chosen["step"] == 0 and self.trained:
            yield f"{KEEPS_START[0].upper()}{KEEPS_START[1:]}"
        if self._has_beside:
            yield (
                f"Beside it {chosen.get('beside', 0.0):+.4f} counts: of a series how well several steps ahead are "
                "forecast, of a panel how far chance alone may lower the loss."
            )

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
        chosen = self.chosen
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
            criterion=list(map(_worth, validated)) if self._has_beside else None,
            chosen=None if chosen is None else validated.index(chosen),
        )

    @property
    def _has_beside(self) -> bool:
        """Whether more than the validation loss chooses the weights."""
        return any(record.get("beside") for record in self.validated)

    @property
    def figure_height(self) -> float:
        return 4.5

    @property
    def drawable(self) -> bool:
        """Whether there are losses to draw."""
        return bool(self.trained)


def of_test_part(losses: Mapping[str, float]) -> dict[str, float]:
    """Losses of the test part for a figure whose curves are of other parts: their names say so."""
    return {f"{name}, test part": loss for name, loss in losses.items()}


def _worth(record: Mapping[str, Any]) -> float:
    """What chooses the weights, where it is least: the loop's own sum."""
    return float(record["validation"] + record.get("beside", 0.0))


def _norm(record: Mapping[str, Any]) -> float | None:
    norm = record.get("gradient_norm")
    return float(norm) if isinstance(norm, int | float) else None
