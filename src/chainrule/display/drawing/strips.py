"""Arrays of one dimension as a figure: strips of cells below one another, position by position."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainrule.display.drawing.figure import ON_MAP, whole_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_strips"]

_WRITTEN = 16  # positions up to which the numbers are written
_HALF = 0.4  # of the height of a strip
_PALE = 1.25  # times the largest number: the scale's end, so that what is written stays readable


def draw_strips(axes: "Axes", rows: Mapping[str, NDArray[np.float64]]) -> None:
    """Each array (n,), by its name, as a strip below the one before, blue where negative and red where positive.

    Every strip has a scale of its own, since a kernel is often far smaller than what it reads.
    """
    longest = max(map(len, rows.values()))
    for row, values in enumerate(rows.values()):
        largest = _PALE * (float(np.abs(values).max(initial=0)) or 1.0)
        extent = (-0.5, len(values) - 0.5, row + _HALF, row - _HALF)
        axes.imshow(values[None], cmap="RdBu_r", vmin=-largest, vmax=largest, extent=extent, aspect="auto")
        if longest <= _WRITTEN:
            for position, value in enumerate(values):
                axes.text(position, row, f"{value:.3g}", ha="center", va="center", fontsize=10, color=ON_MAP)
    axes.set_yticks(range(len(rows)), list(rows), parse_math=False)
    axes.set_xlim(-0.5, longest - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False)
    whole_ticks(axes.xaxis)
    axes.set_xlabel("position (each row on a scale of its own)")
