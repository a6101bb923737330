"""How a run is shown: what was fitted to what, its score, and its losses while training."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule._choices import counted
from chainrule._optional import require
from chainrule.display import Cell, Shown, Table
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.scoring.labelled.class_score import ClassScore
from chainrule.runs.scoring.scores import Score
from chainrule.runs.watching.curves import TrainingCurves

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Fitted"]


class Fitted(Shown):
    """What is shown of a run; ``result`` is the score of the test part, None for a run that was loaded."""

    path: Path
    config: RunConfig
    result: Score | ClassScore | None

    @property
    @abstractmethod
    def parameters(self) -> int:
        """How many numbers the model has learned."""

    @property
    @abstractmethod
    def receptive_field(self) -> int | None:
        """How many steps of the past the model sees; None for latent models and for images."""

    @property
    def sees(self) -> str:
        """What the model sees of the past, in words."""
        unit = self.config.data.unit
        seen = self.receptive_field
        if seen is None:
            return "all of the past"
        return f"the last {counted(seen, unit)}" if seen else f"no {unit} of the past"

    @property
    def best_step(self) -> int | None:
        """The step whose weights were chosen, 0 for those of the start; None for a fit in closed form."""
        chosen = self._curves().chosen
        return None if chosen is None else int(chosen["step"])

    def summary(self) -> str:
        return f"{self.config.title}: {counted(self.parameters, 'parameter')}, in {self.path}"

    def table(self) -> Table:
        """Model, data and size."""
        data = self.config.data
        rows: list[tuple[Cell, ...]] = [
            ("model", self.config.model.title),
            ("data", f"{data.name} ({data.kind}), one {data.unit} at a time"),
            ("parameters", f"{self.parameters:,}"),
            ("sees", self.sees),
            ("folder", str(self.path)),
        ]
        if data.classes:
            rows[3] = ("classes", ", ".join(data.classes))
        return Table(self.config.title, ("", "run"), rows)

    def tables(self) -> Sequence[Table]:
        """The run, and its score if it was just fitted."""
        if self.result is None:
            return (self.table(),)
        return (self.table(), *self.result.tables())

    def to_frame(self) -> "pd.DataFrame":
        """One row, so that runs can stand below one another: pandas.concat([run.to_frame() for run in runs])."""
        about = {name: [value] for name, value in self._about().items()}
        if self.result is not None:
            score = self.result.to_dict()
            about |= {name: [score[name]] for name in ("count", "nats", "bits", "accuracy") if name in score}
        frame: pd.DataFrame = require("pandas").DataFrame(about)
        return frame

    def to_dict(self) -> dict[str, Any]:
        """The run, its whole config, and its score if it was just fitted."""
        score = None if self.result is None else self.result.to_dict()
        return self._about() | {"config": self.config.to_dict(), "score": score}

    def draw_on(self, ax: "Axes", baselines: Mapping[str, float] | None = None) -> None:
        """The losses during training; each baseline's loss, by name, is a dashed line.

        Raises:
            ArgumentError: it was fitted in closed form, and has no such losses.
        """
        replace(self._curves(), baselines=baselines or {}).draw_on(ax)

    @property
    def figure_height(self) -> float:
        return 4.5

    @property
    def drawable(self) -> bool:
        """Whether there are losses to draw, as a fit in closed form has none."""
        return self._curves().drawable

    def _curves(self) -> TrainingCurves:
        return TrainingCurves.of_folder(self.path, self.config)

    def _about(self) -> dict[str, Any]:
        return {
            "model": self.config.model.title,
            "data": self.config.data.name,
            "parameters": self.parameters,
            "receptive_field": self.receptive_field,
            "best_step": self.best_step,
            "path": str(self.path),
        }
