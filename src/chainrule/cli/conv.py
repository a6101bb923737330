"""``chainrule look conv``: the sizes of a convolution, or one's own numbers, their sums and the laws that they obey."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chainrule.display import Shown
from chainrule.errors import ArgumentError
from chainrule.lens import sizes
from chainrule.lens.written import convolved, numbers_in

__all__ = ["look_at_convolution"]

_NUMBERS = ("x", "w")
_APPLY = {*_NUMBERS, "stride", "padding", "dilation"}  # to numbers
_FILE = "FILE:"
_OPTION = re.compile(r"^(stride|padding|dilation|groups|in_channels|out_channels)( is )")
_PAIR = re.compile(r"\((\d+), (\d+)\)")  # of padding, before and after
_PAIRS = re.compile(r"\[\(\d+, \d+\)(?:, \(\d+, \d+\))*\]")
_TUPLE = re.compile(r"\(\d+(?:, \d+)*,?\)")


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
    with _as_typed():
        return [sizes(**options)]


def _at_numbers(asked: Mapping[str, str | int], options: dict[str, Any]) -> Sequence[Shown]:
    """The convolution of x with w, and the laws."""
    if not asked.keys() >= set(_NUMBERS):
        raise ArgumentError("look conv needs both --x and --w: chainrule look conv --x 1,0,-1,2,4 --w 1,2,3")
    others = [f"--{name.replace('_', '-')}" for name in asked if name not in _APPLY]
    if others:
        raise ArgumentError(f"{', '.join(others)}: --x and --w have sizes of their own, and a channel each.")
    x, w = (numbers_in(name, _text(name, str(asked[name]))) for name in _NUMBERS)
    with _as_typed():
        return convolved(x, w, **options)


@contextmanager
def _as_typed() -> Iterator[None]:
    """A while in which errors tell options and sizes as they are typed: --stride is 2x1, not stride is (2, 1)."""
    try:
        yield
    except ArgumentError as error:
        named = _OPTION.sub(r"`\1`\2", str(error))
        pairs = _PAIRS.sub(lambda found: " by ".join("+".join(pair) for pair in _PAIR.findall(found[0])), named)
        raise ArgumentError(_TUPLE.sub(lambda found: "x".join(re.findall(r"\d+", found[0])), pairs)) from None


def _text(name: str, given: str) -> str:
    """The numbers as they are given, or as they stand in a file, FILE:path."""
    if not given.startswith(_FILE):
        return given
    path = Path(given.removeprefix(_FILE))
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ArgumentError(
            f"--{name} is {given!r}, and {path} cannot be read ({error}). Name a file of numbers with commas between "
            "them, a row on each line."
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
