"""Scores of models on data that they have not seen, beside baselines, and forecasts."""

from chainrule.runs.scoring.labelled.class_score import ClassScore
from chainrule.runs.scoring.panels import PanelBacktest
from chainrule.runs.scoring.scores import Score

__all__ = ["Result"]

Result = Score | ClassScore | PanelBacktest
"""The score of a fit."""
