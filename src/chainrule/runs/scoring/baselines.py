"""What a model has to beat: for symbols unigram and bigram; for series i.i.d., random walk, seasonal naive.

All are honest forecasters: probabilities sum to one for every past and use the past alone. Log-probabilities
are in nats. Columns of a series are predicted together, as the models predict them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule.data.blockwise import blocks
from chainrule.errors import (
    ArgumentError,
    MissingValuesError,
    ShapeError,
    TooShortError,
    UnseenSymbolError,
)
from chainrule.runs.scoring.laws import Law

__all__ = ["Bigram", "Iid", "RandomWalk", "SeasonalNaive", "Unigram"]

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
        _at_least("V", V, 1)
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
        pairs, n_pairs = _counted(_all_pair_codes(train, V), V * V)
        end = V * V  # past every pair, so that each search lands on an entry
        pairs = np.append(pairs, end)
        n_pairs = np.append(n_pairs, 1)
        a = pairs[:-1] // V
        n = np.zeros(V)
        T = np.zeros(V)
        np.add.at(n, a, n_pairs[:-1])
        np.add.at(T, a, 1)
        T[n == 0] = 1.0  # any weight: with no counts beside it, it leaves the unigram
        return cls(unigram, pairs, n_pairs, n, T)

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


@dataclass(frozen=True, eq=False)
class Iid:
    """Every step drawn from one law, whatever the past: what is left when order does not matter.

    It sees transformed values z; for a density of the data the caller adds the transform's log Jacobian.

    >>> Iid.fit(np.array([[-1.0], [1.0]]), "gaussian").log_density(np.array([[0.0]])).round(4).tolist()
    [-0.9189]
    """

    name: ClassVar[str] = "i.i.d."
    law: Law

    @classmethod
    def fit(cls, z: _Floats, head: str) -> Self:
        """Maximum likelihood over z (N, C), N >= 2: location and shape of all columns together, for "student" df."""
        values = _checked_series("z", z)
        if len(values) < 2:
            raise TooShortError(f"the i.i.d. baseline needs at least 2 training steps, got {len(values)}")
        return cls(Law.fit(values, head, "the training values", centred=False))

    def log_density(self, z: _Floats) -> _Floats:
        """log p(z_t) of z (T, C): (T,)."""
        return self.law.log_density(_checked_series("z", z, len(self.law.loc)))


@dataclass(frozen=True, eq=False)
class _Naive:
    """x_t = x_{t-season} + e_t with independent e_t of mean zero; x is (T, C) in the data's units."""

    season: int
    change: Law

    @classmethod
    def _fit(cls, train: _Floats, season: int, head: str) -> Self:
        x = _checked_series("train", train)
        _at_least("season", season, 1)
        if len(x) <= season:
            raise TooShortError(f"a season of {season} needs at least {counted(season + 1, 'step')}, got {len(x)}")
        of = f"the training changes over {counted(season, 'step')}"
        return cls(season, Law.fit(x[season:] - x[:-season], head, of, centred=True))

    def log_density(self, values: _Floats, start: int) -> _Floats:
        """log p(x_t | x_<t) of values[start:]: (T - start,); season <= start <= T."""
        x = _checked_series("values", values, len(self.change.loc))
        if not self.season <= start <= len(x):
            raise ArgumentError(
                f"start must leave one season of past, {counted(self.season, 'step')}, and be at most the number of "
                f"values, {len(x)}; got {start}"
            )
        return self.change.log_density(x[start:] - x[start - self.season : len(x) - self.season])

    def point(self, history: _Floats, horizon: int) -> _Floats:
        """The median, and mean, of the ``horizon`` steps after history (T, C), T >= season: (horizon, C)."""
        x = _checked_series("history", history, len(self.change.loc))
        _at_least("horizon", horizon, 1)
        if len(x) < self.season:
            raise TooShortError(f"a season of {self.season} needs as many steps of history, got {len(x)}")
        return x[len(x) - self.season + np.arange(horizon) % self.season]

    def quantiles(self, history: _Floats, horizon: int, levels: Sequence[float]) -> _Floats:
        """Quantiles at ``levels`` of each step ahead: (levels, horizon, C).

        The scale grows with the root of the number of changes summed, floor((h - 1) / season) + 1 (Hyndman &
        Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.5). Exact for the
        Gaussian; for the Student-t it keeps the shape of one step, while the sums of changes that `paths`
        draws come closer to a Gaussian as they grow.
        """
        point = self.point(history, horizon)
        q = np.asarray(levels, dtype=np.float64)
        if q.ndim != 1 or not ((q > 0) & (q < 1)).all():
            raise ArgumentError(f"levels must be a list of numbers between 0 and 1, got {levels}")
        n_summed = np.arange(horizon) // self.season + 1
        spread = np.sqrt(n_summed)[:, None] * self.change.scale
        return np.asarray(point + self.change.standard.ppf(q[:, None, None]) * spread, dtype=np.float64)

    def paths(self, history: _Floats, horizon: int, n: int, rng: np.random.Generator) -> _Floats:
        """``n`` sampled futures of history (T, C), ``rng`` the only randomness: (n, horizon, C)."""
        point = self.point(history, horizon)
        _at_least("n", n, 1)
        C = point.shape[1]
        n_seasons = -(-horizon // self.season)
        e = self.change.draw((n, n_seasons, self.season), rng)
        summed = e.cumsum(axis=1).reshape(n, n_seasons * self.season, C)
        return np.asarray(point + summed[:, :horizon], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class RandomWalk(_Naive):
    """x_t = x_{t-1} + e_t: the next step as the last, spread as the training increments, no drift.

    >>> walk = RandomWalk.fit(np.array([[0.0], [1.0], [0.0]]), "gaussian")
    >>> walk.point(np.array([[5.0]]), horizon=2).tolist()
    [[5.0], [5.0]]
    >>> walk.quantiles(np.array([[5.0]]), 4, [0.975])[0, :, 0].round(2).tolist()
    [6.96, 7.77, 8.39, 8.92]
    """

    name: ClassVar[str] = "random walk"

    @classmethod
    def fit(cls, train: _Floats, head: str) -> Self:
        """Fit the law of the increments of train (T, C), T >= 2, by maximum likelihood."""
        return cls._fit(train, 1, head)


@dataclass(frozen=True, eq=False)
class SeasonalNaive(_Naive):
    """x_t = x_{t-season} + e_t: the next step as the same step of the last season.

    >>> naive = SeasonalNaive.fit(np.array([[0.0], [9.0], [1.0], [8.0]]), 2, "gaussian")
    >>> naive.point(np.array([[1.0], [8.0]]), horizon=3)[:, 0].tolist()
    [1.0, 8.0, 1.0]
    """

    name: ClassVar[str] = "seasonal naive"

    @classmethod
    def fit(cls, train: _Floats, season: int, head: str) -> Self:
        """Fit the law of the seasonal changes of train (T, C), T > season, by maximum likelihood."""
        return cls._fit(train, season, head)


def _checked_symbols(document: _Symbols, V: int) -> NDArray[np.int64]:
    if document.ndim != 1 or not np.issubdtype(document.dtype, np.integer):
        raise ShapeError(f"a document must be a 1-D array of integers, got shape {document.shape} of {document.dtype}")
    wrong = np.flatnonzero((document < 0) | (document >= V))
    if wrong.size:
        raise UnseenSymbolError(
            f"{counted(wrong.size, 'symbol')} lie outside the alphabet 0..{V - 1}; the first is {document[wrong[0]]}, "
            f"at position {wrong[0]}"
        )
    return document.astype(np.int64, copy=False)


def _pair_codes(x: NDArray[np.int64], V: int) -> NDArray[np.int64]:
    return x[:-1] * V + x[1:]


def _all_pair_codes(train: Sequence[_Symbols], V: int) -> Iterator[NDArray[np.int64]]:
    """The codes of all pairs, of none across two documents: a symbol V between them marks what is left out."""
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
        new, n = np.unique(block, return_counts=True)
        found, both = np.unique(np.concatenate([found, new]), return_inverse=True)
        counts = np.bincount(both, np.concatenate([counts, n]), len(found)).astype(np.int64)
    return found, counts


def _checked_series(name: str, values: _Floats, columns: int | None = None) -> _Floats:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] == 0 or (columns is not None and x.shape[1] != columns):
        expected = "columns" if columns is None else f"{counted(columns, 'column')}, as in training"
        raise ShapeError(f"{name} must be (time, {expected}), got shape {x.shape}")
    broken = np.flatnonzero(~np.isfinite(x).all(axis=1))
    if broken.size:
        raise MissingValuesError(
            f"{name} has NaN or infinite values in {counted(broken.size, 'row')}, the first row {broken[0]}; fill or "
            "drop them first"
        )
    return x


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ArgumentError(f"{name} must be at least {least}, got {value}")
