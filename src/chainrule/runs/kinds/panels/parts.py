"""How the series of a panel are cut in time: each by itself, at the same share."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule.data import Panel
from chainrule.errors import TooShortError

__all__ = ["Parts", "cut_panel"]

_Ints = NDArray[np.int64]
_SHARE = 10  # a tenth tests, another validates, but each at least one horizon


@dataclass(frozen=True, eq=False)
class Parts:
    """Where the parts of each series end, as rows (N,): what trains, what validates, and what is known at all.

    A series that is too short for three parts is in none: all three are its first row.
    """

    train: _Ints
    valid: _Ints
    test: _Ints

    @property
    def used(self) -> NDArray[np.bool_]:
        """(N,) whether a series is long enough."""
        return self.test > self.train


def cut_panel(panel: Panel, horizon: int) -> Parts:
    """The last tenth of each series tests and the tenth before validates, each of a horizon at least; the rest trains.

    Raises:
        TooShortError: no series is long enough.

    >>> parts = cut_panel(Panel(np.arange(105.0), np.array([0, 100, 105]), ("a", "b")), horizon=4)
    >>> parts.train.tolist(), parts.valid.tolist(), parts.test.tolist(), parts.used.tolist()
    ([80, 100], [90, 100], [100, 100], [True, False])
    """
    first = panel.starts[:-1]
    known = panel.ends - first
    held_out = np.maximum(known // _SHARE, horizon)
    train = known - 2 * held_out
    enough = train > horizon
    if not enough.any():
        raise TooShortError(
            f"the longest of {counted(len(panel.ids), 'series', 'series')} of {panel.name} has "
            f"{counted(int(known.max()), 'step')}, and a horizon of {horizon} needs at least {3 * horizon + 1}: one to "
            "train on, one to choose the checkpoint by and one to score. Give longer series, or a smaller `horizon`."
        )
    return Parts(
        np.where(enough, first + train, first),
        np.where(enough, first + train + held_out, first),
        np.where(enough, panel.ends, first),
    )
