"""Bars, one a name, with their values written at their ends."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule._choices import counted
from chainrule.display import BLACK, BLUE, VERMILLION, title
from chainrule.errors import ShapeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["bars", "bars_height", "comparison"]


def comparison(
    axes: "Axes", names: Sequence[str], values: ArrayLike, intervals: ArrayLike, *, unit: str, baseline: str
) -> None:
    """Likelihood that each model gains over ``baseline``, in ``unit``, as bars with the best on top.

    ``values`` is (N,), N >= 1, one for each of ``names``; a negative one is a model worse than the baseline.
    ``intervals`` (N,) are half the widths of their 95 % intervals; an infinite one is written and not drawn.

    >>> from chainrule.display import new_figure
    >>> figure = new_figure(2.0)
    >>> comparison(figure.axes[0], ["ar", "gru"], [0.1, 0.4], [0.01, 0.2], unit="nats per step", baseline="i.i.d.")
    >>> figure.axes[0].get_title("left")
    'Likelihood gained over i.i.d.'
    """
    gained = np.asarray(values, dtype=np.float64)
    widths = np.asarray(intervals, dtype=np.float64)
    _check_gains(names, gained, widths)
    order = np.argsort(gained, kind="stable")
    colours = [BLUE if gained[i] >= 0 else VERMILLION for i in order]
    labels = [f"{gained[i]:+.3f} ± {widths[i]:.3f}" for i in order]
    bars(axes, [names[i] for i in order], gained[order], labels, colours, np.where(np.isinf(widths), 0, widths)[order])
    axes.axvline(0, color=BLACK, linewidth=1)
    axes.set_xlabel(f"{unit}, with 95 % intervals", parse_math=False)
    title(axes, f"Likelihood gained over {baseline}")


def _check_gains(names: Sequence[str], gained: NDArray[np.float64], widths: NDArray[np.float64]) -> None:
    if gained.shape != (len(names),) or not len(names) or not np.isfinite(gained).all():
        raise ShapeError(
            f"values must be {counted(len(names), 'finite number')}, one for each name (at least one), got "
            f"{gained.tolist()}"
        )
    if widths.shape != gained.shape or not (widths >= 0).all():
        raise ShapeError(
            f"intervals must be {counted(len(names), 'number')} of at least 0, one for each name, got {widths.tolist()}"
        )


def bars(
    axes: "Axes",
    names: Sequence[str],
    values: ArrayLike,
    label: str | Sequence[str],
    colours: Sequence[str],
    intervals: ArrayLike | None = None,
) -> None:
    """A bar for each name, the first at the bottom, with its value written by ``label``, as "{:.3f}", or a text each.

    ``intervals`` are half the widths of the intervals drawn over the bars.
    """
    ends = np.asarray(values, dtype=np.float64)
    drawn = axes.barh(
        range(len(names)), ends, height=0.65, color=colours, xerr=intervals, error_kw={"ecolor": BLACK, "capsize": 4}
    )
    written = {"fmt": label} if isinstance(label, str) else {"labels": label}
    axes.bar_label(drawn, padding=4, fontsize=10, **written)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.15)
    axes.set_ylim(-0.6, len(names) - 0.4)


def bars_height(count: int) -> float:
    """The height of a figure with so many bars, in inches."""
    return 1.2 + 0.4 * count
