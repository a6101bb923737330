"""Forecasts of panels, many series at once: their metrics, baselines, calibration, tests and results."""

from chainrule.runs.scoring.panels.baselines import PANEL_BASELINES, BaselineForecasts, panel_baseline
from chainrule.runs.scoring.panels.conformal import Conformal, adaptive_conformal
from chainrule.runs.scoring.panels.diebold_mariano import (
    DieboldMariano,
    diebold_mariano,
    diebold_mariano_by_series,
    diebold_mariano_pooled,
)
from chainrule.runs.scoring.panels.ensemble import ensemble
from chainrule.runs.scoring.panels.forecast_arrays import forecast_panel
from chainrule.runs.scoring.panels.origins import Origins
from chainrule.runs.scoring.panels.panel_backtest import PanelBacktest
from chainrule.runs.scoring.panels.panel_forecast import PanelForecast
from chainrule.runs.scoring.panels.panel_scores import PanelRow, PanelScores
from chainrule.runs.scoring.panels.scales import Scales
from chainrule.runs.scoring.panels.score import score_panel

__all__ = [
    "PANEL_BASELINES",
    "BaselineForecasts",
    "Conformal",
    "DieboldMariano",
    "Origins",
    "PanelBacktest",
    "PanelForecast",
    "PanelRow",
    "PanelScores",
    "Scales",
    "adaptive_conformal",
    "diebold_mariano",
    "diebold_mariano_by_series",
    "diebold_mariano_pooled",
    "ensemble",
    "forecast_panel",
    "panel_baseline",
    "score_panel",
]
