"""Splits: disjoint, complete, in proportion and the same for the same seed."""

import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import Labelled, split_labelled, split_note, split_steps
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
    with pytest.raises(ArgumentError, match="expected three of at least 0 that add up to 1"):
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
    with pytest.raises(TooShortError, match=r"class '1' of toy has 1 example left .* after 1 to test on"):
        split_labelled(labelled([0] * 9 + [1] * 2), 0)


GROUPED = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), min_size=3, max_size=40)  # (label, group)


@given(GROUPED, st.integers(0, 9))
@settings(deadline=None)
def test_no_group_is_on_two_sides_and_each_class_is_trained_on(examples: list[tuple[int, int]], seed: int) -> None:
    names = sorted({label for label, _ in examples})
    data = replace(
        labelled([names.index(label) for label, _ in examples]), groups=tuple(f"g{group}" for _, group in examples)
    )
    if not can_be_split(data):
        with pytest.raises(TooShortError, match="too few to train, validate and test on"):
            split_labelled(data, seed)
        return
    parts = split_labelled(data, seed)
    assert np.sort(np.concatenate(parts)).tolist() == list(range(len(examples)))
    groups = [{data.groups[i] for i in part.tolist()} for part in parts]
    assert all(groups)
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]
    assert set(data.labels[parts[0]].tolist()) == set(range(len(names)))
    for part, again in zip(parts, split_labelled(data, seed), strict=True):
        np.testing.assert_array_equal(part, again)


def can_be_split(data: Labelled) -> bool:
    """Whether two groups can go so that each class stays, tried for all pairs."""
    groups = np.array(data.groups)
    pairs = combinations(sorted(set(data.groups)), 2)
    return any(len(set(data.labels[~np.isin(groups, pair)].tolist())) == len(data.classes) for pair in pairs)


def test_many_groups_are_held_out_for_a_tenth_of_each_class() -> None:
    random = np.random.default_rng(0)
    group = random.integers(0, 100, 2000)
    data = replace(labelled(random.integers(0, 4, 2000).tolist()), groups=tuple(f"g{g}" for g in group))
    train, valid, test = split_labelled(data, 1)
    for part, share in ((valid, 0.09), (test, 0.1)):
        assert len(part) == pytest.approx(share * 2000, rel=0.2)
        np.testing.assert_allclose(np.bincount(data.labels[part]) / len(part), 0.25, atol=0.05)
    note = split_note(data, (train, valid, test))
    assert re.fullmatch(r"by group: \d+ train, \d+ validation, \d+ test \(g\d+, g\d+, g\d+ and \d+ more\)", note)


def test_groups_validate_beside_a_given_test_set() -> None:
    data = labelled([0, 1] * 20, [False] * 30 + [True] * 10)
    data = replace(data, groups=tuple("abc"[i % 3] for i in range(40)))
    train, valid, test = split_labelled(data, 0)
    assert test.tolist() == list(range(30, 40))
    assert {i % 3 for i in train.tolist()}.isdisjoint({i % 3 for i in valid.tolist()})


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("abab", "2 groups by group: too few"),
        ("abcc", "3 groups by group, and the class 1 in only one of them: too few"),
    ],
)
def test_too_few_groups_are_refused(groups: str, message: str) -> None:
    with pytest.raises(TooShortError, match=message):
        split_labelled(replace(labelled([0, 0, 1, 1]), groups=tuple(groups)))


def test_how_examples_were_split_is_said() -> None:
    data = labelled([0] * 20 + [1] * 20)
    assert split_note(data, split_labelled(data)) == "at random, class by class"
    assert "own test set" in split_note(replace(data, test=np.zeros(40, bool)), ())
    sound = Labelled([np.zeros(3, np.float32)] * 40, data.labels, data.classes, "sound", "toy", 8000)
    assert "`group` keeps speakers apart" in split_note(sound, split_labelled(sound))
