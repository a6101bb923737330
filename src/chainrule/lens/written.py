"""What is to be looked at, written as text, as a command and a page are given it: numbers, a layer, a cell."""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, whole_in
from chainrule.display import Shown
from chainrule.errors import ArgumentError
from chainrule.lens.convolutions.convolution import convolution
from chainrule.lens.convolutions.laws import convolution_laws
from chainrule.lens.convolutions.sizes import sizes

__all__ = ["cell_in", "convolved", "layer_in", "numbers_in"]

_MOST = 4096  # numbers of x, w or y, one by one


def numbers_in(name: str, text: str) -> NDArray[np.float64]:
    """1,0,-1 as a vector, and rows after one another, or one below the other, as a matrix.

    Raises:
        ArgumentError: they are no numbers, none, too many, or rows of different lengths.

    >>> numbers_in("x", "1 0; 0 1").tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    rows = [re.split(r"\s*,\s*|\s+", row.strip()) for row in re.split(r"[;\n]", text) if row.strip()]
    try:
        if len({len(row) for row in rows}) > 1:
            raise ValueError("they differ in length")
        values = np.array([[float(number) for number in row] for row in rows])
    except ValueError as error:
        raise ArgumentError(
            f"`{name}` is {text[:60]!r}; expected numbers with commas or blanks between them, such as 1,0,-1, or rows "
            f"of one length with semicolons between them, such as 1,0;0,1 ({error})."
        ) from error
    if not values.size or values.size > _MOST or not np.isfinite(values).all():
        raise ArgumentError(
            f"`{name}` has {counted(values.size, 'number')}; expected 1 to {_MOST:,}, all of them finite."
        )
    return values[0] if len(values) == 1 else values


def convolved(x: NDArray[np.float64], w: NDArray[np.float64], **options: Any) -> Sequence[Shown]:
    """The convolution of x with w and the laws that they obey; ``options`` are those of `convolution`.

    Raises:
        ArgumentError: they differ in their dimensions, the result is too large, or as `convolution` raises it.
    """
    if x.ndim != w.ndim:
        raise ArgumentError(
            f"`x` has {counted(x.ndim, 'dimension')} and `w` {w.ndim}; expected as many: put semicolons between rows."
        )
    sized = {name: value for name, value in options.items() if name != "flip"}
    count = math.prod(sizes(x.shape, w.shape, **sized).output)
    if count > _MOST:
        raise ArgumentError(
            f"the result has {counted(count, 'number')}; expected {_MOST:,} at most. Use less `padding`."
        )
    return [*convolution(w, x, **options).parts(), convolution_laws(x, w)]


def layer_in(text: str | None) -> int | str | None:
    """A layer's number or name; None of no text.

    >>> layer_in("3"), layer_in("stages.0"), layer_in("")
    (3, 'stages.0', None)
    """
    number = whole_in(text or "")
    return (text or None) if number is None else number


def cell_in(text: str | None) -> tuple[int, ...]:
    """The place of a cell; () of no text.

    Raises:
        ArgumentError: there is something else than whole numbers.

    >>> cell_in("3,-5"), cell_in(None)
    ((3, -5), ())
    """
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise ArgumentError(
            f"`at` is {text!r}; expected a step, or the place of a cell with commas between its numbers, such as 3,5."
        ) from None
