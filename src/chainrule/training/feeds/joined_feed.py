"""A feed of streams that more data joins."""

import torch
from torch import Tensor, nn

from chainrule.training.feeds.stream_feed import StreamFeed

__all__ = ["JoinedFeed"]


class JoinedFeed:
    """Goes on with a feed from where it stands; what joins is read first, and again in every new epoch of the feed.

    So all that joins is learned from, however little of the rest is read after it.

    Parameters:
        feed: keeps its place and its state while the others are read.
        others: of what joins; they begin with the window that the feed has.

    >>> import numpy as np
    >>> from chainrule.models import ModelConfig, build_symbol_model
    >>> from chainrule.training.feeds.streams import Streams
    >>> model = build_symbol_model(ModelConfig("gru", hidden=8), symbols=5)
    >>> feed = StreamFeed(Streams(np.array([3, 1, 4, 1, 2, 0]), batch=2, window=2))
    >>> joined = JoinedFeed(feed, StreamFeed(Streams(np.array([2, 2, 0]), batch=1, window=2)))
    >>> [joined.backward(model)[1] for _ in range(6)]  # 2 and 1 that join, 4 and 2 of the feed, both again
    [2, 1, 4, 2, 2, 1]
    """

    def __init__(self, feed: StreamFeed, others: StreamFeed) -> None:
        self._feed = feed
        self._others = others
        self._others.follow(feed)
        self._joined_in = -1  # the last epoch of the feed in which the others were read
        self._now = feed

    @property
    def chosen_window(self) -> int | None:
        """The window as it is now, where it is chosen here."""
        return self._now.chosen_window

    @property
    def rate(self) -> float:
        return self._now.rate

    def backward(self, model: nn.Module, spent: float = 0.0) -> tuple[float, int]:
        epoch, _, _ = self._feed.streams.position
        _, at, _ = self._others.streams.position
        is_others_turn = at > 0 or self._joined_in < epoch
        self._joined_in = epoch
        self._now = self._others if is_others_turn else self._feed
        return self._now.backward(model, spent)

    def state(self) -> dict[str, Tensor]:
        return {
            "joined_in": torch.tensor(self._joined_in),
            **{f"feed.{name}": tensor for name, tensor in self._feed.state().items()},
            **{f"others.{name}": tensor for name, tensor in self._others.state().items()},
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        self._joined_in = int(state["joined_in"])
        for name, feed in (("feed.", self._feed), ("others.", self._others)):
            feed.restore({key.removeprefix(name): tensor for key, tensor in state.items() if key.startswith(name)})
