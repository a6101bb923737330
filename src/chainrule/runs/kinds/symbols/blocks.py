"""Which symbols are held out to choose the weights: blocks spread over all that comes before the test part."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

__all__ = ["spread"]

_BLOCKS = 10
_SHORTEST = 250  # symbols of a block, below which there are fewer blocks
_NEAR = 4  # a block may begin or end a quarter of its length from its place, where a document does


def spread(starts: Sequence[int], begin_test: int, count: int) -> list[tuple[int, int]]:
    """Where the blocks begin and end: about ``count`` symbols, in the middle of equal stretches before ``begin_test``.

    Blocks begin and end with documents, which begin at ``starts``, where there are short ones; else they cut them.

    >>> spread([0], begin_test=9000, count=1000)
    [(1000, 1250), (3250, 3500), (5500, 5750), (7750, 8000)]
    >>> spread(range(0, 9000, 7), begin_test=9000, count=500)
    [(2128, 2380), (6622, 6874)]
    """
    blocks = min(_BLOCKS, max(1, count // _SHORTEST))
    bounds = np.arange(blocks + 1) * begin_test // blocks
    sizes = np.diff(np.arange(blocks + 1) * count // blocks)
    found = []
    for (first, last), size in zip(pairwise(bounds.tolist()), sizes.tolist(), strict=True):
        begin = _near(starts, first + (last - first - size) // 2, size // _NEAR)
        found.append((begin, _near(starts, begin + size, size // _NEAR)))
    return found


def _near(starts: Sequence[int], at: int, within: int) -> int:
    """The start of a document that is nearest to ``at``; ``at`` itself where none is near."""
    place = bisect_left(starts, at)
    nearest = min(starts[max(place - 1, 0) : place + 1], key=lambda start: abs(start - at), default=at)
    return nearest if abs(nearest - at) <= within else at
