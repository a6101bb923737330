"""From what a run was asked for to the streams that it trains on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule.errors import ArgumentError
from chainrule.models import PanelTensors
from chainrule.runs.folder.config import RunConfig
from chainrule.training import FreeRunningFeed, FullBPTT, Group, PanelFeed, StreamFeed, Streams, TruncatedBPTT

__all__ = ["check_shuffle", "panel_feed", "series_feed", "stream_feed"]


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
    streams, chosen = _streams(documents, rows, config, group, shuffle=config.training.shuffle)
    return StreamFeed(streams, chosen, state_dropout=config.training.state_dropout, group=group)


def series_feed(values: NDArray[np.float64], rows: int, config: RunConfig, group: Group) -> StreamFeed:
    """The values (T, C) of a series as ``rows`` streams, running free for as many steps as was asked for."""
    probability = config.training.scheduled_sampling
    if probability == 0:
        return stream_feed([values], rows, config, group)
    streams, chosen = _streams([values], rows, config, group, shuffle=False)
    assert not isinstance(chosen, FullBPTT)  # refused by the config
    return FreeRunningFeed(streams, chosen, probability=probability, group=group)


def panel_feed(
    rows: PanelTensors, until: NDArray[np.int64], used: NDArray[np.bool_], config: RunConfig, group: Group
) -> PanelFeed:
    """The ``used`` series (N,) of a panel, each to the row before ``until`` (N,), in a new order every epoch."""
    numbers = np.arange(len(rows.series))
    starts = rows.starts.numpy()[used]
    # the last row of a series has nothing ahead of it
    documents = [numbers[first : end - 1] for first, end in zip(starts, until[used], strict=True)]
    count = min(config.training.batch, sum(map(len, documents)) // (2 * group.size))
    streams, chosen = _streams(documents, count, config, group, shuffle=True)
    ends = torch.from_numpy(until)
    return PanelFeed(rows, ends, streams, chosen, group=group)


def _streams(
    documents: Sequence[NDArray[Any]], rows: int, config: RunConfig, group: Group, *, shuffle: bool
) -> tuple[Streams, TruncatedBPTT | FullBPTT | str]:
    """The streams, and the backpropagation through them."""
    training = config.training
    full = training.bptt == "full"
    k1 = sum(map(len, documents)) if full else training.k1 or config.model.window
    bptt = FullBPTT(training.memory) if full else TruncatedBPTT(k1, training.k2 or k1)
    streams = Streams(
        documents,
        rows,
        k1,
        shuffle=shuffle,
        random_windows=training.random_windows,
        seed=training.seed,
        rank=group.rank,
        ranks=group.size,
    )
    return streams, "auto" if training.bptt == "auto" else bptt
