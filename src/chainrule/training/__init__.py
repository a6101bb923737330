"""Streams, the training loop and its checkpoints."""

from chainrule.training.checkpoint import (
    load_tensors,
    load_weights,
    save_tensors,
    weights_of,
    write_atomically,
)
from chainrule.training.config import Progress, Report, TrainingConfig
from chainrule.training.evaluation import Piece, confusion_and_loss, log_probs, split_documents
from chainrule.training.feeds import Feed, LabelledFeed, StreamFeed
from chainrule.training.loop import BEST, LAST, saved_step, train
from chainrule.training.streams import Streams

__all__ = [
    "BEST",
    "LAST",
    "Feed",
    "LabelledFeed",
    "Piece",
    "Progress",
    "Report",
    "StreamFeed",
    "Streams",
    "TrainingConfig",
    "confusion_and_loss",
    "load_tensors",
    "load_weights",
    "log_probs",
    "save_tensors",
    "saved_step",
    "split_documents",
    "train",
    "weights_of",
    "write_atomically",
]
