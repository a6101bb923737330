"""The split of labelled examples by whole groups, such as speakers."""

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import listed
from chainrule.data.containers import Labelled
from chainrule.errors import TooShortError

__all__ = ["HELD_OUT", "split_groups"]

HELD_OUT = 0.1  # of the examples, to validate and to test on

_Indices = NDArray[np.int64]


def split_groups(labelled: Labelled, random: np.random.Generator) -> tuple[_Indices, _Indices, _Indices]:
    """Sorted indices of the examples to train, to validate and to test on, no group in two of them.

    Raises:
        TooShortError: a class without examples to train on, or too few groups.
    """
    has_test = labelled.test is not None
    is_test = labelled.test if labelled.test is not None else np.zeros(len(labelled.labels), np.bool_)
    lacking = [name for i, name in enumerate(labelled.classes) if not (labelled.labels[~is_test] == i).any()]
    if lacking:
        raise TooShortError(f"{labelled.name} has no example to train on of the class {listed(lacking, shown=3)}.")
    names, group = np.unique(np.array(labelled.groups), return_inverse=True)
    counts = np.zeros((len(names), len(labelled.classes)))
    np.add.at(counts, (group[~is_test], labelled.labels[~is_test]), 1)
    free = random.permutation(np.flatnonzero(counts.any(axis=1)))
    if not has_test:
        chosen, free = _held_out(labelled, counts, free, later=1)
        is_test = np.isin(group, chosen)
    chosen, free = _held_out(labelled, counts, free, later=0)
    is_validation = np.isin(group, chosen) & ~is_test
    return np.flatnonzero(~is_validation & ~is_test), np.flatnonzero(is_validation), np.flatnonzero(is_test)


def _held_out(
    labelled: Labelled, counts: NDArray[np.float64], free: _Indices, *, later: int
) -> tuple[list[int], _Indices]:
    """Some of the free groups with about a tenth of the examples, of each class if possible; and the others.

    Every class stays in the others, even after as many of them as ``later`` are held out too. Groups are chosen one by
    one, each so that the number of examples of every class comes as near as it can to a tenth.

    Args:
        labelled: the examples, for messages.
        counts: (groups, classes), how many examples of each class each group has.
        free: the groups to choose from.
        later: how many of the other groups are to be held out afterwards.
    """
    remaining = free
    wanted = HELD_OUT * counts[remaining].sum(axis=0)
    held = np.zeros(counts.shape[1])
    chosen: list[int] = []
    while True:
        distance = ((held + counts[remaining] - wanted) ** 2).sum(axis=1)
        nearest_first = remaining[np.argsort(distance, kind="stable")]
        possible = (each for each in nearest_first if _can_leave(counts, remaining[remaining != each], each, later))
        best = next(possible, None)
        if best is None:
            break
        comes_nearer = ((held + counts[best] - wanted) ** 2).sum() < ((held - wanted) ** 2).sum()
        if chosen and not comes_nearer:
            break
        chosen.append(int(best))
        held = held + counts[best]
        remaining = remaining[remaining != best]
    if not chosen:
        raise TooShortError(_too_few_groups(labelled, counts[free]))
    return chosen, remaining


def _can_leave(counts: NDArray[np.float64], rest: _Indices, group: int, later: int) -> bool:
    """Whether every class of the group is in the rest too, even when one more group leaves it later."""
    left = counts[rest].sum(axis=0)
    present = left > 0
    if not present[counts[group] > 0].all():
        return False
    if not later:
        return True
    left_without_each = left - counts[rest]
    return bool((left_without_each[:, present] > 0).all(axis=1).any())


def _too_few_groups(labelled: Labelled, counts: NDArray[np.float64]) -> str:
    parts = "train, validate and test" if labelled.test is None else "train and validate"
    found = f"{len(counts)} groups by {labelled.grouped_by}"
    in_one = [name for name, column in zip(labelled.classes, counts.T, strict=True) if (column > 0).sum() < 2]
    if in_one:
        found += f", and the class {listed(in_one, shown=3)} in only one of them"
    return (
        f"{labelled.name} has {found}: too few to {parts} on different groups with every class in training. Give more, "
        "or leave `group` out."
    )
