"""The figures of runs and their results; each function draws on the axes that it is given.

Lines are named where they end, without a legend.
"""

from chainrule.runs.figures.bars import bars, bars_height, comparison
from chainrule.runs.figures.confusion_matrix import confusion
from chainrule.runs.figures.fan import forecast_fan
from chainrule.runs.figures.loss_curves import loss_curve, losses_along

__all__ = ["bars", "bars_height", "comparison", "confusion", "forecast_fan", "loss_curve", "losses_along"]
