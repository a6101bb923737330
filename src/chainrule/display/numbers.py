"""Numbers as people read them: four digits in general, a column of one unit with as many decimals in each row."""

import math
from collections.abc import Sequence

__all__ = ["Cell", "fixed", "number", "written"]

Cell = str | int | float | None

_LARGEST = 1e15  # from which on digits say less than an exponent
_DIGITS = 5  # of the largest number of a column
_WIDEST = 12  # digits of a column that is written with the same decimals


def number(value: Cell, digits: int = 4) -> str:
    """A cell as text: four digits, an exact zero as 0, what is merely tiny with its exponent.

    >>> [number(value) for value in (0.0, 3e-41, 0.123456, -12.0, 53066.2, 1e20, float("inf"), 7000, None)]
    ['0', '3.000e-41', '0.1235', '-12', '53,066', '1.000e+20', 'inf', '7,000', '']
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if value is None or not isinstance(value, float) or not math.isfinite(value):
        return "" if value is None else str(value)
    if value == 0:
        return "0"
    if 10**digits <= abs(value) < _LARGEST:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if 1e-3 <= abs(value) < 10**digits else f"{value:.{digits - 1}e}"


def written(column: Sequence[Cell], how: str | None, digits: int = 4) -> list[str]:
    """The cells of a column as text: each by itself, by a format such as ".1%", or "fixed": all with the same decimals.

    >>> written([16.9634, 25.7, None], "fixed")
    ['16.963', '25.700', '']
    >>> written([0.5, 1.0], ".0%")
    ['50%', '100%']
    """
    if how is None:
        return [number(cell, digits) for cell in column]
    if how == "fixed":
        how = fixed([cell for cell in column if isinstance(cell, int | float)])
    return [format(cell, how) if isinstance(cell, int | float) else number(cell) for cell in column]


def fixed(values: Sequence[float]) -> str:
    """The format that gives all values as many decimals: five digits of the largest, and two of the smallest.

    Five digits of each, where that were too long to read.

    >>> fixed([43.3, 108.85]), fixed([0.0, 1e-9, 1e9])
    (',.2f', '.5g')
    """
    sizes = [abs(value) for value in values if value and math.isfinite(value)]
    if not sizes:
        return ".0f"
    largest, smallest = (math.floor(math.log10(size)) for size in (max(sizes), min(sizes)))
    decimals = max(0, _DIGITS - 1 - largest, 1 - smallest)
    return f",.{decimals}f" if max(largest + 1, 1) + decimals <= _WIDEST else f".{_DIGITS}g"
