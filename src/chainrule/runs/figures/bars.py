"""Bars, one a name, with their values written at their ends."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from chainrule._choices import counted
from chainrule.display import BLACK, BLUE, VERMILLION, title
from chainrule.errors import ShapeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["bars", "bars_height", "comparison"]


def comparison(axes: "Axes", names: Sequence[str], values: ArrayLike, unit: str, baseline: str) -> None:
    """Likelihood that each model gains over ``baseline``, in ``unit``, as bars with the best on top.

    ``values`` is (N,), N >= 1, one for each of ``names``; a negative one is a model worse than the baseline.

    >>> from chainrule.display import new_figure
    >>> figure = new_figure(2.0)
    >>> comparison(figure.axes[0], ["ar", "gru"], [0.1, 0.4], "nats per step", "i.i.d.")
    >>> figure.axes[0].get_title("left")
    'Likelihood gained over i.i.d.'
    """
    gained = np.asarray(values, dtype=np.float64)
    if gained.shape != (len(names),) or not len(names) or not np.isfinite(gained).all():
        raise ShapeError(
            f"values must be {counted(len(names), 'finite number')}, one for each name (at least one), got "
            f"{gained.tolist()}"
        )
    order = np.argsort(gained, kind="stable")
    colours = [BLUE if gained[i] >= 0 else VERMILLION for i in order]
    bars(axes, [names[i] for i in order], gained[order], "{:+.3f}", colours)
    axes.axvline(0, color=BLACK, linewidth=1)
    axes.set_xlabel(unit, parse_math=False)
    title(axes, f"Likelihood gained over {baseline}")


def bars(axes: "Axes", names: Sequence[str], values: ArrayLike, label: str, colours: Sequence[str]) -> None:
    """A bar for each name, the first at the bottom, with its value written by ``label``, as "{:.3f}"."""
    drawn = axes.barh(range(len(names)), np.asarray(values), height=0.65, color=colours)
    axes.bar_label(drawn, fmt=label, padding=4, fontsize=9)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.15)
    axes.set_ylim(-0.6, len(names) - 0.4)


def bars_height(count: int) -> float:
    """The height of a figure with so many bars, in inches."""
    return 1.2 + 0.4 * count
