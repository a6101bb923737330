"""Streams, backpropagation through time, the training loop and its checkpoints."""

from typing import TYPE_CHECKING

from chainrule._optional import on_demand

if TYPE_CHECKING:
    from chainrule.training.adaptation.learner import Learner
    from chainrule.training.adaptation.one_pass import adaptive_log_probs, hedged
    from chainrule.training.bptt.estimate import Lost, estimate
    from chainrule.training.bptt.full import FullBPTT
    from chainrule.training.bptt.truncated import Place, TruncatedBPTT
    from chainrule.training.checkpoint import (
        PARTIAL,
        check_weights,
        load_tensors,
        load_weights,
        save_tensors,
        weights_of,
        write_atomically,
    )
    from chainrule.training.evaluation import (
        ClassLogProbs,
        Piece,
        class_log_probs,
        confusion_and_loss,
        fit_gate,
        log_probs,
        log_probs_apart,
        panel_losses,
        panel_quantiles,
        split_documents,
        states_after,
    )
    from chainrule.training.feeds.feed import Feed
    from chainrule.training.feeds.free_running_feed import FreeRunningFeed
    from chainrule.training.feeds.joined_feed import JoinedFeed
    from chainrule.training.feeds.labelled_feed import LabelledFeed
    from chainrule.training.feeds.panel_feed import PanelFeed
    from chainrule.training.feeds.stream_feed import StreamFeed
    from chainrule.training.feeds.streams import Chunk, Streams
    from chainrule.training.feeds.then import Then
    from chainrule.training.group import ALONE, Group, processes
    from chainrule.training.loop import BEST, FINAL, FINAL_LAST, LAST, train
    from chainrule.training.optimisation import Optimisation
    from chainrule.training.settings import LAST_SHARE, Progress, Report, TrainingConfig, TrainingSettings, Validation
    from chainrule.training.snapshot import saved_progress, weights_of_snapshot
else:
    __getattr__ = on_demand(__name__)

__all__ = [
    "ALONE",
    "BEST",
    "FINAL",
    "FINAL_LAST",
    "LAST",
    "LAST_SHARE",
    "PARTIAL",
    "Chunk",
    "ClassLogProbs",
    "Feed",
    "FreeRunningFeed",
    "FullBPTT",
    "Group",
    "JoinedFeed",
    "LabelledFeed",
    "Learner",
    "Lost",
    "Optimisation",
    "PanelFeed",
    "Piece",
    "Place",
    "Progress",
    "Report",
    "StreamFeed",
    "Streams",
    "Then",
    "TrainingConfig",
    "TrainingSettings",
    "TruncatedBPTT",
    "Validation",
    "adaptive_log_probs",
    "check_weights",
    "class_log_probs",
    "confusion_and_loss",
    "estimate",
    "fit_gate",
    "hedged",
    "load_tensors",
    "load_weights",
    "log_probs",
    "log_probs_apart",
    "panel_losses",
    "panel_quantiles",
    "processes",
    "save_tensors",
    "saved_progress",
    "split_documents",
    "states_after",
    "train",
    "weights_of",
    "weights_of_snapshot",
    "write_atomically",
]


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__
