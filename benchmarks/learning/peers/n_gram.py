"""An n-gram of a few lines: interpolated Kneser-Ney with absolute discounts (Chen & Goodman 1999, section 2.7)."""

import hashlib
import math

__all__ = ["NGram"]


class NGram:
    """What follows each context of up to ``order - 1`` characters, and how often.

    A count reaches the next shorter context only where its character is new to the longer one. So the counts of
    shorter contexts are Kneser and Ney's: of different continuations, not of occurrences.
    """

    def __init__(self, order: int, alphabet: int) -> None:
        self.followers: list[dict[str, dict[str, int]]] = [{} for _ in range(order)]  # by the length of the context
        self.discounts = [0.5] * order
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
        """Ney, Essen and Kneser's discount of each order, from how many counts are 1 and how many 2."""
        for n, contexts in enumerate(self.followers):
            counts = [count for found in contexts.values() for count in found.values()]
            ones = counts.count(1)
            if ones:
                self.discounts[n] = ones / (ones + 2 * counts.count(2))

    def probability(self, text: str, t: int) -> float:
        """Of the character at ``t``, given those before it."""
        p = self.uniform
        for n in range(min(len(self.followers) - 1, t) + 1):
            found = self.followers[n].get(text[t - n : t])
            if found is None:
                break
            kept = max(found.get(text[t], 0) - self.discounts[n], 0)
            p = (kept + self.discounts[n] * len(found) * p) / sum(found.values())
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
