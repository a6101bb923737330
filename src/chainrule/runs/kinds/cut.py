"""How much data a fit needs, and its cut in time order."""

import math

from chainrule._choices import counted
from chainrule.data import split_steps
from chainrule.errors import TooShortError

__all__ = ["split_in_time"]

_TRAIN = 0.8
_VALIDATE = 20_000  # steps at most: enough to tell checkpoints apart by a hundredth of a nat; the rest better trains


def split_in_time(steps: int, window: int, name: str, unit: str) -> tuple[int, int, int]:
    """How many of the first steps train, how many then validate, how many at the end test.

    A tenth tests, a tenth but at most 20,000 steps validates, the rest trains.

    >>> split_in_time(1000, window=64, name="x", unit="step")
    (800, 100, 100)
    >>> split_in_time(1_000_000, window=64, name="x", unit="step")
    (880000, 20000, 100000)
    """
    needed = max(10, math.ceil((window + 2) / _TRAIN))
    if steps < needed:
        raise TooShortError(
            f"{name} has {counted(steps, unit)}, and a window of {window} needs at least {needed}: eight tenths train, "
            f"one validates and one tests. Give more data{', or a smaller `window`' if steps >= 10 else ''}."
        )
    train, valid, test = split_steps(steps)
    kept = min(valid, _VALIDATE)
    return train + valid - kept, kept, test
