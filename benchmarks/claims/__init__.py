"""What the rest of the library claims of its own cost: training through time, the lens, swapped nets.

Both sides of a comparison take turns in one process. A claim is printed with what was measured and its target.
"""

from typing import NamedTuple

__all__ = ["Claim"]


class Claim(NamedTuple):
    """What was measured, its target, and whether it is met."""

    what: str
    measured: str
    target: str
    met: bool
