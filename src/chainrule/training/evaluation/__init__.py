"""What models are worth on held-out data, with a state of their own that training never touches."""

from chainrule.training.evaluation.held_out import (
    ClassLogProbs,
    Piece,
    class_log_probs,
    confusion_and_loss,
    fit_gate,
    log_probs,
    log_probs_apart,
    split_documents,
)
from chainrule.training.evaluation.panels import panel_losses, panel_quantiles, states_after

__all__ = [
    "ClassLogProbs",
    "Piece",
    "class_log_probs",
    "confusion_and_loss",
    "fit_gate",
    "log_probs",
    "log_probs_apart",
    "panel_losses",
    "panel_quantiles",
    "split_documents",
    "states_after",
]
