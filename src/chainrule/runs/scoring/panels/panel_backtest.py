"""Backtests of panels: forecasters beside one another, over many series and origins."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import choose, counted, listed
from chainrule._optional import require
from chainrule.display import BLUE, GREY, Cell, Shown, Table, name_ends, title, whole_ticks
from chainrule.display import listed as in_lists
from chainrule.runs.scoring.panels.diebold_mariano import DieboldMariano
from chainrule.runs.scoring.panels.long_frame import quantile_columns, times_of
from chainrule.runs.scoring.panels.origins import Origins
from chainrule.runs.scoring.panels.scales import Scales
from chainrule.runs.scoring.panels.tally import INTERVALS, METRICS, Tally

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["PanelBacktest", "PanelRow"]

_Floats = NDArray[np.float64]
_FORMATS = {"MASE": ".3f", "RMSSE": ".3f", "sMAPE": ".2f", "CRPS": "fixed", "WQL": ".4f", "width": "fixed"}
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

    ``mae``, ``rmse``, ``crps`` and widths are in the data's units, ``smape`` is that of the M4 competition, from 0 to
    200, ``wql`` the weighted quantile loss of all series together, coverage a share.
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


@dataclass(frozen=True, eq=False, repr=False)
class PanelBacktest(Shown):
    """The errors of a model and of baselines over the series of a panel; `score_panel` makes it.

    Attributes:
        origins: where the forecasts began.
        levels: (Q,) of the quantiles.
        forecasts: the quantiles (M, H, Q) by forecaster, the model first.
        tallies: their errors, added up.
        scales: what scaled errors are divided by.
        test: whether the model differs from the best baseline, over all series; None without baselines.
        tests: the same of each series.
        remarks: more that the result is told with.
    """

    origins: Origins
    levels: _Floats
    forecasts: dict[str, _Floats]
    tallies: dict[str, Tally]
    scales: Scales
    test: DieboldMariano | None = None
    tests: Sequence[DieboldMariano] = field(default=())
    remarks: tuple[str, ...] = ()

    @cached_property
    def rows(self) -> dict[str, PanelRow]:
        """The metrics by forecaster, the model's first."""
        rows = {}
        for name, tally in self.tallies.items():
            found = {key: None if np.isnan(value) else value for key, value in tally.overall(self.scales).items()}
            rows[name] = PanelRow(**{key: found.get(key) for key in PanelRow.__annotations__})  # type: ignore[arg-type]
        return rows

    @property
    def model(self) -> str:
        """The name of the model: the first forecaster."""
        return next(iter(self.tallies))

    @property
    def best_baseline(self) -> str | None:
        """The baseline of least MASE, or CRPS where no series has a scale; None without baselines."""
        names = list(self.rows)[1:]
        if not names:
            return None
        return min(names, key=lambda name: (self.rows[name].mase or 0.0, self.rows[name].crps))

    def with_tests(self, test: DieboldMariano, tests: Sequence[DieboldMariano]) -> "PanelBacktest":
        """The same with tests against the best baseline."""
        return replace(self, test=test, tests=tests)

    def summary(self) -> str:
        row = self.rows[self.model]
        error = f"CRPS {row.crps:.5g}" if row.mase is None else f"MASE {row.mase:.3f}"
        return f"of {self._heading()}, {self.model} {error}"

    def table(self) -> Table:
        """The model, then the baselines."""
        shares = [f"in {percent} %" for percent in INTERVALS]
        columns = ("", "MASE", "sMAPE", "RMSSE", "CRPS", "WQL", *shares, "width")
        rows: list[tuple[Cell, ...]] = [
            (name, r.mase, r.smape, r.rmsse, r.crps, r.wql, r.coverage_80, r.coverage_95, r.width_80)
            for name, r in self.rows.items()
        ]
        shown = [k for k in range(len(columns)) if any(row[k] is not None for row in rows)]
        kept = [tuple(row[k] for k in shown) for row in rows]
        formats = _FORMATS | dict.fromkeys(shares, ".0%")
        return Table(
            self._heading(), tuple(columns[k] for k in shown), kept, self._notes(), formats=formats, strong=[0]
        )

    def _heading(self) -> str:
        series = len(np.unique(self.origins.series))
        sizes = f"{counted(series, 'series', 'series')}, {counted(len(self.origins), 'forecast')}"
        return f"{self.origins.panel.name}: {sizes} of {counted(self.origins.horizon, 'step')}"

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if self.rows[self.model].width_80 is not None:
            notes.append("width: of 80 % intervals, as CRPS in the data's units")
        left_out = np.intersect1d(self.scales.left_out, self.origins.series)
        if len(left_out):
            ids = listed((self.origins.panel.ids[i] for i in left_out), shown=3)
            notes.append(
                f"{counted(len(left_out), 'series', 'series')} left out of MASE and RMSSE, constant or no longer than a "
                f"season before the first forecast: {ids}"
            )
        if self.test is not None:
            notes.append(f"{self.model} against {self.best_baseline}, the best of the others: {_verdict(self.test)}")
        return (*notes, *self.remarks)

    def by_horizon(self) -> "pd.DataFrame":
        """A row for each forecaster and step ahead, with all metrics."""
        return self._frame({name: tally.by_horizon(self.scales) for name, tally in self.tallies.items()}, "step")

    def by_series(self) -> "pd.DataFrame":
        """A row for each forecaster and series that was forecast, with all metrics."""
        frame = self._frame({name: tally.by_series(self.scales) for name, tally in self.tallies.items()}, "unique_id")
        forecast = np.isin(np.arange(len(self.origins.panel.ids)), self.origins.series)
        kept: pd.DataFrame = frame[np.tile(forecast, len(self.tallies))].reset_index(drop=True)
        return kept

    def _frame(self, metrics: dict[str, dict[str, _Floats]], unit: str) -> "pd.DataFrame":
        pandas = require("pandas")
        labels: Any = self.origins.panel.ids if unit == "unique_id" else range(1, self.origins.horizon + 1)
        frames = [pandas.DataFrame({"model": name, unit: labels, **found}) for name, found in metrics.items()]
        frame: pd.DataFrame = pandas.concat(frames, ignore_index=True)
        return frame

    def to_frame(self) -> "pd.DataFrame":
        """All forecasts in utilsforecast's format: ``unique_id, ds, cutoff, y``, then `quantile_columns` of each.

        ``cutoff`` is the last step that was seen. Without dates, ``ds`` and ``cutoff`` number the rows of each series
        from 1. Steps after the last row of a series are left out.
        """
        at = self.origins
        panel = at.panel
        rows = at.rows[:, None] + np.arange(at.horizon)
        there = (rows < panel.starts[at.series + 1][:, None]).ravel()
        series = np.repeat(at.series, at.horizon)[there]
        rows = rows.ravel()[there]
        seen = np.repeat(at.rows, at.horizon)[there]
        when: dict[str, Any] = {"ds": rows - panel.starts[series] + 1, "cutoff": seen - panel.starts[series]}
        if panel.dates is not None:
            when = {key: times_of(panel.dates[of], panel.timezone) for key, of in (("ds", rows), ("cutoff", seen - 1))}
        columns = {"unique_id": np.asarray(panel.ids, dtype=object)[series], **when, "y": panel.values[rows]}
        for name, quantiles in self.forecasts.items():
            columns |= quantile_columns(name, self.levels, quantiles.reshape(-1, len(self.levels))[there])
        frame: pd.DataFrame = require("pandas").DataFrame(columns)
        return frame

    def to_dict(self) -> dict[str, Any]:
        """The rows, the metrics by step ahead and the test; not the forecasts, which are many."""
        by_step = {
            name: {key: in_lists(values) for key, values in tally.by_horizon(self.scales).items()}
            for name, tally in self.tallies.items()
        }
        test = None
        if self.test is not None:
            test = {key: in_lists(value) for key, value in asdict(self.test).items()}
        return {
            "of": self.origins.panel.name,
            "series": len(np.unique(self.origins.series)),
            "origins": len(self.origins),
            "horizon": self.origins.horizon,
            "levels": self.levels.tolist(),
            "rows": {name: asdict(row) for name, row in self.rows.items()},
            "by_horizon": by_step,
            "left_out": len(np.intersect1d(self.scales.left_out, self.origins.series)),
            "diebold_mariano": test,
            "notes": list(self._notes()),
        }

    def draw_on(self, ax: "Axes", metric: str | None = None) -> None:
        """One metric by steps ahead, a line for each forecaster: MASE, or CRPS where no series has a scale."""
        if metric is None:
            metric = "crps" if self.rows[self.model].mase is None else "mase"
        choose("metric", metric, METRICS)
        steps = np.arange(1, self.origins.horizon + 1)
        ends = []
        for name, tally in reversed(list(self.tallies.items())):  # the model's own line over the others
            mine = name == self.model
            colour = BLUE if mine else GREY
            errors = tally.by_horizon(self.scales)[metric]
            ax.plot(steps, errors, color=colour, linewidth=2 if mine else 1, marker="o", markersize=3)
            if np.isfinite(errors).any():
                ends.append((name, float(errors[np.isfinite(errors)][-1]), colour))
        whole_ticks(ax.xaxis)
        ax.set_ylim(bottom=0)
        ax.set_xlabel("steps ahead")
        ax.set_ylabel(_NAMES[metric])
        title(ax, f"{_NAMES[metric]} by step ahead; less is better")
        if ends:
            name_ends(ax, ends)


def _verdict(test: DieboldMariano) -> str:
    """The outcome of a test in words."""
    if np.isnan(test.statistic):
        return f"too few forecasts to test ({counted(test.count, 'time')})"
    better = "better" if test.statistic < 0 else "worse"
    sure = f"{better} by more than chance" if test.p_value < 0.05 else "no more than chance apart"
    p = "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.3f}"
    return f"{sure} (Diebold-Mariano {test.statistic:.2f}, {p}, scaled CRPS, {counted(test.count, 'time')})"
