"""What a model of a panel has to beat: forecasts of every series, with intervals, from the past alone."""

from chainrule.runs.scoring.panels.baselines.made import BaselineForecasts
from chainrule.runs.scoring.panels.baselines.table import PANEL_BASELINES, panel_baseline

__all__ = ["PANEL_BASELINES", "BaselineForecasts", "panel_baseline"]
