"""Runs: fit a model to data, then score, sample, forecast, backtest, compare and classify with it."""

from chainrule.runs.fitting import fit, load
from chainrule.runs.run import Run

__all__ = ["Run", "fit", "load"]
