"""How much data a fit needs, and its cut in time order."""

import math

from chainrule.data import split_steps
from chainrule.errors import TooShortError

__all__ = ["CONTEXT", "split_in_time"]

CONTEXT = 1024  # steps before a cut that the next part reads and does not score

_TRAIN = 0.8


def split_in_time(steps: int, window: int, name: str, unit: str) -> tuple[int, int, int]:
    """How many of the first steps train, how many then validate, how many at the end test: 8, 1 and 1 tenths.

    >>> split_in_time(1000, window=64, name="x", unit="step")
    (800, 100, 100)
    """
    needed = max(10, math.ceil((window + 2) / _TRAIN))
    if steps < needed:
        raise TooShortError(
            f"{name} has {steps} {unit}s, and a window of {window} needs at least {needed}: eight tenths train, "
            f"one validates and one tests. Give more data{', or a smaller --window' if steps >= 10 else ''}."
        )
    return split_steps(steps)
