"""Baselines are honest forecasters: they sum to one, use the past alone, and match their closed forms."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from chainrule.errors import ArgumentError, MissingValuesError, ShapeError, TooShortError, UnseenSymbolError
from chainrule.runs.scoring.baselines import Bigram, Iid, RandomWalk, SeasonalNaive, Unigram
from tests.tolerances import RELATIVE

TINY = RELATIVE[torch.float64]
HEADS = ["gaussian", "student"]


@st.composite
def corpora(draw: st.DrawFn) -> tuple[list[NDArray[np.int64]], int]:
    V = draw(st.integers(1, 6))
    document = st.lists(st.integers(0, V - 1), max_size=30).map(lambda x: np.array(x, dtype=np.int64))
    return draw(st.lists(document, max_size=4)), V


def series(T: int = 60, C: int = 2) -> NDArray[np.float64]:
    rng = np.random.default_rng(3)
    x: NDArray[np.float64] = 100 + np.cumsum(rng.standard_normal((T, C)), axis=0) * np.array([1.0, 20.0])[:C]
    return x


@settings(deadline=None, max_examples=60)
@given(corpora())
def test_symbols_sum_to_one_after_every_past(corpus: tuple[list[NDArray[np.int64]], int]) -> None:
    train, V = corpus
    for fitted in (Unigram.fit(train, V), Bigram.fit(train, V)):
        first = [fitted.log_prob(np.array([b]))[0] for b in range(V)]
        assert np.exp(first).sum() == pytest.approx(1, rel=TINY)
        for a in range(V):
            following = [fitted.log_prob(np.array([a, b]))[1] for b in range(V)]
            assert np.exp(following).sum() == pytest.approx(1, rel=TINY)


@settings(deadline=None, max_examples=60)
@given(corpora())
def test_bigram_is_the_formula_counted_by_hand(corpus: tuple[list[NDArray[np.int64]], int]) -> None:
    train, V = corpus
    n = np.zeros((V, V))
    for document in train:
        for a, b in pairwise(document):
            n[a, b] += 1
    p = np.exp(Unigram.fit(train, V).log_prob(np.arange(V)))
    T = (n > 0).sum(axis=1, keepdims=True)
    seen = T[:, 0] > 0
    expected = np.tile(p, (V, 1))
    expected[seen] = ((n + T * p) / np.maximum(n.sum(axis=1, keepdims=True) + T, 1))[seen]
    bigram = Bigram.fit(train, V)
    actual = [[bigram.log_prob(np.array([a, b]))[1] for b in range(V)] for a in range(V)]
    np.testing.assert_allclose(np.exp(actual), expected, rtol=TINY)


def test_unigram_adds_one() -> None:
    unigram = Unigram.fit([np.array([0, 0, 2]), np.array([0])], V=3)
    np.testing.assert_allclose(np.exp(unigram.log_prob(np.array([0, 1, 2]))), [4 / 7, 1 / 7, 2 / 7], rtol=TINY)


def test_bigram_learns_what_follows_where_the_unigram_cannot() -> None:
    alternating = np.arange(200) % 2
    assert Unigram.fit([alternating], 2).log_prob(alternating).mean() == pytest.approx(np.log(0.5))
    assert Bigram.fit([alternating], 2).log_prob(alternating)[1:].mean() > np.log(0.98)


def test_symbol_log_prob_depends_on_the_past_alone() -> None:
    bigram = Bigram.fit([np.array([0, 1, 2, 1, 0])], V=3)
    one, other = (bigram.log_prob(np.array([0, 1, 2, last])) for last in (0, 2))
    np.testing.assert_array_equal(one[:3], other[:3])
    assert one[3] != other[3]
    assert bigram.log_prob(np.array([], dtype=np.int64)).shape == (0,)


def test_bad_symbols() -> None:
    with pytest.raises(ArgumentError, match="V is 0; expected a whole number of at least 1"):
        Unigram.fit([], 0)
    with pytest.raises(UnseenSymbolError, match=r"2 symbols lie outside the alphabet 0\.\.2; the first is 3, at"):
        Bigram.fit([np.array([0, 3, -1])], 3)
    with pytest.raises(ShapeError, match=r"1-D array of integers, got shape \(2,\) of float64"):
        Unigram.fit([], 3).log_prob(np.array([0.0, 1.0]))


@pytest.mark.parametrize("head", HEADS)
def test_iid_ignores_order_and_takes_columns_together(head: str) -> None:
    z = series()
    iid = Iid.fit(z, head)
    order = np.random.default_rng(0).permutation(len(z))
    np.testing.assert_array_equal(iid.log_density(z)[order], iid.log_density(z[order]))
    alone = [Iid.fit(z[:, [c]], head).log_density(z[:, [c]]).sum() for c in range(2)]
    assert head == "student" or iid.log_density(z).sum() >= sum(alone)  # a Student-t has one df for both columns
    z[:, 1] += 5 * z[:, 0]
    assert Iid.fit(z, head).log_density(z).sum() == pytest.approx(iid.log_density(series()).sum(), abs=1e-3)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("season", [1, 3])
def test_naive_density_is_that_of_the_change(head: str, season: int) -> None:
    x = series()
    naive = SeasonalNaive.fit(x[:40], season, head)
    shape = naive.change.shape
    df = naive.change.df
    law = stats.multivariate_normal(cov=shape) if df is None else stats.multivariate_t(shape=shape, df=df)
    expected = [law.logpdf(x[t] - x[t - season]) for t in range(40, 60)]
    np.testing.assert_allclose(naive.log_density(x, 40), expected, rtol=TINY)
    np.testing.assert_array_equal(naive.log_density(x, 50), naive.log_density(x, 40)[10:])
    np.testing.assert_array_equal(naive.log_density(x[:50], 40), naive.log_density(x, 40)[:10])
    assert naive.log_density(x, 60).shape == (0,)


def test_naive_gaussian_scale_is_the_root_mean_square_change() -> None:
    x = series()
    changes = x[4:] - x[:-4]
    scale = SeasonalNaive.fit(x, 4, "gaussian").change.scale
    np.testing.assert_allclose(scale, np.sqrt((changes**2).mean(axis=0)), rtol=TINY)


def test_a_season_of_one_is_the_random_walk() -> None:
    x = series()
    walk = RandomWalk.fit(x, "student")
    naive = SeasonalNaive.fit(x, 1, "student")
    np.testing.assert_array_equal(walk.log_density(x, 5), naive.log_density(x, 5))
    np.testing.assert_array_equal(walk.quantiles(x, 7, [0.2]), naive.quantiles(x, 7, [0.2]))


@pytest.mark.parametrize("head", HEADS)
def test_spread_grows_as_published(head: str) -> None:
    x = series()
    walk = RandomWalk.fit(x, head)
    naive = SeasonalNaive.fit(x, 4, head)
    h = np.arange(1, 11)[:, None]
    for fitted, growth in ((walk, np.sqrt(h)), (naive, np.sqrt((h - 1) // 4 + 1))):
        q = fitted.quantiles(x, 10, [0.1, 0.5, 0.9])
        one_step = fitted.quantiles(x, 1, [0.9])[0, 0] - fitted.point(x, 1)[0]
        np.testing.assert_allclose(q[2] - fitted.point(x, 10), growth * one_step, rtol=TINY)
        np.testing.assert_allclose(q[1], fitted.point(x, 10), rtol=TINY)
        np.testing.assert_allclose(q[0] + q[2], 2 * fitted.point(x, 10), rtol=TINY)


def test_points_repeat_the_last_season() -> None:
    x = np.arange(10.0)[:, None]
    assert SeasonalNaive.fit(x, 3, "gaussian").point(x, 7)[:, 0].tolist() == [7, 8, 9, 7, 8, 9, 7]
    assert RandomWalk.fit(x, "gaussian").point(x, 2)[:, 0].tolist() == [9, 9]


@pytest.mark.parametrize("season", [1, 4])
def test_gaussian_paths_have_the_quantiles_law(season: int) -> None:
    x = series()
    n = 20_000
    H = 6
    naive = SeasonalNaive.fit(x, season, "gaussian")
    paths = naive.paths(x, H, n, np.random.default_rng(0))
    assert paths.shape == (n, H, 2)
    for level in (0.1, 0.5, 0.9):
        below = (paths < naive.quantiles(x, H, [level])[0]).mean(axis=0)
        standard_error = np.sqrt(level * (1 - level) / n)
        np.testing.assert_array_less(np.abs(below - level), 5 * standard_error)


def test_paths_sum_independent_changes_of_the_same_place_in_the_season() -> None:
    x = series(C=1)
    n = 20_000
    paths = SeasonalNaive.fit(x, 2, "gaussian").paths(x, 4, n, np.random.default_rng(0))[:, :, 0]
    correlation = np.corrcoef(paths.T)
    expected = np.eye(4)
    expected[[0, 1, 2, 3], [2, 3, 0, 1]] = np.sqrt(0.5)  # x_3 holds x_1's change and one more
    np.testing.assert_array_less(np.abs(correlation - expected), 5 / np.sqrt(n))


@pytest.mark.parametrize("head", HEADS)
def test_paths_depend_on_the_generator_alone(head: str) -> None:
    walk = RandomWalk.fit(series(), head)
    x = series()
    first, second, third = (walk.paths(x, 3, 5, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert (first != third).all()


FITTED = SeasonalNaive.fit(series(), 4, "gaussian")
BAD_CALLS: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: SeasonalNaive.fit(series(4), 4, "gaussian"), TooShortError, "at least 5 steps, got 4"),
    (
        lambda: SeasonalNaive.fit(series(), 0, "gaussian"),
        ArgumentError,
        "`season` is 0; expected a whole",
    ),
    (lambda: Iid.fit(series(1), "gaussian"), TooShortError, "at least 2 training steps, got 1"),
    (lambda: RandomWalk.fit(series()[:, 0], "gaussian"), ShapeError, r"train must be \(time, columns\)"),
    (lambda: FITTED.log_density(series(), 3), ArgumentError, "one season of past, 4 steps.*got 3"),
    (lambda: FITTED.log_density(series(), 61), ArgumentError, "at most the number of values, 60; got 61"),
    (lambda: FITTED.log_density(series(C=1), 4), ShapeError, r"\(time, 2 columns, as in training\)"),
    (lambda: FITTED.point(series(3), 1), TooShortError, "as many steps of history, got 3"),
    (lambda: FITTED.point(series(), 0), ArgumentError, "`horizon` is 0; expected a whole"),
    (lambda: FITTED.quantiles(series(), 2, [0.5, 1.0]), ArgumentError, r"between 0 and 1, got \[0.5, 1.0\]"),
    (
        lambda: FITTED.paths(series(), 2, 0, np.random.default_rng(0)),
        ArgumentError,
        "n is 0; expected a whole",
    ),
    (lambda: FITTED.point(np.full((9, 2), np.nan), 1), MissingValuesError, "in 9 rows, the first row 0"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_CALLS)
def test_bad_series(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
