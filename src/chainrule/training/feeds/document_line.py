"""Documents laid end to end in an epoch's order, of which stretches are read."""

import mmap
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from chainrule.errors import ShapeError

__all__ = ["DocumentLine", "as_arrays"]


class DocumentLine:
    """Documents end to end, whose steps are counted over all of them in the order of ``arrange``."""

    def __init__(self, documents: Sequence[NDArray[Any]]) -> None:
        self._documents = documents
        self._order: list[int] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        return sum(map(len, self._documents))

    @property
    def count(self) -> int:
        """How many documents there are."""
        return len(self._documents)

    @property
    def step_bytes(self) -> int:
        """What one step takes in memory."""
        return int(self._documents[0][0].nbytes)

    def blank(self, rows: int, width: int) -> NDArray[Any]:
        """Zeros for so many rows and steps; whole numbers are int64."""
        first = self._documents[0]
        dtype = np.int64 if np.issubdtype(first.dtype, np.integer) else first.dtype
        return np.zeros((rows, width, *first.shape[1:]), dtype)

    def arrange(self, order: list[int]) -> None:
        """Lay the documents in this order."""
        self._order = order
        self._ends = np.cumsum([len(self._documents[d]) for d in order]).tolist()

    def copy(self, begin: int, end: int, y: NDArray[Any], starts: NDArray[np.bool_]) -> Any:
        """Fill ``y`` with the steps from begin to end, and mark in ``starts`` where documents start.

        What is returned is the step before them, zero where a document starts.
        """
        at = 0
        before = 0
        place = bisect_right(self._ends, begin)
        while begin < end:
            document = self._documents[self._order[place]]
            inside = begin - self._begin(place)
            count = min(end, self._ends[place]) - begin
            y[at : at + count] = document[inside : inside + count]
            if inside:
                before = document[inside - 1]
            else:
                starts[at] = True
            at += count
            begin += count
            place += 1
        return before

    def step(self, at: int) -> Any:
        """One step."""
        place = bisect_right(self._ends, at)
        return self._documents[self._order[place]][at - self._begin(place)]

    def _begin(self, place: int) -> int:
        return self._ends[place - 1] if place else 0

    def give_back(self) -> None:
        """Give back the pages of mapped files that were read: the system keeps them while it has memory to spare.

        Those of mode "c" hold what was written to them, and stay.
        """
        maps = {}
        for document in self._documents:
            mapped = getattr(document, "_mmap", None)
            if isinstance(document, np.memmap) and document.mode != "c" and mapped:
                maps[id(mapped)] = mapped  # many documents may lie in one file
        for mapped in maps.values():
            if hasattr(mapped, "madvise"):
                mapped.madvise(mmap.MADV_DONTNEED)


def as_arrays(documents: NDArray[Any] | Tensor | Sequence[NDArray[Any] | Tensor]) -> list[NDArray[Any]]:
    """The documents that have steps, as arrays.

    Raises:
        ShapeError: one of them holds no numbers, or other ones than the first.
    """
    if isinstance(documents, np.ndarray | Tensor):
        documents = [documents]
    if not isinstance(documents, Sequence) or isinstance(documents, str | bytes):
        raise ShapeError(f"documents are a {type(documents).__name__}; expected an array or tensor, or a list of them.")
    try:
        arrays = [document if isinstance(document, np.ndarray) else np.asarray(document) for document in documents]
    except (TypeError, ValueError, RuntimeError) as error:
        raise ShapeError(f"documents are no arrays of numbers: {error}") from error
    first = next((array for array in arrays if array.size), None)
    for n, array in enumerate(arrays):
        if array.ndim == 0 or array.dtype.kind not in "buif":
            raise ShapeError(
                f"document {n} is no array of steps (T, ...) of numbers: got shape {array.shape} and dtype "
                f"{array.dtype}. Expected arrays, as numpy.asarray or numpy.memmap make them, or tensors."
            )
        if isinstance(array, np.ma.MaskedArray) or array.dtype == np.uint64:
            remedy = "Fill what is masked" if isinstance(array, np.ma.MaskedArray) else "Give it as .view(numpy.int64)"
            raise ShapeError(
                f"document {n} is a {type(array).__name__} of {array.dtype}, of which tensors can't hold all; expected "
                f"ordinary arrays, of numbers that int64 or a float holds. {remedy}."
            )
        if first is not None and array.size and (array.dtype, array.shape[1:]) != (first.dtype, first.shape[1:]):
            raise ShapeError(
                f"document {n} has steps of shape {array.shape[1:]} and dtype {array.dtype}, and one before of "
                f"{first.shape[1:]} and {first.dtype}; expected the same of all."
            )
    return [array for array in arrays if array.size]
