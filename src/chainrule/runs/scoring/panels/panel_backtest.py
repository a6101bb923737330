"""Backtests of panels: forecasters beside one another, over many series and origins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule._optional import require
from chainrule.display import Shown, Table
from chainrule.display import listed as in_lists
from chainrule.runs.scoring.panels.diebold_mariano import DieboldMariano, verdict
from chainrule.runs.scoring.panels.long_frame import backtest_frame
from chainrule.runs.scoring.panels.origins import Origins
from chainrule.runs.scoring.panels.panel_scores import PanelRow, PanelScores, Tested, best_of
from chainrule.runs.scoring.panels.scales import Scales
from chainrule.runs.scoring.panels.tally import Tally

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["PanelBacktest"]

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class PanelBacktest(Shown):
    """The errors of models, mostly one, and of baselines over the series of a panel; `score_panel` makes it.

    Attributes:
        origins: where the forecasts began.
        levels: (Q,) of the quantiles.
        forecasts: the quantiles (M, H, Q) by forecaster, the models first.
        tallies: their errors, added up.
        scales: what scaled errors are divided by.
        test: whether the best model differs from the best baseline, over all series; None without baselines.
        tests: the same of each series.
        remarks: more that the result is told with.
        models: how many of the forecasters, from the first on, are models.
        facts: more that is known of forecasters, by their names: parameters, seconds and the like.
    """

    origins: Origins
    levels: _Floats
    forecasts: dict[str, _Floats]
    tallies: dict[str, Tally]
    scales: Scales
    test: DieboldMariano | None = None
    tests: Sequence[DieboldMariano] = field(default=())
    remarks: tuple[str, ...] = ()
    models: int = 1
    facts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @cached_property
    def rows(self) -> dict[str, PanelRow]:
        """The metrics by forecaster, the model's first."""
        return {name: PanelRow.of(tally, self.scales) for name, tally in self.tallies.items()}

    @cached_property
    def scores(self) -> PanelScores:
        """What the forecasts come to."""
        return PanelScores(
            of=self.origins.panel.name,
            series=len(np.unique(self.origins.series)),
            origins=len(self.origins),
            horizon=self.origins.horizon,
            levels=tuple(self.levels.tolist()),
            models=self.models,
            rows=self.rows,
            by_horizon={name: _in_tuples(tally.by_horizon(self.scales)) for name, tally in self.tallies.items()},
            left_out=len(np.intersect1d(self.scales.left_out, self.origins.series)),
            diebold_mariano=None if self.test is None else _written(self.test),
            facts={name: dict(facts) for name, facts in self.facts.items()},
            notes=self._notes(),
        )

    @property
    def model(self) -> str:
        """The name of the model, or of the best one, as the best baseline is chosen."""
        return best_of(self.rows, list(self.tallies)[: self.models])

    @property
    def best_baseline(self) -> str | None:
        """The baseline of least scaled CRPS, by which it is tested, or CRPS without scales; None without baselines."""
        names = list(self.tallies)[self.models :]
        if not names:
            return None
        scaled = {name: self.tallies[name].scaled_crps(self.scales) for name in names}
        return min(names, key=lambda name: (np.nan_to_num(scaled[name]), self.rows[name].crps))

    def with_tests(self, test: DieboldMariano, tests: Sequence[DieboldMariano]) -> "PanelBacktest":
        """The same with tests against the best baseline."""
        return replace(self, test=test, tests=tests)

    def summary(self) -> str:
        return self.scores.summary()

    def table(self) -> Table:
        """The models, then the baselines."""
        return self.scores.table()

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if self.rows[self.model].width_80 is not None:
            notes.append("80 %, 95 %: outcomes inside these intervals; width: of the first, in the data's units")
        left_out = np.intersect1d(self.scales.left_out, self.origins.series)
        if len(left_out):
            ids = listed((self.origins.panel.ids[i] for i in left_out), shown=3)
            notes.append(
                f"{counted(len(left_out), 'series', 'series')} left out of MASE and RMSSE, constant or no longer than "
                f"a season before the first forecast: {ids}"
            )
        if self.test is not None:
            others = "others" if self.models == 1 else "baselines"
            notes.append(f"{self.model} against {self.best_baseline}, the best of the {others}: {verdict(self.test)}")
        return (*notes, *self.remarks)

    def by_horizon(self) -> "pd.DataFrame":
        """A row for each forecaster and step ahead, with all metrics."""
        return self._frame({name: tally.by_horizon(self.scales) for name, tally in self.tallies.items()}, "step")

    def by_series(self) -> "pd.DataFrame":
        """A row for each forecaster and series that was forecast, with all metrics.

        Where there are baselines, ``dm_statistic`` (below 0 where the model is better) and ``dm_p_value`` are of the
        Diebold-Mariano test of the best model against the best baseline, in the rows of that model.
        """
        frame = self._frame({name: tally.by_series(self.scales) for name, tally in self.tallies.items()}, "unique_id")
        if self.tests:
            tested = frame["model"] == self.model
            for column, name in (("dm_statistic", "statistic"), ("dm_p_value", "p_value")):
                frame[column] = np.nan
                frame.loc[tested, column] = [getattr(test, name) for test in self.tests]
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

        ``cutoff`` is the last step that was seen. Without dates, ``ds`` and ``cutoff`` are the numbers that the data
        has for its steps, else those of the rows of each series, from 1. Steps after the last row of a series are left
        out.
        """
        return backtest_frame(self.origins, self.levels, self.forecasts)

    def to_dict(self) -> dict[str, Any]:
        """The rows, the metrics by step ahead and the test; not the forecasts, which are many."""
        return self.scores.to_dict()

    def draw_on(self, ax: "Axes", metric: str | None = None) -> None:
        """One metric by steps ahead, a line for each forecaster: MASE, or CRPS where no series has a scale."""
        self.scores.draw_on(ax, metric)


def _in_tuples(metrics: Mapping[str, _Floats]) -> dict[str, tuple[float | None, ...]]:
    return {key: tuple(in_lists(values)) for key, values in metrics.items()}


def _written(test: DieboldMariano) -> Tested:
    return Tested(statistic=in_lists(test.statistic), p_value=in_lists(test.p_value), count=test.count)
