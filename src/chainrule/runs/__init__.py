"""Runs: fit a model to data, then score, sample, forecast, backtest, compare and classify with it."""

from typing import TYPE_CHECKING

from chainrule._optional import on_demand

if TYPE_CHECKING:
    from chainrule.runs.comparison import compare
    from chainrule.runs.comparison_loading import load_comparison
    from chainrule.runs.comparison_result import Comparison, ComparisonRow
    from chainrule.runs.fitting.fit import fit, load
    from chainrule.runs.kinds.panels.run import PanelRun
    from chainrule.runs.kinds.series.run import SeriesRun
    from chainrule.runs.listing.listed_run import ListedRun
    from chainrule.runs.listing.runs import Runs, list_runs
    from chainrule.runs.panel_comparison import ensemble_members, forecast_ensemble
    from chainrule.runs.run import Run
    from chainrule.runs.scoring.backtest import Backtest, BacktestRow
    from chainrule.runs.scoring.forecast import Forecast
    from chainrule.runs.scoring.labelled.class_score import ClassScore
    from chainrule.runs.scoring.labelled.classification import Classification, Classifications
    from chainrule.runs.scoring.labelled.mistakes import Mistake, Mistakes
    from chainrule.runs.scoring.panels import PanelBacktest, PanelForecast, PanelScores
    from chainrule.runs.scoring.point_errors import Errors
    from chainrule.runs.scoring.scores import Score
    from chainrule.runs.scoring.surprise import Each, Shuffled
else:
    __getattr__ = on_demand(__name__)

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
    "ListedRun",
    "Mistake",
    "Mistakes",
    "PanelBacktest",
    "PanelForecast",
    "PanelRun",
    "PanelScores",
    "Run",
    "Runs",
    "Score",
    "SeriesRun",
    "Shuffled",
    "compare",
    "ensemble_members",
    "fit",
    "forecast_ensemble",
    "list_runs",
    "load",
    "load_comparison",
]


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__
