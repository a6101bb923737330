"""Runs: fit a model to data, then score, sample, forecast, backtest, compare and classify with it."""

from chainrule.runs.comparison import compare
from chainrule.runs.comparison_result import Comparison, ComparisonRow
from chainrule.runs.fitting.fit import fit, load
from chainrule.runs.panel_comparison import forecast_ensemble
from chainrule.runs.run import Run
from chainrule.runs.scoring.backtest import Backtest, BacktestRow
from chainrule.runs.scoring.forecast import Forecast
from chainrule.runs.scoring.labelled.class_score import ClassScore
from chainrule.runs.scoring.labelled.classification import Classification, Classifications
from chainrule.runs.scoring.labelled.mistakes import Mistake, Mistakes
from chainrule.runs.scoring.panels import PanelBacktest, PanelForecast
from chainrule.runs.scoring.point_errors import Errors
from chainrule.runs.scoring.scores import Score
from chainrule.runs.scoring.surprise import Each, Shuffled

__all__ = [
    "Backtest",
    "BacktestRow",
    "ClassScore",
    "Classification",
    "Classifications",
    "Comparison",
    "ComparisonRow",
    "Each",
    "Errors",
    "Forecast",
    "Mistake",
    "Mistakes",
    "PanelBacktest",
    "PanelForecast",
    "Run",
    "Score",
    "Shuffled",
    "compare",
    "fit",
    "forecast_ensemble",
    "load",
]
