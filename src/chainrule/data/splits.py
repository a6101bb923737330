"""Splits into training, validation and test: in time order for sequences, by class for labelled examples."""

import math

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule.data.containers import Labelled
from chainrule.errors import ArgumentError, TooShortError

__all__ = ["split_labelled", "split_steps"]

_HELD_OUT = 0.1


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


def split_labelled(labelled: Labelled, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Sorted indices to train, to validate and to test on: of each class a tenth each for the last two.

    A test set that the source itself keeps is kept; validation then takes its tenth from the rest.

    Raises:
        TooShortError: a class with too few examples for each part to get one.
    """
    random = np.random.default_rng(seed)
    kept = labelled.test
    parts: tuple[list[NDArray[np.int64]], ...] = ([], [], [])
    for label, name in enumerate(labelled.classes):
        members = random.permutation(np.flatnonzero(labelled.labels == label))
        tenth = max(1, round(_HELD_OUT * len(members)))
        held = np.arange(len(members)) < tenth if kept is None else kept[members]
        test, rest = members[held], members[~held]
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
