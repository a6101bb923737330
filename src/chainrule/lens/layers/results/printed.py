"""Numbers as they are printed: whole multiples of one last digit, which add up without a rounding error."""

import math
from dataclasses import dataclass

__all__ = ["Printed"]

_DIGITS = 4  # of the largest number
_PLAIN = range(-4, 6)  # powers of ten that are written out


@dataclass(frozen=True)
class Printed:
    """Numbers in units of ten to the ``power``, with so many ``decimals``.

    >>> printed = Printed.of(0.81)
    >>> printed(0.81), printed(1 / 3), printed.text(1 / 3), printed.number(3333)
    (8100, 3333, '0.3333', 0.3333)
    >>> Printed.of(8.1e-9).text(8.1e-9), Printed.of(8.1e-9).units
    ('8.100e-09', ', in units of 1e-09')
    """

    power: int
    decimals: int

    @classmethod
    def of(cls, largest: float) -> "Printed":
        """So that the largest number has four digits."""
        power = math.floor(math.log10(largest)) if largest > 0 else 0
        if power in _PLAIN:
            return cls(0, max(0, _DIGITS - 1 - power))
        return cls(power, _DIGITS - 1)

    def __call__(self, value: float) -> int:
        """How many last digits the value is."""
        return round(value * 10.0 ** (self.decimals - self.power))

    def number(self, digits: int | None) -> float | None:
        """So many last digits, in units."""
        return None if digits is None else digits / 10**self.decimals

    @property
    def format(self) -> str:
        """Of a number in units."""
        return f",.{self.decimals}f"

    def text(self, value: float) -> str:
        """The value as it is printed."""
        number = format(self(value) / 10**self.decimals, self.format)
        return f"{number}e{self.power:+03d}" if self.power else number

    @property
    def units(self) -> str:
        """What to add to a label: nothing, or the units."""
        return f", in units of 1e{self.power:+03d}" if self.power else ""
