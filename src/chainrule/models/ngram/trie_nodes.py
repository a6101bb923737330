"""An n-gram of the trie in Python, and probabilities from counts: trie.hpp's nodes, and smoothing.hpp."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Contexts", "Discounts", "NGramNode", "followed", "probability", "shares", "spread"]

Discounts = Sequence[Sequence[float]]
"""By the length of the context, what is taken off counts of one, two and more, and the concentration."""


class NGramNode:
    """An n-gram: how often it was counted, and, as the context of what follows it, its successors."""

    __slots__ = ("count", "once", "successors", "total", "twice")

    def __init__(self, count: int) -> None:
        self.count = count
        self.successors: dict[int, NGramNode] = {}
        self.total = 0  # the sum of the successors' counts,
        self.once = 0  # how many of them were counted once,
        self.twice = 0  # and twice

    @property
    def more(self) -> int:
        """How many successors were counted three times and more."""
        return len(self.successors) - self.once - self.twice

    def add(self, symbol: int, count: int) -> "NGramNode":
        """A new successor."""
        added = NGramNode(count)
        self.successors[symbol] = added
        self.total += count
        self.once += count == 1
        self.twice += count == 2
        return added

    def raise_count(self, successor: "NGramNode") -> None:
        """Count a successor once more."""
        successor.count += 1
        self.total += 1
        self.once -= successor.count == 2
        self.twice += (successor.count == 2) - (successor.count == 3)

    def share(self, discounts: Sequence[float]) -> tuple[float, float]:
        """Scale and escape: (count - discount) / scale goes to a successor, escape times theirs to shorter contexts."""
        one, two, more, concentration = discounts
        scale = self.total + concentration
        return scale, (one * self.once + two * self.twice + more * self.more + concentration) / scale


Contexts = list[NGramNode | None]
"""The nodes of the last d symbols by d, from none of them on; None where they were never seen."""


def followed(contexts: Contexts, symbol: int) -> Contexts:
    """The n-gram of each context and the symbol that follows it."""
    return [None if context is None else context.successors.get(symbol) for context in contexts]


def shares(contexts: Contexts, discounts: Discounts) -> Iterator[tuple[int, NGramNode, tuple[float, float]]]:
    """The contexts that anything was counted in, the shortest first."""
    for d, context in enumerate(contexts):
        if context is not None and context.total > 0:
            yield d, context, context.share(discounts[d])


def probability(contexts: Contexts, found: Contexts, discounts: Discounts, symbols: int) -> float:
    """Of the symbol that was found after the contexts, one of so many."""
    p = 1 / symbols
    for d, _, (scale, escape) in shares(contexts, discounts):
        entry = found[d]
        count = 0 if entry is None else entry.count
        p = (count - _off(count, discounts[d])) / scale + escape * p
    return p


def _off(count: int, discounts: Sequence[float]) -> float:
    """What is taken off a count."""
    return discounts[min(count, 3) - 1] if count else 0.0


def spread(p: NDArray[np.float64], context: NGramNode, discounts: Sequence[float], scale: float, escape: float) -> None:
    """Of all symbols, p (V) of the shorter context becomes that of this one."""
    p *= escape
    symbols = list(context.successors)
    p[symbols] += [(each.count - _off(each.count, discounts)) / scale for each in context.successors.values()]
