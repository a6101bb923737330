"""Conversion at the edges of the lens: float64 tensors inside, NumPy arrays outside."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from chainrule.errors import ArgumentError, ShapeError
from chainrule.ops.arguments import as_int, check_dense

__all__ = ["Floats", "as_float64", "as_step", "as_targets", "checked_index", "if_given", "to_numpy"]

Floats = NDArray[np.float64]

_Value = TypeVar("_Value")
_Converted = TypeVar("_Converted")


def as_float64(name: str, values: Tensor | ArrayLike) -> Tensor:
    """A float64 tensor on the CPU with these values, without a graph; a copy."""
    if isinstance(values, Tensor):
        if values.is_complex():
            raise ShapeError(f"{name} is {values.dtype}; expected real numbers.")
        check_dense(name, values)
        return values.detach().cpu().to(torch.float64, copy=True)
    try:
        if values is None:  # which NumPy would turn into NaN
            raise TypeError
        return torch.from_numpy(np.array(values, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name} is {type(values).__name__}; expected a tensor or an array of numbers.") from error


def if_given(convert: Callable[[_Value], _Converted], value: _Value | None) -> _Converted | None:
    """``convert(value)``; None stays None.

    >>> if_given(abs, -2), if_given(abs, None)
    (2, None)
    """
    if value is None:
        return None
    return convert(value)


def to_numpy(values: Tensor) -> Floats:
    """A float64 array of its own."""
    array: Floats = values.detach().cpu().to(torch.float64).numpy().copy()
    return array


def checked_index(name: str, shape: Sequence[int], index: Sequence[int]) -> tuple[int, ...]:
    """The whole index, counted from the front: leading dimensions of size 1 may have been left out."""
    missing = len(shape) - len(index)
    ints = [found for i in index if (found := as_int(i)) is not None]
    if missing < 0 or len(ints) < len(index) or any(size != 1 for size in shape[:missing]):
        raise ArgumentError(
            f"index {tuple(index)} of {name}; expected {len(shape)} ints, as its shape is {tuple(shape)}."
        )
    whole = [0] * missing + ints
    if any(not -size <= i < size for i, size in zip(whole, shape, strict=True)):
        raise ArgumentError(f"index {tuple(index)} is outside of {name}, whose shape is {tuple(shape)}.")
    return tuple(i % size for i, size in zip(whole, shape, strict=True))


def as_step(name: str, step: int, count: int) -> int:
    """A step from 0 to count - 1; negative ones count from the end."""
    found = as_int(step)
    if found is None or not -count <= found < count:
        raise ArgumentError(
            f"{name} is {step!r}; expected a step from 0 to {count - 1}, or from -{count} counting from the end."
        )
    return found % count


def as_targets(targets: Sequence[int], count: int) -> list[int]:
    """The steps that a map is asked for, each once and in order."""
    if isinstance(targets, str) or not isinstance(targets, Sequence | np.ndarray | range) or not len(targets):
        raise ArgumentError(f"`targets` is {targets!r}; expected a list of steps from 0 to {count - 1}, at least one.")
    return sorted({as_step("a target", t, count) for t in targets})
