"""Splits: disjoint, complete, in proportion and the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import Labelled, split_labelled, split_steps
from chainrule.errors import ArgumentError, TooShortError

FRACTIONS = [(0.8, 0.1, 0.1), (0.9, 0.1, 0.0), (0.5, 0.3, 0.2), (1.0, 0.0, 0.0)]


def labelled(labels: list[int], test: list[bool] | None = None) -> Labelled:
    names = tuple(str(i) for i in range(max(labels) + 1))
    inputs = np.zeros((len(labels), 1, 2, 2), dtype=np.uint8)
    member = None if test is None else np.array(test)
    return Labelled(inputs, np.array(labels, dtype=np.int64), names, "images", "toy", test=member)


@given(st.integers(10, 10**7), st.sampled_from(FRACTIONS))
@settings(deadline=None)
def test_steps_are_split_in_proportion(n: int, fractions: tuple[float, float, float]) -> None:
    counts = split_steps(n, fractions)
    assert sum(counts) == n
    for count, fraction in zip(counts, fractions, strict=True):
        assert abs(count - fraction * n) <= 1
        assert count > 0 or fraction == 0


def test_too_few_steps_are_refused() -> None:
    with pytest.raises(TooShortError, match=r"5 steps are too few .* at least 10 are needed"):
        split_steps(5)


@pytest.mark.parametrize("fractions", [(0.8, 0.1, 0.2), (0.0, 0.5, 0.5), (1.2, -0.1, -0.1)])
def test_fractions_that_cannot_be_are_refused(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(ArgumentError, match="expected three from 0 that add up to 1"):
        split_steps(100, fractions)


@given(st.lists(st.integers(3, 40), min_size=2, max_size=5), st.integers(0, 9))
@settings(deadline=None)
def test_each_class_is_split_in_tenths(sizes: list[int], seed: int) -> None:
    data = labelled([label for label, size in enumerate(sizes) for _ in range(size)])
    parts = split_labelled(data, seed)
    assert np.sort(np.concatenate(parts)).tolist() == list(range(sum(sizes)))
    for label, size in enumerate(sizes):
        train, valid, test = (int((data.labels[part] == label).sum()) for part in parts)
        assert train >= 1
        assert abs(test - max(1.0, size / 10)) <= 0.5
        assert abs(valid - max(1.0, (size - test) / 10)) <= 0.5
    for part, again in zip(parts, split_labelled(data, seed), strict=True):
        np.testing.assert_array_equal(part, again)


def test_the_seed_decides() -> None:
    data = labelled([0] * 50 + [1] * 50)
    assert split_labelled(data, 0)[2].tolist() != split_labelled(data, 1)[2].tolist()


def test_a_given_test_set_is_kept() -> None:
    data = labelled([0, 1] * 20, [False] * 30 + [True] * 10)
    train, valid, test = split_labelled(data, 3)
    assert test.tolist() == list(range(30, 40))
    assert np.sort(np.concatenate([train, valid])).tolist() == list(range(30))
    assert len(valid) == 4


def test_a_class_too_small_to_split_is_named() -> None:
    with pytest.raises(TooShortError, match=r"class '1' of toy has 1 examples left .* after 1 to test on"):
        split_labelled(labelled([0] * 9 + [1] * 2), 0)
