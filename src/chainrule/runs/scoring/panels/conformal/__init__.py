"""Intervals that cover what they say, whatever the forecaster: conformal calibration, once or along a backtest."""

from chainrule.runs.scoring.panels.conformal.adaptive import adaptive_conformal
from chainrule.runs.scoring.panels.conformal.split import Conformal

__all__ = ["Conformal", "adaptive_conformal"]
