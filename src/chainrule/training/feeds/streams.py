"""Streams: many documents, or one that is larger than memory, as parallel rows that are read in order."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule._choices import counted, whole
from chainrule._room import check_room
from chainrule.errors import ArgumentError, TooShortError
from chainrule.ops.arguments import as_flag
from chainrule.training.feeds.document_line import DocumentLine, as_arrays

__all__ = ["Chunk", "Streams"]

_HALF_AS_LONG = 0.05  # of the windows that are drawn; these two and the least are AWD-LSTM's
_DEVIATION = 5  # steps
_LEAST = 5
_FORGET = 1024  # chunks between two times that the pages of mapped files are given back


class Chunk(NamedTuple):
    """One window of every row.

    y: (B, T, ...), the steps to predict, each of the data's once an epoch; whole numbers are int64.
    x: (B, T, ...), the step before each y, what a network is given to predict it; zeros where a document starts.
    resets: (B, T), True at the first y of a document; None where no document starts in this chunk.
    mask: (B, T), False beyond the end of a row, where x and y repeat its last step: a value that can be transformed.
    """

    x: Tensor
    y: Tensor
    resets: Tensor | None
    mask: Tensor


class Streams:
    """Documents laid end to end and cut into ``batch`` rows of equal length (to one step), read ``window`` at a time.

    In every row each chunk continues the one before it, so that a state carried from one to the next is that of the
    same document, except where ``resets`` starts a new one; at the start of an epoch, no row has a state. Every step
    is the y of exactly one chunk of an epoch. Documents are not copied: a numpy.memmap of a file larger than memory
    will do.

    Iterating gives the chunks from where the streams stand to the end of the epoch; iterating again, the next epoch.

    Parameters:
        documents: an array or tensor of shape (T, ...), or a sequence of them, alike in dtype and in the rest of shape.
        batch: rows.
        window: steps a chunk.
        shuffle: draw a new order of the documents for every epoch; none is ever cut or mixed by it.
        random_windows: draw the length of every chunk, about ``window``, as AWD-LSTM does (Merity et al. 2018, section
            5); the learning rate is to be scaled by chunk.y.shape[1] / window then.
        seed: of both draws.
        rank, ranks: among several processes, which one this is, and how many there are, each with ``batch`` rows of
            its own: the streams of all ranks together are those of one process with batch * ranks rows.

    Raises:
        ArgumentError: an argument is out of its range.
        ShapeError: documents are no arrays of numbers, or of several kinds.
        TooShortError: there are fewer than two steps for each row.

    >>> streams = Streams([np.arange(5), np.arange(5, 8)], batch=2, window=3)
    >>> for x, y, resets, mask in streams:
    ...     y.tolist(), x.tolist()
    ([[0, 1, 2], [4, 5, 6]], [[0, 0, 1], [3, 0, 5]])
    ([[3], [7]], [[2], [6]])
    """

    def __init__(
        self,
        documents: NDArray[Any] | Tensor | Sequence[NDArray[Any] | Tensor],
        batch: int,
        window: int,
        *,
        shuffle: bool = False,
        random_windows: bool = False,
        seed: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        batch = whole("batch", batch)
        self.window = whole("window", window)
        ranks = whole("ranks", ranks)
        rank = whole("rank", rank, 0)
        self._seed = whole("seed", seed, 0)
        if rank >= ranks:
            raise ArgumentError(f"rank is {rank}, but there are {ranks}: expected 0 to {ranks - 1}.")
        self._line = DocumentLine(as_arrays(documents))
        self.steps = len(self._line)
        self._check_steps(batch, ranks)
        self._shuffle = as_flag("shuffle", shuffle)
        self.random_windows = as_flag("random_windows", random_windows)
        rows = batch * ranks
        bounds = np.arange(rows + 1) * self.steps // rows
        self.row_length = int(np.diff(bounds).max())
        width = min(self.window, self.row_length)
        check_room("a chunk", lambda batch: 2 * batch * width * self._line.step_bytes, batch=batch)
        self._first = bounds[rank * batch : (rank + 1) * batch].tolist()
        self._last = bounds[rank * batch + 1 : (rank + 1) * batch + 1].tolist()
        self.seek(0)

    def _check_steps(self, batch: int, ranks: int) -> None:
        rows = batch * ranks
        if self.steps < 2 * rows:
            of = "" if ranks == 1 else f" ({batch} for each of {ranks} processes)"
            raise TooShortError(
                f"a batch of {rows:,}{of} needs at least two steps a row, and has {counted(self.steps, 'step')}; "
                f"expected a batch of at most {self.steps // (2 * ranks)}, or more data."
            )

    @property
    def rows(self) -> int:
        """Rows of every chunk."""
        return len(self._first)

    @property
    def position(self) -> tuple[int, int, int]:
        """Where the streams stand: the epoch, steps of each row read in it, and chunks; ``seek`` goes there."""
        return self._epoch, self._at, self._index

    def seek(self, epoch: int, at: int = 0, index: int = 0) -> None:
        """Go on from a ``position``.

        Raises:
            ArgumentError: these streams have no such position.
        """
        self._epoch = whole("epoch", epoch, 0)
        self._at = whole("at", at, 0, self.row_length - 1)
        self._index = whole("index", index, 0)
        count = self._line.count
        order = list(range(count))
        if self._shuffle:
            order = self._drawn(self._epoch).permutation(count).tolist()
        self._line.arrange(order)

    def __iter__(self) -> Iterator[Chunk]:
        epoch = self._epoch
        while self._epoch == epoch:
            yield self.read()

    def read(self) -> Chunk:
        """The next chunk, of the next epoch if this one has ended."""
        width = min(self._next_window(), self.row_length - self._at)
        y = self._line.blank(self.rows, width)
        x = np.zeros_like(y)
        starts = np.zeros((self.rows, width), dtype=np.bool_)
        mask = np.ones((self.rows, width), dtype=np.bool_)
        for row, (first, last) in enumerate(zip(self._first, self._last, strict=True)):
            begin = first + self._at
            end = min(begin + width, last)
            if begin < end:
                x[row, 0] = self._line.copy(begin, end, y[row], starts[row])
            else:
                x[row, 0] = self._line.step(end - 1)
            if end - begin < width:
                mask[row, end - begin :] = False
                y[row, end - begin :] = self._line.step(end - 1)
        x[:, 1:] = y[:, :-1]
        x[starts] = 0
        self._go_on(width)
        resets = torch.from_numpy(starts) if starts.any() else None
        return Chunk(torch.from_numpy(x), torch.from_numpy(y), resets, torch.from_numpy(mask))

    def _go_on(self, width: int) -> None:
        self._at += width
        self._index += 1
        if self._index % _FORGET == 0:
            self._line.give_back()
        if self._at == self.row_length:
            self.seek(self._epoch + 1)

    def peek(self, steps: int) -> Chunk:
        """What comes next, up to ``steps`` steps of this epoch; the streams stay where they are."""
        position = self.position
        window = self.window
        is_random = self.random_windows
        self.window = whole("steps", steps)
        self.random_windows = False
        try:
            return self.read()
        finally:
            self.window = window
            self.random_windows = is_random
            self.seek(*position)

    def _next_window(self) -> int:
        if not self.random_windows:
            return self.window
        drawn = self._drawn(self._epoch, self._index)
        mean = self.window / 2 if drawn.random() < _HALF_AS_LONG else self.window
        return max(min(_LEAST, self.window), round(drawn.normal(mean, _DEVIATION)))

    def _drawn(self, *key: int) -> np.random.Generator:
        """Random numbers that depend on nothing but the seed and the key, so that any position can be gone to."""
        return np.random.default_rng((self._seed, *key, len(key)))
