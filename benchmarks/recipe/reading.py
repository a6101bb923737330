"""What a trial learns from, in the order in which it is read."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from benchmarks.recipe.variants import Variant

__all__ = ["Part", "Window", "parts", "windows"]


@dataclass(frozen=True)
class Part:
    """So many steps of one training that read windows of one shape.

    Attributes:
        begins, ends: shares of all characters that are read before it, and with it.
    """

    batch: int
    window: int
    steps: int
    begins: float
    ends: float


@dataclass(frozen=True)
class Window:
    """Symbols x (B, T), what follows each, whether rows begin with it, and what share of the training is behind it."""

    x: Tensor
    follows: Tensor
    begins: bool
    spent: float


def parts(variant: Variant, steps: int) -> list[Part]:
    """The beginning that a variant asks for, and the rest, which read as much as ``steps`` of its usual windows.

    A beginning of smaller windows has as many more of them.

    >>> [part.steps for part in parts(Variant(batch=8, window=16, first=0.25, first_window=4), 40)]
    [40, 30]
    """
    share = variant.first
    batch = variant.first_batch or variant.batch
    window = variant.first_window or variant.window
    smaller = variant.batch * variant.window / (batch * window)
    first = Part(batch, window, round(share * steps * smaller), 0.0, share)
    rest = Part(variant.batch, variant.window, round((1 - share) * steps), share, 1.0)
    return [part for part in (first, rest) if part.steps > 0]


def windows(text: Tensor, read: list[Part]) -> Iterator[Window]:
    """What the ``read`` parts have of a ``text``, whose rows are gone through over and over."""
    for part in read:
        rows = text[: len(text) // part.batch * part.batch].view(part.batch, -1)
        t = 0
        for step in range(part.steps):
            if t + 1 >= rows.shape[1]:
                t = 0
            follows = rows[:, t + 1 : t + 1 + part.window]
            x = rows[:, t : t + follows.shape[1]]
            spent = part.begins + (part.ends - part.begins) * step / part.steps
            yield Window(x, follows, t == 0, spent)
            t += part.window
