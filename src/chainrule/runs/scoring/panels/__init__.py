"""Forecasts of panels, many series at once: their metrics, baselines, calibration, tests and results."""

from chainrule.runs.scoring.panels.adaptive import adaptive_conformal
from chainrule.runs.scoring.panels.baselines import PANEL_BASELINES, panel_baseline
from chainrule.runs.scoring.panels.conformal import Conformal
from chainrule.runs.scoring.panels.ensemble import ensemble
from chainrule.runs.scoring.panels.forecast_arrays import forecast_panel
from chainrule.runs.scoring.panels.origins import Origins
from chainrule.runs.scoring.panels.panel_backtest import PanelBacktest
from chainrule.runs.scoring.panels.panel_forecast import PanelForecast
from chainrule.runs.scoring.panels.scales import Scales
from chainrule.runs.scoring.panels.score import score_panel

__all__ = [
    "PANEL_BASELINES",
    "Conformal",
    "Origins",
    "PanelBacktest",
    "PanelForecast",
    "Scales",
    "adaptive_conformal",
    "ensemble",
    "forecast_panel",
    "panel_baseline",
    "score_panel",
]
