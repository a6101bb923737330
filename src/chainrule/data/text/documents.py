"""Where documents begin and end in the symbols of files."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from chainrule.data.blockwise import blocks

__all__ = ["Documents", "lines", "paragraphs"]

_Places = NDArray[np.int64]


class Documents(Sequence[NDArray[Any]]):
    """Documents that are parts of one array, each sliced when asked for: a million take only the room of their places.

    >>> documents = Documents(np.arange(9), np.array([0, 4]), np.array([2, 9]))
    >>> len(documents), [document.tolist() for document in documents]
    (2, [[0, 1], [4, 5, 6, 7, 8]])
    """

    def __init__(self, whole: NDArray[Any], starts: _Places, stops: _Places) -> None:
        self.whole = whole
        self._starts = starts
        self._stops = stops

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, place: int) -> NDArray[Any]: ...

    @overload
    def __getitem__(self, place: slice) -> "Documents": ...

    def __getitem__(self, place: int | slice) -> "NDArray[Any] | Documents":
        if isinstance(place, slice):
            return Documents(self.whole, self._starts[place], self._stops[place])
        return self.whole[self._starts[place] : self._stops[place]]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        for start, stop in zip(self._starts.tolist(), self._stops.tolist(), strict=True):
            yield self.whole[start:stop]

    @property
    def length(self) -> int:
        """The symbols of all documents together."""
        return int((self._stops - self._starts).sum())

    def positions(self, index: int) -> _Places:
        """Where the documents have ``index``, counted over the documents laid end to end."""
        sizes = self._stops - self._starts
        before = np.cumsum(sizes) - sizes
        found = [np.zeros(0, np.int64)]
        first = 0
        for block in blocks([self.whole] if len(self) else []):
            at = np.flatnonzero(block == index) + first
            document = np.minimum(np.searchsorted(self._stops, at, side="right"), len(self) - 1)
            inside = self._starts[document] <= at
            found.append((at - self._starts[document] + before[document])[inside & (at < self._stops[document])])
            first += len(block)
        return np.concatenate(found)


def lines(indices: NDArray[Any], newline: int) -> tuple[_Places, _Places]:
    """Where lines start and stop; each stops after its newline.

    >>> [places.tolist() for places in lines(np.array([0, 7, 7, 1]), newline=7)]
    [[0, 2, 3], [2, 3, 4]]
    """
    stops = np.flatnonzero(indices == newline) + 1
    if len(indices) and indices[-1] != newline:
        stops = np.append(stops, len(indices))
    return np.concatenate([np.zeros(min(1, len(stops)), np.int64), stops[:-1]]), stops


def paragraphs(indices: NDArray[Any], newline: int, white: Sequence[int]) -> tuple[_Places, _Places]:
    """Where paragraphs start and stop: runs of lines with symbols other than a newline and the ``white`` ones.

    >>> [places.tolist() for places in paragraphs(np.array([7, 0, 7, 1, 7, 5, 7, 2]), newline=7, white=[5])]
    [[1, 7], [5, 8]]
    """
    starts, stops = lines(indices, newline)
    if not len(starts):
        return starts, stops
    is_text = np.empty(len(indices), np.bool_)
    first = 0
    for block in blocks([indices]):
        is_text[first : first + len(block)] = ~np.isin(block, [newline, *white])
        first += len(block)
    has_text = np.logical_or.reduceat(is_text, starts)
    edges = np.diff(np.concatenate([[False], has_text, [False]]).astype(np.int8))
    return starts[np.flatnonzero(edges == 1)], stops[np.flatnonzero(edges == -1) - 1]
