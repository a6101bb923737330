"""The result of a comparison: models and baselines in one table."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from chainrule._choices import counted
from chainrule._optional import require
from chainrule._schema import structured
from chainrule.display import Cell, Shown, Table
from chainrule.errors import ArgumentError
from chainrule.runs.figures import bars_height, comparison
from chainrule.runs.scoring.metrics import nats_to_bits
from chainrule.runs.scoring.point_errors import ERROR_FORMATS, Errors

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Comparison", "ComparisonRow"]


@dataclass(frozen=True)
class ComparisonRow:
    """One model or baseline on the test part.

    ``gained`` is in nats per unit over the i.i.d. baseline, give or take ``gained_95`` (95 %); ``seconds`` and
    ``memory_bytes`` (peak, above what was there before; of a fit on a GPU, the GPU's) are of fitting and scoring, None
    for baselines.
    """

    name: str
    nats: float
    gained: float
    gained_95: float
    errors: Errors | None = None
    parameters: int | None = None
    seconds: float | None = None
    memory_bytes: int | None = None

    def cells(self, real: bool) -> tuple[Cell, ...]:
        """Its row in the table of a comparison, with errors for ``real`` values and bits for others."""
        middle: tuple[Cell, ...] = (nats_to_bits(self.nats),)
        if real:
            errors = self.errors
            middle = (None, None) if errors is None else (errors.mae, errors.coverage_80)
        memory = None if self.memory_bytes is None else self.memory_bytes / 1e6
        return (self.name, self.nats, self.gained, self.gained_95, *middle, self.parameters, self.seconds, memory)


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """Models and baselines on the same held-out data; the first row is the i.i.d. baseline.

    >>> rows = (ComparisonRow("i.i.d.", 1.4, 0.0, 0.0), ComparisonRow("ar", 1.1, gained=0.3, gained_95=0.1))
    >>> found = Comparison("noise.csv, last tenth", "step", 30, rows)
    >>> found, found.best.name
    (<Comparison of noise.csv, last tenth: ar with 1.100 nats/step is the best of 2>, 'ar')
    """

    of: str
    unit: str
    count: int
    rows: tuple[ComparisonRow, ...]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """What ``to_dict`` wrote, whose verdict is found anew.

        Raises:
            ArgumentError, LookupError, TypeError: it is something else.
        """
        unbounded = [row["gained_95"] is None for row in values["rows"]]
        written = {name: value for name, value in values.items() if name != "verdict"}
        written["rows"] = [{**row, "gained_95": row["gained_95"] or 0.0} for row in values["rows"]]
        read = structured(cls, written, "it")
        if len(read.rows) < 2:
            raise ArgumentError(f"it has {counted(len(read.rows), 'row')}; expected a baseline and a model at least.")
        rows = [
            replace(row, gained_95=math.inf) if is_unbounded else row
            for row, is_unbounded in zip(read.rows, unbounded, strict=True)
        ]
        return replace(read, rows=tuple(rows))

    @property
    def best(self) -> ComparisonRow:
        """The row of greatest likelihood."""
        return min(self.rows, key=lambda row: row.nats)

    def verdict(self) -> str:
        """Whether order matters here, in one sentence: it does if any interval of gains lies above zero."""
        surest = max(self.rows, key=_least_gain)
        best = self.best
        if _least_gain(surest) > 0:
            return f"Order matters here: {surest.name} {self._gain(surest)} over i.i.d."
        if best is self.rows[0]:
            return "Order was not shown to matter here: nothing is likelier than i.i.d."
        return f"Order was not shown to matter here: the best, {best.name}, {self._gain(best)} over i.i.d."

    def _gain(self, row: ComparisonRow) -> str:
        return f"gains {row.gained:.3f} ± {row.gained_95:.3f} nats per {self.unit}"

    def summary(self) -> str:
        best = f"{self.best.name} with {self.best.nats:.3f} nats/{self.unit}"
        return f"of {self.of}: {best} is the best of {len(self.rows)}"

    def table(self) -> Table:
        """Models and baselines, likeliest first."""
        ranked = sorted(self.rows, key=lambda row: row.nats)
        real = any(row.errors for row in self.rows)
        middle = ("MAE", "in 80 %") if real else ("bits",)
        formats = {**ERROR_FORMATS, **dict.fromkeys(("nats", "gained", "± 95 %", "bits"), ".3f")}
        return Table(
            f"{self.of}: {counted(self.count, self.unit)}; nats and bits per {self.unit}",
            ("", "nats", "gained", "± 95 %", *middle, "params", "seconds", "MB"),
            [row.cells(real) for row in ranked],
            (self.verdict(),),
            formats={**formats, "params": ",", "seconds": ".0f", "MB": ".0f"},
            strong=[k for k, row in enumerate(ranked) if row.parameters is not None],
        )

    def to_frame(self) -> "pd.DataFrame":
        """A row for each model and baseline, in the order of ``rows``."""
        rows = {}
        for row in self.rows:
            errors = {} if row.errors is None else asdict(row.errors)
            rows[row.name] = asdict(row) | errors
        frame: pd.DataFrame = require("pandas").DataFrame.from_dict(rows, orient="index")
        return frame.drop(columns=["name", "errors"]).rename_axis("name")

    def draw_on(self, ax: "Axes") -> None:
        """What each gains over the i.i.d. baseline, as bars with their intervals, the best on top."""
        iid, *others = self.rows
        comparison(
            ax,
            [row.name for row in others],
            [row.gained for row in others],
            [row.gained_95 for row in others],
            unit=f"nats per {self.unit}",
            baseline=iid.name,
        )

    @property
    def figure_height(self) -> float:
        return bars_height(len(self.rows) - 1)

    def to_dict(self) -> dict[str, Any]:
        """The rows and the verdict as JSON-able values; an interval without bounds is None."""
        rows = [asdict(row) for row in self.rows]
        for row in rows:
            if not math.isfinite(row["gained_95"]):
                row["gained_95"] = None
        return {**asdict(self), "rows": rows, "verdict": self.verdict()}


def _least_gain(row: ComparisonRow) -> float:
    """The lower end of the interval of what it gains."""
    return row.gained - row.gained_95
