"""All forecasts of a set, scored."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from benchmarks.forecasting.entering import LEVELS
from benchmarks.forecasting.jobs import Done
from benchmarks.forecasting.sets import ForecastSet
from chainrule.data import Panel
from chainrule.runs.scoring.panels import Origins, PanelBacktest, ensemble, panel_baseline, score_panel

__all__ = ["ENSEMBLE", "OnSet"]

ENSEMBLE = "chainrule ensemble"


@dataclass
class OnSet:
    """What came of all entrants on one set: chainrule's models first, then peers, then baselines.

    Attributes:
        panel: with the end that is forecast.
        models: what came of chainrule's models, by their labels.
        peers: the same of its peers.
        baselines: those that are fitted to each series, by their names.
    """

    name: str
    about: ForecastSet
    panel: Panel
    models: dict[str, Done] = field(default_factory=dict)
    peers: dict[str, Done] = field(default_factory=dict)
    baselines: tuple[str, ...] = ()

    @property
    def found(self) -> dict[str, Done]:
        """All that was trained, or was to be."""
        return self.models | self.peers

    def score(self) -> PanelBacktest | None:
        """The errors of all forecasts; metrics are means over each series first. None where no model was fitted.

        The ensemble is the mean of the quantiles of chainrule's models. MASE is scaled as the set's publications do.
        """
        models = _quantiles(self.models)
        if not models:
            return None
        if len(models) > 1:
            models[ENSEMBLE] = ensemble(list(models.values()))
        horizon = self.about.horizon
        series = np.arange(len(self.panel.ids))
        ends = self.panel.ends - horizon
        origins = Origins(self.panel, series, ends, horizon)
        baselines = {name: panel_baseline(name, origins, LEVELS).quantiles for name in self.baselines}
        forecasts = models | _quantiles(self.peers) | baselines
        return score_panel(
            self.panel, series, ends, forecasts, LEVELS, horizon, season=self.about.season, models=len(models)
        )

    def to_dict(self, score: PanelBacktest | None) -> dict[str, Any]:
        """Every number, as JSON-able values."""
        about = {"name": self.name, "series": len(self.panel.ids), "horizon": self.about.horizon}
        metrics = {} if score is None else {name: asdict(row) for name, row in score.rows.items()}
        names = dict.fromkeys([*self.models, *metrics, *self.peers])
        return about | {"entrants": {name: _told(self.found.get(name), metrics.get(name)) for name in names}}


def _quantiles(found: Mapping[str, Done]) -> dict[str, Any]:
    return {name: done.outcome.quantiles for name, done in found.items() if done.outcome is not None}


def _told(done: Done | None, metrics: dict[str, float] | None) -> dict[str, Any]:
    told: dict[str, Any] = {"metrics": metrics}
    if done is None:
        return told
    told |= {"not_run": done.not_run, "failed": done.failed, "others": done.others}
    if done.outcome is not None:
        spent = ("training", "forecasting", "processor", "steps")
        told |= {name: getattr(done.outcome, name) for name in spent}
    return told
