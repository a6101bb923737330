"""Values without dates that repeat a part of what is known: they would be taken for new ones, and counted twice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Repeat", "differ", "repeated_part", "rows_differ", "told_apart"]

_ROUNDING = 1e-9  # relative: values that were written out and read again are the same
_LOOKED_AT = 64  # steps, after which places that still agree are the same pattern
_CHANCE = 1e-3  # a stretch that recurs by chance more often is none to tell by

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Repeat:
    """The known steps ``first`` to ``last``, counted from 1, with which the new ones begin."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"step {self.first}" if self.first == self.last else f"steps {self.first} to {self.last}"


def repeated_part(known: _Floats, new: _Floats, among: int = 1) -> Repeat | None:
    """Where the new values (L, C) begin with a part of the known ones (T, C): as far as the shorter of both goes.

    None if they do not, or by what may be chance: a part of few and common values, or one that the known series has in
    several places, as a season without noise is. Chance is that of any ``among`` so many series.

    >>> known = np.array([[3.1], [4.1], [5.9], [2.6], [5.3], [5.8], [9.7], [9.3]])
    >>> [str(repeated_part(known, known[part])) for part in (slice(0, 5), slice(2, 7), slice(3, 8), slice(7, 8))]
    ['steps 1 to 5', 'steps 3 to 7', 'steps 4 to 8', 'None']
    """
    steps = len(known)
    looked_at = min(len(new), _LOOKED_AT)
    places = np.arange(steps)
    whole = []  # places from which the known values agree to their end
    for k in range(looked_at):
        ended = places + k >= steps
        whole += places[ended].tolist()
        places = places[~ended]
        places = places[~rows_differ(known[places + k], new[k])]
        if not len(places):
            break
    found = [*whole, *places.tolist()]
    if len(found) != 1:
        return None
    first = found[0]
    count = min(len(new), steps - first)
    part = known[first : first + count]
    if rows_differ(part, new[:count]).any():
        return None
    common = np.array([1 - rows_differ(known, row).mean() for row in part[:_LOOKED_AT]])
    if among * steps * np.prod(common) > _CHANCE:
        return None
    return Repeat(first + 1, first + count)


def told_apart(known: str, new: str) -> tuple[str, str]:
    """The names of known and new data for messages that name both.

    >>> told_apart("the data", "the data"), told_apart("a.csv", "b.csv")
    (('the known data', 'the new data'), ('a.csv', 'b.csv'))
    """
    if known != new:
        return known, new
    name = known.removeprefix("the ")
    return f"the known {name}", f"the new {name}"


def differ(known: _Floats, new: _Floats) -> NDArray[np.bool_]:
    """Which values are not the same, but for rounding; two blanks are."""
    blank = np.isnan(known) & np.isnan(new)
    return np.asarray(~blank & ~(np.abs(new - known) <= _ROUNDING * np.abs(known)))


def rows_differ(known: _Floats, new: _Floats) -> NDArray[np.bool_]:
    """Which rows have such a value."""
    return np.asarray(differ(known, new).any(axis=-1))
