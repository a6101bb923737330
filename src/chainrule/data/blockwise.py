"""Arrays as blocks of bounded size, so that what is computed from them needs little memory."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["blocks"]

_SIZE = 1 << 20


def blocks(arrays: Iterable[NDArray[Any]], size: int = _SIZE) -> Iterator[NDArray[Any]]:
    """The arrays (T, ...) end to end as blocks of about ``size`` steps: long ones cut, short ones joined.

    >>> [block.tolist() for block in blocks([np.arange(5), np.arange(1), np.arange(2)], size=3)]
    [[0, 1, 2], [3, 4], [0, 0, 1]]
    """
    held: list[NDArray[Any]] = []
    count = 0
    for array in arrays:
        if len(array) < size:
            held.append(array)
            count += len(array)
        if held and (count >= size or len(array) >= size):
            yield np.concatenate(held)
            held = []
            count = 0
        if len(array) >= size:
            yield from (array[first : first + size] for first in range(0, len(array), size))
    if held:
        yield np.concatenate(held)
