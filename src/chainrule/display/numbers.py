"""How numbers are written: with four digits, in a column of one unit with the same decimals, in JSON as lists."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Cell", "fixed", "listed", "number", "written"]

Cell = str | int | float | None

_LARGEST = 1e15  # from which on digits say less than an exponent
_DIGITS = 5  # of the largest number of a column
_WIDEST = 12  # digits of a column that is written with the same decimals


def number(value: Cell, digits: int = 4) -> str:
    """A cell as text: four digits, an exact zero as 0, a tiny number with its exponent.

    >>> [number(value) for value in (0.0, 3e-41, 0.123456, -12.0, 53066.2, 1e20, float("inf"), 7000, None)]
    ['0', '3.000e-41', '0.1235', '-12', '53,066', '1.000e+20', 'inf', '7,000', '']
    """
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if not isinstance(value, float) or not math.isfinite(value):
        return str(value)
    size = abs(value)
    if size == 0:
        return "0"
    if 1e-3 <= size < 10**digits:
        return f"{value:.{digits}g}"
    if 10**digits <= size < _LARGEST:
        return f"{value:,.0f}"
    return f"{value:.{digits - 1}e}"


def written(column: Sequence[Cell], how: str | None, digits: int = 4) -> list[str]:
    """The cells of a column as text: each by itself, by a format such as ".1%", or "fixed": all with the same decimals.

    What rounds to zero has no sign.

    >>> written([16.9634, 25.7, None], "fixed")
    ['16.963', '25.700', '']
    >>> written([0.5, 1.0], ".0%")
    ['50%', '100%']
    >>> written([-0.0, -1e-9], ".4f")
    ['0.0000', '0.0000']
    """
    if how is None:
        return [number(cell, digits) for cell in column]
    if how == "fixed":
        how = fixed([cell for cell in column if isinstance(cell, int | float)])
    return [format(cell, _signless(cell, how)) if isinstance(cell, int | float) else number(cell) for cell in column]


def _signless(cell: float, how: str) -> str:
    """The format, which of a float gives what rounds to zero no sign."""
    return f"z{how}" if isinstance(cell, float) else how


def fixed(values: Sequence[float]) -> str:
    """The format that gives all values the same number of decimals: five digits of the largest, two of the smallest.

    Where that would be too long to read, five digits of each.

    >>> fixed([43.3, 108.85]), fixed([0.0, 1e-9, 1e9])
    (',.2f', '.5g')
    """
    sizes = [abs(value) for value in values if value and math.isfinite(value)]
    if not sizes:
        return ".0f"
    largest = math.floor(math.log10(max(sizes)))
    smallest = math.floor(math.log10(min(sizes)))
    decimals = max(0, _DIGITS - 1 - largest, 1 - smallest)
    if max(largest + 1, 1) + decimals > _WIDEST:
        return f".{_DIGITS}g"
    return f",.{decimals}f"


def listed(values: ArrayLike) -> Any:
    """Nested lists as strict JSON allows them: null in the place of NaN and infinity.

    >>> listed(np.array([[1.0, np.inf], [np.nan, 0.0]]))
    [[1.0, None], [None, 0.0]]
    """
    array = np.asarray(values)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        found = array.astype(object)
        found[~np.isfinite(array)] = None
        return found.tolist()
    return array.tolist()
