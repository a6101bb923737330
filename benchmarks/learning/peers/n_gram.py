"""An n-gram of a few lines: interpolated, modified Kneser-Ney (Chen & Goodman 1999, section 3)."""

import hashlib
import math
from collections import Counter

__all__ = ["NGram"]


class NGram:
    """What follows each context of up to ``order - 1`` characters, and how often.

    A count reaches the next shorter context only where its character is new to the longer one. So the counts of
    shorter contexts are Kneser and Ney's: of different continuations, not of occurrences.
    """

    def __init__(self, order: int, alphabet: int) -> None:
        self.followers: list[dict[str, dict[str, int]]] = [{} for _ in range(order)]  # by the length of the context
        self.discounts = [(0.0, 0.5, 0.5, 0.5)] * order  # of counts of 0, 1, 2, and 3 or more
        self.uniform = 1 / alphabet

    def count(self, text: str, begin: int, end: int) -> None:
        """Count the characters of the text from ``begin`` to before ``end``."""
        for t in range(begin, end):
            symbol = text[t]
            for n in range(min(len(self.followers) - 1, t), -1, -1):
                found = self.followers[n].setdefault(text[t - n : t], {})
                found[symbol] = found.get(symbol, 0) + 1
                if found[symbol] > 1:
                    break

    def settle(self) -> None:
        """Chen and Goodman's discounts of each order, from how many counts are 1, 2, 3 and 4."""
        for n, contexts in enumerate(self.followers):
            counts = Counter(count for found in contexts.values() for count in found.values())
            if all(counts[k] for k in (1, 2, 3)):
                y = counts[1] / (counts[1] + 2 * counts[2])
                one, two, more = (k - (k + 1) * y * counts[k + 1] / counts[k] for k in (1, 2, 3))
                if 0 < one < 1 and 0 < two < 2 and 0 < more < 3:
                    self.discounts[n] = (0.0, one, two, more)

    def probability(self, text: str, t: int) -> float:
        """Of the character at ``t``, given those before it."""
        p = self.uniform
        for n in range(min(len(self.followers) - 1, t) + 1):
            found = self.followers[n].get(text[t - n : t])
            if found is None:
                break
            discounts = self.discounts[n]
            count = found.get(text[t], 0)
            freed = sum(discounts[min(each, 3)] for each in found.values())
            p = (count - discounts[min(count, 3)] + freed * p) / sum(found.values())
        return p

    def nats(self, text: str, scored: int, *, counting: bool) -> float:
        """Nats per character of the end of the text; ``counting`` counts each character after it is scored."""
        total = 0.0
        for t in range(len(text) - scored, len(text)):
            total -= math.log(self.probability(text, t))
            if counting:
                self.count(text, t, t + 1)
        return total / scored

    def fingerprint(self) -> str:
        """A digest of what was learned."""
        return hashlib.sha256(repr((self.followers, self.discounts)).encode()).hexdigest()
