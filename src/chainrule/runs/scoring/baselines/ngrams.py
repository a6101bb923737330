"""Baselines of symbols, by counting: unigram and bigram."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, whole
from chainrule.data.blockwise import blocks
from chainrule.errors import ShapeError, UnseenSymbolError

__all__ = ["Bigram", "Unigram"]

_Floats = NDArray[np.float64]
_Symbols = NDArray[np.integer[Any]]
_BLOCK = 1 << 20  # symbols that are counted together
_TABLE = 1 << 20  # entries of a table of counts; of more codes only those seen are counted


@dataclass(frozen=True, eq=False)
class Unigram:
    """p(x_t) whatever the past, by counting with add-one (Laplace) smoothing: (n_x + 1) / (n + V).

    >>> Unigram.fit([np.array([0, 0, 1])], V=2).p.tolist()
    [0.6, 0.4]
    """

    name: ClassVar[str] = "unigram"
    p: _Floats

    @classmethod
    def fit(cls, train: Sequence[_Symbols], V: int) -> Self:
        """Count ``train``, documents of symbols 0..V-1; without any, all V symbols are equally likely."""
        whole("V", V)
        counts = np.ones(V)
        for block in blocks(train):
            counts += np.bincount(_checked_symbols(block, V), minlength=V)
        return cls(counts / counts.sum())

    def log_prob(self, document: _Symbols) -> _Floats:
        """log p(x_t) of each of the document's T symbols: (T,)."""
        log_p = np.log(self.p)
        parts = [log_p[_checked_symbols(block, len(self.p))] for block in blocks([document])]
        return np.concatenate([np.empty(0), *parts])


@dataclass(frozen=True, eq=False)
class Bigram:
    """p(b | a), interpolated with the unigram p(b) by Witten-Bell smoothing.

        p(b | a) = (n_ab + T_a p(b)) / (n_a + T_a),

    where T_a counts the different symbols seen after a. The unigram's weight T_a / (n_a + T_a) is the rate at
    which a was followed by something new, so it adapts to each a, where one strength for all, such as V,
    drowns the counts of a large alphabet. After a symbol that nothing followed in training, and at a
    document's start, it is the unigram. Only the pairs seen are stored.

    Witten & Bell (1991), "The zero-frequency problem", method C; Chen & Goodman (1999), "An empirical study
    of smoothing techniques for language modeling", compares it with others.

    >>> bigram = Bigram.fit([np.array([0, 1, 0, 1])], V=2)
    >>> np.exp(bigram.log_prob(np.array([0, 1]))).round(3).tolist()  # 3 / 6, then (2 + 1/2) / (2 + 1)
    [0.5, 0.833]
    """

    name: ClassVar[str] = "bigram"
    unigram: Unigram
    pairs: NDArray[np.int64]
    n_pairs: NDArray[np.int64]
    n: _Floats
    T: _Floats

    @classmethod
    def fit(cls, train: Sequence[_Symbols], V: int) -> Self:
        """Count ``train``, documents of symbols 0..V-1; no pair is counted across two documents."""
        unigram = Unigram.fit(train, V)
        pairs, counts = _counted(_all_pair_codes(train, V), V * V)
        first = pairs // V
        n = np.zeros(V)
        T = np.zeros(V)
        np.add.at(n, first, counts)
        np.add.at(T, first, 1)
        T[n == 0] = 1.0  # any weight: with no counts beside it, it leaves the unigram
        end = V * V  # past every pair, so that each search lands on an entry
        return cls(unigram, np.append(pairs, end), np.append(counts, 1), n, T)

    def log_prob(self, document: _Symbols) -> _Floats:
        """log p(x_t | x_{t-1}) of each of the document's T symbols, the first log p(x_1): (T,)."""
        p = self.unigram.p
        log_prob = np.empty(len(document))
        log_prob[:1] = np.log(p[_checked_symbols(document[:1], len(p))])
        first = 1
        for part in _overlapping(document):
            x = _checked_symbols(part, len(p))
            a = x[:-1]
            codes = _pair_codes(x, len(p))
            at = np.searchsorted(self.pairs, codes)
            n_ab = np.where(self.pairs[at] == codes, self.n_pairs[at], 0)
            conditional = (n_ab + self.T[a] * p[x[1:]]) / (self.n[a] + self.T[a])
            log_prob[first : first + len(a)] = np.log(conditional)
            first += len(a)
        return log_prob


def _checked_symbols(document: _Symbols, V: int) -> NDArray[np.int64]:
    if document.ndim != 1 or not np.issubdtype(document.dtype, np.integer):
        raise ShapeError(f"a document must be a 1-D array of integers, got shape {document.shape} of {document.dtype}.")
    wrong = np.flatnonzero((document < 0) | (document >= V))
    if wrong.size:
        raise UnseenSymbolError(
            f"{counted(wrong.size, 'symbol')} lie outside the alphabet 0..{V - 1}; the first is {document[wrong[0]]}, "
            f"at position {wrong[0]}."
        )
    return document.astype(np.int64, copy=False)


def _pair_codes(x: NDArray[np.int64], V: int) -> NDArray[np.int64]:
    return x[:-1] * V + x[1:]


def _all_pair_codes(train: Sequence[_Symbols], V: int) -> Iterator[NDArray[np.int64]]:
    """The codes of all pairs but those across two documents, which a symbol V between them marks."""
    border = np.array([V])
    last = border
    for block in blocks(part for document in train for part in (document, border)):
        x = np.concatenate([last, block])
        yield _pair_codes(x, V)[(x[:-1] < V) & (x[1:] < V)]
        last = x[-1:]


def _overlapping(document: _Symbols) -> Iterator[_Symbols]:
    """The document in parts of a bounded size, each with the last symbol of the one before it: every pair once."""
    for first in range(0, len(document) - 1, _BLOCK):
        yield document[first : first + _BLOCK + 1]


def _counted(codes: Iterable[NDArray[np.int64]], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct codes below ``size``, in order, and how often each occurs."""
    if size <= _TABLE:
        counts = np.zeros(size, np.int64)
        for block in codes:
            counts += np.bincount(block, minlength=size)
        return np.flatnonzero(counts), counts[counts > 0]
    found = np.zeros(0, np.int64)
    counts = np.zeros(0, np.int64)
    for block in codes:
        new, new_counts = np.unique(block, return_counts=True)
        found, places = np.unique(np.concatenate([found, new]), return_inverse=True)
        counts = np.bincount(places, np.concatenate([counts, new_counts]), len(found)).astype(np.int64)
    return found, counts
