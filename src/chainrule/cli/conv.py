"""``chainrule look conv``: the sizes of a convolution, or one's own numbers, their sums and the laws that they obey."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule.display import Shown
from chainrule.errors import ArgumentError
from chainrule.lens import convolution, convolution_laws, sizes

__all__ = ["look_at_convolution"]

_NUMBERS = ("x", "w")
_APPLY = {*_NUMBERS, "stride", "padding", "dilation"}  # to numbers
_FILE = "FILE:"


def look_at_convolution(asked: Mapping[str, str | int]) -> Sequence[Shown]:
    """What the options asked for, by their names, have to show.

    Raises:
        ArgumentError: they do not go together, or are no numbers.
    """
    options: dict[str, Any] = {}
    for name, value in asked.items():
        if name not in _NUMBERS:
            options[name] = _sizes(name, value) if isinstance(value, str) else value
    given = [name for name in _NUMBERS if name in asked]
    if given:
        return _at_numbers(asked, options)
    if not {"input", "kernel"} <= asked.keys():
        raise ArgumentError(
            "look conv needs --input and --kernel: chainrule look conv --input 28x28 --kernel 3x3; or numbers: "
            "chainrule look conv --x 1,0,-1,2,4 --w 1,2,3"
        )
    return [sizes(**options)]


def _at_numbers(asked: Mapping[str, str | int], options: dict[str, Any]) -> Sequence[Shown]:
    """The convolution of x with w, and the laws."""
    if not asked.keys() >= set(_NUMBERS):
        raise ArgumentError("look conv needs both --x and --w: chainrule look conv --x 1,0,-1,2,4 --w 1,2,3")
    others = [f"--{name.replace('_', '-')}" for name in asked if name not in _APPLY]
    if others:
        raise ArgumentError(f"{', '.join(others)}: --x and --w have sizes of their own, and a channel each.")
    x, w = (_array(name, str(asked[name])) for name in _NUMBERS)
    if x.ndim != w.ndim:
        raise ArgumentError(
            f"--x has {counted(x.ndim, 'dimension')} and --w {w.ndim}; expected as many, with semicolons between rows."
        )
    return [*convolution(w, x, **options).parts(), convolution_laws(x, w)]


def _array(name: str, text: str) -> NDArray[np.float64]:
    """1,0,-1 as a vector, "1,0;0,1" as a matrix; or the numbers of a file, FILE:path, of one or several rows."""
    try:
        if text.startswith(_FILE):
            return np.loadtxt(text.removeprefix(_FILE), delimiter=",")
        rows = [[float(number) for number in row.split(",")] for row in text.split(";")]
        if len({len(row) for row in rows}) > 1:
            raise ValueError("its rows differ in length")
        return np.array(rows[0] if len(rows) == 1 else rows)
    except ValueError as error:
        raise ArgumentError(
            f"--{name} is {text[:60]!r}; expected numbers with commas between them, rows with semicolons between them, "
            f'such as "1,0,-1" or "1,0;0,1", or FILE:path of such a file ({error}).'
        ) from None


def _sizes(name: str, text: str) -> int | str | tuple[int, ...]:
    """What an option of several sizes says: 28x28 is (28, 28), and one number stands for all dimensions."""
    if name == "padding" and text in ("valid", "same", "causal"):
        return text
    numbers = _whole_numbers(name, text)
    if len(numbers) == 1 and name not in ("input", "kernel"):
        return numbers[0]
    return numbers


def _whole_numbers(name: str, text: str) -> tuple[int, ...]:
    """28x28 as (28, 28)."""
    try:
        return tuple(int(part) for part in text.lower().split("x"))
    except ValueError:
        words = ", or valid, same or causal" if name == "padding" else ""
        raise ArgumentError(
            f"--{name} is {text!r}; expected whole numbers with x between them, such as 3x3{words}."
        ) from None
