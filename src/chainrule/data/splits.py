"""Splits into training, validation and test: in time order for sequences, by class or group for labelled examples."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule.data.containers import Labelled
from chainrule.errors import ArgumentError, TooShortError

__all__ = ["split_labelled", "split_note", "split_steps"]

_HELD_OUT = 0.1
_Indices = NDArray[np.int64]


def split_steps(n: int, fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)) -> tuple[int, int, int]:
    """How many of n steps in time order train, validate and test; they add up to n.

    Raises:
        ArgumentError: fractions that are negative, leave nothing to train on, or do not add up to 1.
        TooShortError: too few steps for each part to get one.

    >>> split_steps(309)
    (247, 31, 31)
    """
    if min(fractions) < 0 or fractions[0] == 0 or not math.isclose(sum(fractions), 1):
        raise ArgumentError(f"fractions are {fractions}; expected three from 0 that add up to 1, the first above 0.")
    train = math.floor(n * fractions[0] + 0.5)
    rest = math.floor(n * (fractions[0] + fractions[1]) + 0.5)
    counts = train, rest - train, n - rest
    if any(count == 0 < fraction for count, fraction in zip(counts, fractions, strict=True)):
        need = math.ceil(1 / min(fraction for fraction in fractions if fraction))
        raise TooShortError(f"{n} steps are too few to train, validate and test on; at least {need} are needed.")
    return counts


def split_labelled(labelled: Labelled, seed: int = 0) -> tuple[_Indices, _Indices, _Indices]:
    """Sorted indices to train, to validate and to test on: of each class a tenth each for the last two.

    Of examples in groups, whole groups are for a tenth of all, or for as much as one group has, with classes as near to
    those of all as groups allow; each class is trained on. A test set that the source itself keeps is kept; validation
    then takes its tenth from the rest.

    Raises:
        TooShortError: a class with too few examples, or in too few groups, for each part to get one.
    """
    random = np.random.default_rng(seed)
    if labelled.groups:
        return _split_groups(labelled, random)
    kept = labelled.test
    parts: tuple[list[_Indices], ...] = ([], [], [])
    for label, name in enumerate(labelled.classes):
        members = random.permutation(np.flatnonzero(labelled.labels == label))
        tenth = max(1, round(_HELD_OUT * len(members)))
        held = np.arange(len(members)) < tenth if kept is None else kept[members]
        test = members[held]
        rest = members[~held]
        tenth = max(1, round(_HELD_OUT * len(rest)))
        if len(rest) <= tenth:
            raise TooShortError(
                f"class {name!r} of {labelled.name} has {counted(len(rest), 'example')} left to train and validate on "
                f"after {len(test)} to test on; expected at least 2."
            )
        for part, chosen in zip(parts, (rest[tenth:], rest[:tenth], test), strict=True):
            part.append(chosen)
    train, valid, test = (np.sort(np.concatenate(part)) for part in parts)
    return train, valid, test


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
        names = [sorted({labelled.groups[i] for i in part.tolist()}) for part in parts]
        counts = [f"{len(groups)} {what}" for groups, what in zip(names, ("train", "validation", "test"), strict=True)]
        counts[2] += f" ({listed(names[2], shown=3)})"
        return f"by {labelled.grouped_by}: {', '.join(counts)}"
    if labelled.test is not None:
        return "by the source's own test part; validation at random, class by class"
    if labelled.kind == "sound":
        return "at random, class by class: one speaker may be on both sides, unless --group keeps speakers apart"
    return "at random, class by class"


def _split_groups(labelled: Labelled, random: np.random.Generator) -> tuple[_Indices, _Indices, _Indices]:
    """Whole groups to train, to validate and to test on."""
    kept = np.zeros(len(labelled.labels), np.bool_) if labelled.test is None else labelled.test
    lacking = [name for i, name in enumerate(labelled.classes) if not (labelled.labels[~kept] == i).any()]
    if lacking:
        raise TooShortError(f"{labelled.name} has no example to train on of the class {listed(lacking, shown=3)}.")
    names, group = np.unique(np.array(labelled.groups), return_inverse=True)
    counts = np.zeros((len(names), len(labelled.classes)))
    np.add.at(counts, (group[~kept], labelled.labels[~kept]), 1)
    free = np.flatnonzero(counts.any(axis=1))
    free = random.permutation(free)
    held: list[set[int]] = []
    for later in (1, 0) if labelled.test is None else (0,):
        chosen = _held_out(counts, free, later)
        if not chosen:
            raise TooShortError(_too_few_groups(labelled, counts[free]))
        free = free[~np.isin(free, list(chosen))]
        held.append(chosen)
    tests = kept if labelled.test is not None else np.isin(group, list(held[0]))
    validates = np.isin(group, list(held[-1])) & ~tests
    return np.flatnonzero(~validates & ~tests), np.flatnonzero(validates), np.flatnonzero(tests)


def _held_out(counts: NDArray[np.float64], free: _Indices, later: int) -> set[int]:
    """Some of the free groups for a tenth of their examples, with a tenth of each class if it can be.

    Each class stays in the others, from which as many groups as ``later`` can be held out after these.
    """
    wanted = _HELD_OUT * counts[free].sum(axis=0)
    held = np.zeros(counts.shape[1])
    chosen = set[int]()
    while True:
        off = ((held + counts[free] - wanted) ** 2).sum(axis=1)
        best = next(
            (g for g in free[np.argsort(off, kind="stable")] if _can_go(counts, free[free != g], g, later)), None
        )
        if best is None or (chosen and ((held + counts[best] - wanted) ** 2).sum() >= ((held - wanted) ** 2).sum()):
            return chosen
        chosen.add(int(best))
        held = held + counts[best]
        free = free[free != best]


def _can_go(counts: NDArray[np.float64], rest: _Indices, group: int, later: int) -> bool:
    """Whether each class that the group has is in the rest too, even when one more group leaves it."""
    left = counts[rest].sum(axis=0)
    if not (left[counts[group] > 0] > 0).all():
        return False
    present = left > 0
    return not later or bool(((left - counts[rest])[:, present] > 0).all(axis=1).any())


def _too_few_groups(labelled: Labelled, counts: NDArray[np.float64]) -> str:
    by = labelled.grouped_by
    parts = "train, validate and test" if labelled.test is None else "train and validate"
    alone = [name for name, column in zip(labelled.classes, counts.T, strict=True) if (column > 0).sum() < 2]
    why = f"{len(counts)} groups"
    if alone:
        why += f", and the class {listed(alone, shown=3)} in one of them alone"
    return (
        f"{labelled.name} has by {by} {why}: too few to {parts} on, each on groups of its own and each class in "
        "training. Give more, or leave --group out."
    )
