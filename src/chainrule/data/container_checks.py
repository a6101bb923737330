"""Checks of what `Symbols`, `Series` and `Labelled` are built from."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule._room import memory
from chainrule.data.blockwise import blocks
from chainrule.errors import ArgumentError, DataError, MissingValuesError, ShapeError

__all__ = ["check_indices", "check_size", "checked_dates", "checked_values", "default_columns"]

_LARGEST = 1e120  # its square, and sums of many, stay within float64


def default_columns(count: int) -> tuple[str, ...]:
    """Names for columns that have none.

    >>> default_columns(1), default_columns(2)
    (('value',), ('value1', 'value2'))
    """
    if count == 1:
        return ("value",)
    return tuple(f"value{i}" for i in range(1, count + 1))


def check_size(values: NDArray[np.float64], name: str) -> None:
    """Refuse values whose squares float64 does not hold; NaN passes."""
    largest = np.abs(values).max(where=~np.isnan(values), initial=0)
    if largest > _LARGEST:
        raise DataError(f"{name} has values up to {largest:g}; expected at most {_LARGEST:g}. Scale the data down.")


def check_indices(name: str, indices: Iterable[NDArray[Any]], size: int, of: str) -> None:
    """Refuse indices that are not from 0 to below the size of what they are indices ``of``."""
    ranges = [(int(block.min()), int(block.max())) for block in blocks(indices) if block.size]
    low = min((first for first, _ in ranges), default=0)
    high = max((last for _, last in ranges), default=0)
    if ranges and not 0 <= low <= high < size:
        raise ArgumentError(f"{name} has indices from {low} to {high}; expected 0 to {size - 1}, those of its {of}.")


def _as_array(what: str, values: object) -> NDArray[Any]:
    """The values as NumPy takes them; tensors must be dense, on the CPU and without a graph."""
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError(f"{what} are a {type(values).__name__} that is not an array: {error}") from error


def checked_values(values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """The values as float64, steps x columns, in writable memory, as torch wants it."""
    given = _as_array(f"the values of {name}", values)
    if given.dtype.kind not in "iuf":
        raise ArgumentError(f"the values of {name} are of type {given.dtype}; expected numbers, such as float64.")
    if given.ndim not in (1, 2) or not given.size:
        raise ShapeError(f"the values of {name} have shape {given.shape}; expected (steps, columns).")
    if given.nbytes > memory():
        raise ShapeError(f"the values of {name} have shape {given.shape}, more than memory holds.")
    checked = np.require(given.reshape(len(given), -1), np.float64, "W")
    finite = np.isfinite(checked).all(axis=1)
    if not finite.all():
        steps = listed(np.flatnonzero(~finite) + 1, shown=5)
        error = MissingValuesError if np.isnan(checked).any() else DataError
        raise error(f"{name} has missing or infinite values, at steps {steps}. Fill them in, or leave the steps out.")
    check_size(checked, name)
    return checked


def checked_dates(dates: NDArray[np.datetime64], steps: int, name: str) -> NDArray[np.datetime64]:
    """The dates in nanoseconds: one for each step, strictly increasing."""
    given = _as_array(f"the dates of {name}", dates)
    if given.dtype.kind != "M":
        raise ArgumentError(f"the dates of {name} are of type {given.dtype}; expected datetime64.")
    if given.shape != (steps,):
        raise ShapeError(
            f"{name} has {counted(steps, 'step')} but dates of shape {given.shape}; expected one for each."
        )
    try:
        checked = given.astype("datetime64[ns]")
        is_exact = not np.isnat(given).any() and bool((checked.astype(given.dtype) == given).all())
    except OverflowError:  # of NumPy 2.5; older ones wrap around
        is_exact = False
    if not is_exact:
        raise DataError(f"some dates of {name} are missing, or not from 1678 to 2261. Correct them.")
    not_later = np.diff(checked) <= np.timedelta64(0, "ns")
    if not_later.any():
        step = int(np.argmax(not_later)) + 2
        raise DataError(f"the dates of {name} do not increase at step {step}. Sort the steps, oldest first.")
    return checked
