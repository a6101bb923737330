"""Interpolated modified Kneser-Ney smoothing by its definition, in sets of n-grams."""

from collections import Counter
from collections.abc import Sequence

__all__ = ["reference_probability"]

_Gram = tuple[int, ...]


def reference_probability(
    documents: Sequence[Sequence[int]],
    context: Sequence[int],
    symbol: int,
    *,
    symbols: int,
    discounts: Sequence[Sequence[float]],
) -> float:
    """p(symbol | context) after the documents, as `NGramModel` says it; the order is that of ``discounts``.

    The context begins where the document does. N1+(. uw) is the number of different symbols v with c(vuw) > 0.

    >>> reference_probability([[0, 1, 0]], [0], 1, symbols=2, discounts=[[0.5, 0.5, 0.5, 0.0]] * 2)
    0.6666666666666666
    """
    order = len(discounts)
    started = [(symbols, *document) for document in documents]  # the start symbol is never predicted, only seen
    occurring = Counter(
        document[end - length : end]
        for document in started
        for end in range(2, len(document) + 1)
        for length in range(1, min(order, end) + 1)
    )

    def count(gram: _Gram) -> int:
        """Raw of the longest, and of those that nothing comes before; else N1+(. gram)."""
        if len(gram) == order or gram[0] == symbols:
            return occurring[gram]
        return sum((before, *gram) in occurring for before in range(symbols + 1))

    def probability(seen: _Gram) -> float:
        shorter = probability(seen[1:]) if seen else 1 / symbols
        counts = [count((*seen, each)) for each in range(symbols)]
        if not any(counts):
            return shorter
        *D, theta = discounts[len(seen)]
        off = [[0.0, *D][min(each, 3)] for each in counts]
        own = counts[symbol] - off[symbol]
        return (own + (sum(off) + theta) * shorter) / (sum(counts) + theta)

    begun = (symbols, *context)
    return probability(begun[max(0, len(begun) - order + 1) :])
