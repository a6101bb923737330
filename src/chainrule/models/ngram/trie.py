"""Counts of n-grams in Python, for where the compiled trie is absent: trie.hpp, smoothing.hpp and arrays.hpp again.

A symbol takes many times as long to count and to score.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from chainrule.models.ngram.trie_nodes import Contexts, NGramNode, followed, probability, shares, spread

__all__ = ["MOST_ORDER", "Trie"]

MOST_ORDER = 32
_MOST_COUNTED = 2**31 - 1  # of a context; it is not counted on


class Trie:
    """The counts of n-grams of up to ``order`` symbols, at most ``limit`` of them; its methods are those of _counts."""

    def __init__(self, order: int, symbols: int, limit: int) -> None:
        if not 1 <= order <= MOST_ORDER:
            raise ValueError("the order is out of range")
        if not 1 <= symbols < _MOST_COUNTED:
            raise ValueError("the number of symbols is out of range")
        self.order = order
        self.symbols = symbols
        self.left_out = 0  # how often an n-gram was not taken up, for lack of room
        self._limit = limit
        self._size = 0
        self._root = NGramNode(0)  # the empty context
        self._start = NGramNode(0)  # the context of a document's first symbol

    def __len__(self) -> int:
        return self._size

    def learn(self, x: Tensor, windows: Tensor, resets: Tensor | None) -> None:
        """Count the symbols of x (B, T), each row from its window on, which then is its window at the end."""
        for row in range(len(x)):
            for _, contexts, symbol, found in self._walk(x, windows, resets, row):
                self._count(contexts, symbol, found)

    def predict(
        self,
        discounts: Tensor,
        x: Tensor,
        windows: Tensor,
        resets: Tensor | None,
        log_prob: Tensor,
        counting: bool,
    ) -> None:
        """log p of every symbol, after which it is counted if asked."""
        by_length = discounts.tolist()
        for row in range(len(x)):
            scored = log_prob[row].numpy()
            for t, contexts, symbol, found in self._walk(x, windows, resets, row):
                scored[t] = math.log(probability(contexts, found, by_length, self.symbols))
                if counting:
                    self._count(contexts, symbol, found)

    def statistics(self, x: Tensor, windows: Tensor, out: Tensor) -> None:
        """What a symbol's probability depends on, by the length of its context, into (B, T, order, 5)."""
        for row in range(len(x)):
            told = out[row].numpy()
            for t, contexts, _, found in self._walk(x, windows, None, row):
                for d, (context, entry) in enumerate(zip(contexts, found, strict=True)):
                    if context is not None:
                        count = 0 if entry is None else entry.count
                        told[t, d] = (count, context.total, context.once, context.twice, context.more)

    def distributions(
        self, discounts: Tensor, windows: Tensor, p: Tensor, known: Tensor | None, x: Tensor | None
    ) -> None:
        """What follows each window, p (N, V), and what is known of its contexts (N, depths, 3).

        With x (N) every symbol is counted before the next window is looked at.
        """
        by_length = discounts.tolist()
        p.fill_(1 / self.symbols)
        if known is not None:
            known.fill_(0)
        for row, window in enumerate(windows.tolist()):
            contexts = self._after(window)
            following = p[row].numpy()
            for d, context, (scale, escape) in shares(contexts, by_length):
                spread(following, context, by_length[d], scale, escape)
                if known is not None and 0 < d <= known.shape[1]:
                    seen = (math.log1p(context.total), math.log1p(len(context.successors)), escape)
                    known[row, d - 1] = torch.tensor(seen, dtype=torch.float64)
            if x is not None:
                symbol = int(x[row])
                self._count(contexts, symbol, followed(contexts, symbol))

    def counts_of_counts(self) -> list[list[int]]:
        """By length, how many n-grams have counts of one, two, three and four."""
        counted = [[0] * 4 for _ in range(self.order)]
        contexts = [(self._root, 0), (self._start, 1)]
        while contexts:
            context, length = contexts.pop()
            for node in context.successors.values():
                if node.count <= 4:
                    counted[length][node.count - 1] += 1
                contexts.append((node, length + 1))
        return counted

    def write(self, parents: Tensor, symbols: Tensor, counts: Tensor) -> None:
        """All n-grams in one order, the shorter ones first, then by their parents and symbols."""
        rows = [(parent, symbol, node.count) for level in self._levels() for parent, symbol, node in level]
        columns = torch.tensor(rows, dtype=torch.int32).reshape(-1, 3)
        for into, column in zip((parents, symbols, counts), columns.unbind(1), strict=True):
            into.copy_(column)

    def read(self, parents: Tensor, symbols: Tensor, counts: Tensor) -> None:
        """Fill an empty trie. What no trie can have written is refused."""
        nodes = [(self._root, 0), (self._start, 1)]  # and their lengths
        before = (0, -1)
        for i, (parent, symbol, count) in enumerate(
            zip(*(c.tolist() for c in (parents, symbols, counts)), strict=True)
        ):
            if not before[0] <= parent < len(nodes):
                raise ValueError(f"n-gram {i} has a parent out of order")
            if not 0 <= symbol < self.symbols:
                raise ValueError(f"n-gram {i} has a symbol outside the alphabet")
            if (parent, symbol) <= before:
                raise ValueError(f"n-gram {i} has a symbol out of order")
            context, length = nodes[parent]
            if not 1 <= count <= _MOST_COUNTED - context.total:
                raise ValueError(f"n-gram {i} has a count out of range")
            if length >= self.order:
                raise ValueError(f"n-gram {i} is longer than the order")
            nodes.append((context.add(symbol, count), length + 1))
            before = (parent, symbol)
        self._size = len(nodes) - 2

    def _levels(self) -> Iterator[list[tuple[int, int, NGramNode]]]:
        """By length, the n-grams with their parents' numbers and their last symbols, in the order of `write`."""
        level = [self._root, self._start]
        first = 0
        while level:
            by_parent = [(first + k, sorted(node.successors.items())) for k, node in enumerate(level)]
            longer = [(parent, symbol, node) for parent, nodes in by_parent for symbol, node in nodes]
            yield longer
            first += len(level)
            level = [node for _, _, node in longer]

    def _walk(
        self, x: Tensor, windows: Tensor, resets: Tensor | None, row: int
    ) -> Iterator[tuple[int, Contexts, int, Contexts]]:
        """Each step of a row of x: its number, its contexts, its symbol, and their n-grams, which counting adds to.

        It starts from the row's window, which at the end is the window there.
        """
        history: list[int] = windows[row].tolist()
        W = len(history)
        contexts = self._after(history)
        starts = [False] * x.shape[1] if resets is None else resets[row].tolist()
        for t, (symbol, is_start) in enumerate(zip(x[row].tolist(), starts, strict=True)):
            if is_start:
                history = [self.symbols] * W
                contexts = self._cold()
            found = followed(contexts, symbol)
            yield t, contexts, symbol, found
            contexts = [self._root, *found[: self.order - 1]]
            history.append(symbol)
        windows[row] = torch.tensor(history[-W:])

    def _cold(self) -> Contexts:
        """At the start of a document."""
        contexts: Contexts = [self._root, self._start]
        return contexts[: self.order]

    def _after(self, window: Sequence[int]) -> Contexts:
        """After a window, the oldest symbol first; the start symbol and what is before it stand for none."""
        contexts: Contexts = [self._root]
        for d in range(1, min(len(window), self.order - 1) + 1):
            begins = not 0 <= window[-d] < self.symbols
            node: NGramNode | None = self._start if begins else self._root
            for symbol in window[len(window) - d + begins :]:
                node = None if node is None else node.successors.get(symbol)
            contexts.append(node)
            if begins:
                break
        return contexts

    def _count(self, contexts: Contexts, symbol: int, found: Contexts) -> None:
        """Count a symbol, from its longest context down to the first that it is known to follow; trie.hpp says why."""
        for d in reversed(range(len(contexts))):
            context = contexts[d]
            entry = found[d]
            if context is None:
                continue
            if context.total == _MOST_COUNTED:
                return
            if entry is not None:
                context.raise_count(entry)
                return
            if self._size < self._limit:
                found[d] = context.add(symbol, 1)
                self._size += 1
            else:
                self.left_out += 1
