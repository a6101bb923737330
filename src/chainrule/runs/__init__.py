"""Runs: fit a model to data, then score, sample, forecast, backtest, compare and classify with it."""

from chainrule.runs.backtest import Backtest, BacktestRow
from chainrule.runs.classifying import Classification, Classifications
from chainrule.runs.comparing import Comparison, ComparisonRow, compare
from chainrule.runs.fitting import fit, load
from chainrule.runs.forecasting import Forecast
from chainrule.runs.results import ClassScore, Errors, Score
from chainrule.runs.run import Run

__all__ = [
    "Backtest",
    "BacktestRow",
    "ClassScore",
    "Classification",
    "Classifications",
    "Comparison",
    "ComparisonRow",
    "Errors",
    "Forecast",
    "Run",
    "Score",
    "compare",
    "fit",
    "load",
]
