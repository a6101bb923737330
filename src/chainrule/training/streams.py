"""Streams: many documents as parallel rows that run on in order, cut into chunks of one window."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule.errors import ArgumentError, TooShortError

__all__ = ["Chunk", "Streams"]


class Chunk(NamedTuple):
    """One window of every row: x (B, T, ...), resets (B, T) at document starts or None, mask (B, T) of real steps."""

    x: Tensor
    resets: Tensor | None
    mask: Tensor


class Streams:
    """Documents laid end to end and cut into ``batch`` rows of equal length (to one step), read ``window`` at a time.

    Chunk i + 1 continues chunk i in every row, so state carried from one to the next is the state of the same
    document, except where ``resets`` starts a new one. Every step is in exactly one chunk of an epoch.

    Parameters:
        documents: arrays of shape (T_i, ...), of one dtype.
        batch: rows; fewer are made when there are fewer than two steps for each.
        window: steps a chunk.

    Raises:
        ArgumentError: batch or window is below 1.
        TooShortError: there are fewer than two steps.

    >>> streams = Streams([np.arange(5), np.arange(5, 8)], batch=2, window=3)
    >>> len(streams), streams.chunk(0).x.tolist(), streams.chunk(1).x.tolist()
    (2, [[0, 1, 2], [4, 5, 6]], [[3], [7]])
    >>> streams.chunk(0).resets.tolist()
    [[True, False, False], [False, True, False]]
    """

    def __init__(self, documents: Sequence[NDArray[Any]], batch: int, window: int) -> None:
        if batch < 1 or window < 1:
            raise ArgumentError(f"batch and window must be at least 1, got {batch} and {window}.")
        documents = [document for document in documents if len(document)]
        steps = sum(len(document) for document in documents)
        if steps < 2:
            raise TooShortError(f"training needs at least 2 steps, got {steps}.")
        self.window = window
        self.steps = steps
        self._x = np.concatenate(documents)
        self._starts: NDArray[np.bool_] | None = None
        if len(documents) > 1:
            self._starts = np.zeros(steps, dtype=np.bool_)
            self._starts[np.cumsum([0, *(len(document) for document in documents[:-1])])] = True
        rows = min(batch, steps // 2)
        bounds = np.arange(rows + 1) * steps // rows
        self._first, self._last = bounds[:-1], bounds[1:]

    @property
    def rows(self) -> int:
        """Rows of every chunk."""
        return len(self._first)

    def __len__(self) -> int:
        """Chunks in an epoch."""
        return -(-int((self._last - self._first).max()) // self.window)

    def chunk(self, index: int) -> Chunk:
        """Chunk ``index`` of the epoch, 0 <= index < len(self)."""
        width = min(self.window, int((self._last - self._first).max()) - index * self.window)
        at = self._first[:, None] + index * self.window + np.arange(width)
        mask = at < self._last[:, None]
        at = np.minimum(at, self.steps - 1)
        resets = None if self._starts is None else torch.from_numpy(self._starts[at] & mask)
        return Chunk(torch.from_numpy(self._x[at]), resets, torch.from_numpy(mask))
