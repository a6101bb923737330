"""What a backtest of a panel comes to: the metrics of its forecasters, as they are shown, written and read again."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypedDict

import numpy as np

from chainrule._choices import choose, counted
from chainrule._schema import structured
from chainrule.display import BLACK, BLUE, GREY, SKY, VERMILLION, Cell, Shown, Table, name_ends, title, whole_ticks
from chainrule.errors import ArgumentError
from chainrule.runs.scoring.panels.scales import Scales
from chainrule.runs.scoring.panels.tally import INTERVALS, METRICS, Tally

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PanelRow", "PanelScores", "Tested", "best_of"]

_FORMATS = {"MASE": ".3f", "RMSSE": ".3f", "sMAPE": ".2f", "CRPS": "fixed", "WQL": ".4f", "width": "fixed"}
_OTHERS = (VERMILLION, GREY, SKY, BLACK, "#009E73", "#CC79A7")  # the lines of baselines, again from the first
_NAMES = {
    "mase": "MASE",
    "rmsse": "RMSSE",
    "crps": "CRPS",
    "smape": "sMAPE",
    "wql": "WQL",
    "mae": "MAE",
    "rmse": "RMSE",
}


@dataclass(frozen=True)
class PanelRow:
    """One forecaster's metrics: of each series first, then their mean over series; None where nothing is defined.

    ``mae``, ``rmse``, ``crps`` and widths are in the data's units, coverage is a share. ``crps`` is twice the mean
    pinball loss over all levels; ``wql``, the weighted quantile loss, the same over the levels 0.1, ..., 0.9 (those of
    them that were forecast), added up over all series and divided by the sum of absolute outcomes, as GluonTS has it.
    ``smape`` is that of the M4 competition, from 0 to 200. Points are medians.
    """

    mae: float
    rmse: float
    mase: float | None
    rmsse: float | None
    smape: float
    crps: float
    wql: float | None
    coverage_80: float | None = None
    coverage_95: float | None = None
    width_80: float | None = None
    width_95: float | None = None

    @classmethod
    def of(cls, tally: Tally, scales: Scales) -> Self:
        """The metrics of what a forecaster's errors add up to."""
        found = {key: None if np.isnan(value) else value for key, value in tally.overall(scales).items()}
        return cls(**{key: found.get(key) for key in cls.__annotations__})  # type: ignore[arg-type]


class Tested(TypedDict):
    """A `DieboldMariano` as JSON has it: None where there were too few forecasts to test."""

    statistic: float | None
    p_value: float | None
    count: int


def best_of(rows: Mapping[str, PanelRow], names: Iterable[str]) -> str:
    """The forecaster of least MASE, or CRPS where no series has a scale."""
    return min(names, key=lambda name: (rows[name].mase or 0.0, rows[name].crps))


@dataclass(frozen=True, repr=False)
class PanelScores(Shown):
    """The metrics of a `PanelBacktest` without its forecasts; ``load_comparison`` reads those of compared models.

    Attributes:
        of: the name of the panel.
        series, origins, horizon: how many series were forecast, from how many origins in all, how many steps ahead.
        levels: of the quantiles.
        models: how many of the forecasters, from the first on, are models.
        rows: the metrics by forecaster, the models first.
        by_horizon: the same metrics by step ahead; None where one is not defined.
        left_out: how many series have no scale.
        diebold_mariano: the test of the best model against the best baseline, None without baselines.
        facts: more that is known of forecasters, by their names: parameters, seconds and the like.
        notes: sentences to be told below the table.
    """

    of: str
    series: int
    origins: int
    horizon: int
    levels: tuple[float, ...]
    models: int
    rows: dict[str, PanelRow]
    by_horizon: dict[str, dict[str, tuple[float | None, ...]]]
    left_out: int
    diebold_mariano: Tested | None = None
    facts: dict[str, dict[str, int | float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """What ``to_dict`` wrote.

        Raises:
            ArgumentError: it is something else.
        """
        read = structured(cls, values, "it")
        if not 1 <= read.models <= len(read.rows) or read.by_horizon.keys() != read.rows.keys():
            raise ArgumentError("its models, its rows and its rows by horizon are not of the same forecasters.")
        for name, metrics in read.by_horizon.items():
            if any(len(metrics.get(metric, ())) != read.horizon for metric in METRICS):
                raise ArgumentError(f"it.by_horizon.{name} has not each metric of {counted(read.horizon, 'step')}.")
        return read

    @property
    def model(self) -> str:
        """The name of the model, or of the best one."""
        return best_of(self.rows, list(self.rows)[: self.models])

    def summary(self) -> str:
        row = self.rows[self.model]
        error = f"CRPS {row.crps:.5g}" if row.mase is None else f"MASE {row.mase:.3f}"
        return f"of {self._heading()}, {self.model} {error}"

    def _heading(self) -> str:
        sizes = f"{counted(self.series, 'series', 'series')}, {counted(self.origins, 'forecast')}"
        return f"{self.of}: {sizes} of {counted(self.horizon, 'step')}"

    def table(self) -> Table:
        """The models, then the baselines."""
        shares = [f"{percent} %" for percent in INTERVALS]
        columns = ("", "MASE", "sMAPE", "RMSSE", "CRPS", "WQL", *shares, "width")
        rows: list[tuple[Cell, ...]] = [
            (name, r.mase, r.smape, r.rmsse, r.crps, r.wql, r.coverage_80, r.coverage_95, r.width_80)
            for name, r in self.rows.items()
        ]
        shown = [k for k in range(len(columns)) if any(row[k] is not None for row in rows)]
        kept = [tuple(row[k] for k in shown) for row in rows]
        formats = _FORMATS | dict.fromkeys(shares, ".0%")
        return Table(
            self._heading(),
            tuple(columns[k] for k in shown),
            kept,
            self.notes,
            formats=formats,
            strong=range(self.models),
        )

    def to_dict(self) -> dict[str, Any]:
        """The rows, the metrics by step ahead and the test, as JSON-able values."""
        return asdict(self)

    def draw_on(self, ax: "Axes", metric: str | None = None) -> None:
        """One metric by steps ahead, a line for each forecaster: MASE, or CRPS where no series has a scale."""
        if metric is None:
            metric = "crps" if self.rows[self.model].mase is None else "mase"
        choose("metric", metric, METRICS)
        steps = np.arange(1, self.horizon + 1)
        ends = []
        for k, (name, metrics) in reversed(list(enumerate(self.by_horizon.items()))):  # the model's line over others
            is_best = name == self.model
            colour = BLUE if is_best else _OTHERS[(k - 1) % len(_OTHERS)]
            errors = np.array(metrics[metric], dtype=np.float64)  # None becomes NaN
            ax.plot(steps, errors, color=colour, linewidth=2.5 if is_best else 1.2, marker="o", markersize=3)
            if np.isfinite(errors).any():
                ends.append((name, float(errors[np.isfinite(errors)][-1]), colour))
        whole_ticks(ax.xaxis)
        ax.set_ylim(bottom=0)
        ax.set_xlabel("steps ahead")
        ax.set_ylabel(_NAMES[metric])
        title(ax, f"{_NAMES[metric]} by step ahead; less is better")
        if ends:
            name_ends(ax, ends)
