"""From what a run was asked for to the streams that it trains on."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from chainrule.errors import ArgumentError
from chainrule.runs.folder.config import RunConfig
from chainrule.training import FullBPTT, Group, StreamFeed, Streams, TruncatedBPTT

__all__ = ["check_shuffle", "stream_feed"]


def check_shuffle(documents: int, config: RunConfig) -> None:
    """Refuse to shuffle what trains, if it is of one document.

    Raises:
        ArgumentError: it is.
    """
    if config.training.shuffle and documents == 1:
        raise ArgumentError(
            "`shuffle` draws an order of documents, and there is only one to train on. Leave it out, or, of a text, "
            'say where documents end (`documents="line"` or `documents="blank-line"`).'
        )


def stream_feed(documents: Sequence[NDArray[Any]], rows: int, config: RunConfig, group: Group) -> StreamFeed:
    """The documents as ``rows`` streams, with the backpropagation that was asked for."""
    training = config.training
    full = training.bptt == "full"
    k1 = sum(map(len, documents)) if full else training.k1 or config.model.window
    bptt = FullBPTT(training.memory) if full else TruncatedBPTT(k1, training.k2 or k1)
    streams = Streams(
        documents,
        rows,
        k1,
        shuffle=training.shuffle,
        random_windows=training.random_windows,
        seed=training.seed,
        rank=group.rank,
        ranks=group.size,
    )
    chosen = "auto" if training.bptt == "auto" else bptt
    return StreamFeed(streams, chosen, state_dropout=training.state_dropout, group=group)
