"""Splits into training, validation and test: in time order for sequences, by class or group for labelled examples."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule.data.containers import Labelled
from chainrule.data.labelled.group_split import HELD_OUT, split_groups
from chainrule.errors import ArgumentError, TooShortError

__all__ = ["split_labelled", "split_note", "split_steps"]

_Indices = NDArray[np.int64]


def split_steps(n: int, fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)) -> tuple[int, int, int]:
    """How many of ``n`` steps, in time order, are to train, to validate and to test on; they add up to ``n``.

    Raises:
        ArgumentError: fractions that are negative, leave nothing to train on, or do not add up to 1.
        TooShortError: too few steps for each part to get one.

    >>> split_steps(309)
    (247, 31, 31)
    """
    if min(fractions) < 0 or fractions[0] == 0 or not math.isclose(sum(fractions), 1):
        raise ArgumentError(
            f"fractions are {fractions}; expected three of at least 0 that add up to 1, the first above 0."
        )
    train = math.floor(n * fractions[0] + 0.5)
    rest = math.floor(n * (fractions[0] + fractions[1]) + 0.5)
    counts = train, rest - train, n - rest
    if any(count == 0 < fraction for count, fraction in zip(counts, fractions, strict=True)):
        needed = math.ceil(1 / min(fraction for fraction in fractions if fraction))
        raise TooShortError(f"{n} steps are too few to train, validate and test on; at least {needed} are needed.")
    return counts


def split_labelled(labelled: Labelled, seed: int = 0) -> tuple[_Indices, _Indices, _Indices]:
    """Sorted indices (int64) to train, to validate and to test on: a tenth of each class for each of the last two.

    Examples in groups are split by whole groups: validation and test get about a tenth of all each, at least one
    group, with shares of the classes as near to those of all examples as the groups allow, and every class stays in
    training. A test set that the source itself has is kept; validation then takes its tenth from the rest.

    Raises:
        TooShortError: a class with too few examples, or in too few groups, for each part to get one.

    >>> images = np.zeros((40, 1, 8, 8), np.uint8)
    >>> labelled = Labelled(images, np.arange(40) % 2, ("even", "odd"), "images", "squares")
    >>> [len(part) for part in split_labelled(labelled)]
    [32, 4, 4]
    """
    random = np.random.default_rng(seed)
    if labelled.groups:
        return split_groups(labelled, random)
    train: list[_Indices] = []
    validation: list[_Indices] = []
    test: list[_Indices] = []
    for label, name in enumerate(labelled.classes):
        members = random.permutation(np.flatnonzero(labelled.labels == label))
        chosen, rest = _split_test(labelled, members)
        tenth = _tenth(rest)
        if len(rest) <= tenth:
            raise TooShortError(
                f"class {name!r} of {labelled.name} has {counted(len(rest), 'example')} left to train and validate on "
                f"after {len(chosen)} to test on; expected at least 2."
            )
        train.append(rest[tenth:])
        validation.append(rest[:tenth])
        test.append(chosen)
    return _sorted(train), _sorted(validation), _sorted(test)


def _split_test(labelled: Labelled, members: _Indices) -> tuple[_Indices, _Indices]:
    """Members of a class to test on, which the source itself may keep, and the others."""
    if labelled.test is None:
        tenth = _tenth(members)
        return members[:tenth], members[tenth:]
    is_test = labelled.test[members]
    return members[is_test], members[~is_test]


def _tenth(members: _Indices) -> int:
    return max(1, round(HELD_OUT * len(members)))


def _sorted(parts: list[_Indices]) -> _Indices:
    return np.sort(np.concatenate(parts))


def split_note(labelled: Labelled, parts: Sequence[_Indices]) -> str:
    """How examples were split, in words.

    >>> from dataclasses import replace
    >>> speakers = ("ann", "bob", "cem", "dora") * 2
    >>> clips = Labelled([np.zeros(9, np.float32)] * 8, np.repeat([0, 1], 4), ("no", "yes"), "sound", "clips", 8000)
    >>> clips = replace(clips, groups=speakers, grouped_by="speaker")
    >>> split_note(clips, split_labelled(clips))
    'by speaker: 2 train, 1 validation, 1 test (cem)'
    """
    if labelled.groups:
        train, validation, test = (sorted({labelled.groups[i] for i in part.tolist()}) for part in parts)
        counts = f"{len(train)} train, {len(validation)} validation, {len(test)} test"
        return f"by {labelled.grouped_by}: {counts} ({listed(test, shown=3)})"
    if labelled.test is not None:
        return "by the source's own test set; validation at random, class by class"
    if labelled.kind == "sound":
        return "at random, class by class: one speaker may be on both sides, unless `group` keeps speakers apart"
    return "at random, class by class"
