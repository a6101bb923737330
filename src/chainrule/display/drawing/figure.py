"""The common style of figures, and colour scales that say what a colour means.

pyplot and rcParams belong to the user's session and are not touched. Colours are Okabe & Ito's (2008, "Color
universal design"), which are distinct with any colour vision.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from chainrule.display.drawing.picture import Picture

__all__ = [
    "BLACK",
    "BLUE",
    "GREY",
    "ON_MAP",
    "SKY",
    "VERMILLION",
    "logarithmic",
    "name_ends",
    "new_figure",
    "signed",
    "title",
    "whole_ticks",
]

BLUE = "#0072B2"
SKY = "#56B4E9"
VERMILLION = "#D55E00"
GREY = "#6B6B6B"
BLACK = "#222222"
ON_MAP = "#111111"  # for text on a heat map, which a dark page leaves as it is
_LINE = 0.19  # inches from one line of small text to the next
_DECADES = 8  # that a scale of norms shows below the largest


def new_figure(height: float, panels: int = 1) -> "Picture":
    """A figure 800 pixels wide, at 100 dots an inch: ``panels`` plots below one another, with a common x axis."""
    figure: Picture = require("chainrule.display.drawing.picture").Picture(height)
    for axes in figure.subplots(panels, sharex=True, squeeze=False)[:, 0]:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, color="#E6E6E6", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(labelsize=10)
    return figure


def title(axes: "Axes", text: str) -> None:
    """A title above the axes on the left; none of it is read as mathematics."""
    axes.set_title(text, loc="left", fontsize=12, fontweight="bold", parse_math=False)


def name_ends(axes: "Axes", ends: Sequence[tuple[str, float, str]]) -> None:
    """Write each (name, level, colour) to the right of the axes, as near its level as the others allow.

    The smallest squared shifts that keep the names a line of text apart are an isotonic regression.
    """
    low, high = axes.get_ylim()
    figure = axes.get_figure(root=True)
    assert figure is not None
    height = figure.get_figheight() * axes.get_position().height
    axes.set_ylim(low, high)
    names, levels, colours = zip(*sorted(ends, key=lambda end: end[1]), strict=True)
    apart = (high - low) * _LINE / height * np.arange(len(ends))
    placed = require("scipy.optimize").isotonic_regression(np.array(levels) - apart).x + apart
    for name, y, colour in zip(names, placed, colours, strict=True):
        axes.annotate(
            name,
            (1.0, y),
            xycoords=axes.get_yaxis_transform(),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=10,
            annotation_clip=False,
            parse_math=False,
        )


def signed(axes: "Axes", values: NDArray[np.float64], label: str, **options: Any) -> None:
    """A heat map of signed values on a symmetric scale: white is zero, blue is negative, red is positive.

    Its pixels fill the axes; with ``aspect="equal"``, as for images, they are square.
    """
    largest = float(np.nanmax(np.abs(np.where(np.isfinite(values), values, np.nan)), initial=0.0)) or 1.0
    axes.grid(visible=False)
    image = axes.imshow(
        values, cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="nearest", **{"aspect": "auto", **options}
    )
    axes.figure.colorbar(image, ax=axes, label=label, shrink=0.9)
    whole_ticks(axes.xaxis, axes.yaxis)


def logarithmic(axes: "Axes", norms: NDArray[np.float64], label: str, **options: Any) -> None:
    """A heat map of norms on a logarithmic scale from the least to the largest, whose floor the label states.

    Where that is more than eight decades, what lies below them has the floor's colour. An exact zero is grey, and NaN,
    where there is no norm, is blank.
    """
    positive = norms[np.isfinite(norms) & (norms > 0)]
    top = float(positive.max(initial=0)) or 1.0
    least = float(positive.min(initial=top))
    floor = max(least, top * 10.0**-_DECADES, float(np.finfo(np.float64).tiny) * 1e3)
    shown = np.where(norms > 0, np.maximum(norms, floor), np.where(norms == 0, floor / 1e3, np.nan))
    axes.grid(visible=False)
    image = axes.imshow(
        shown,
        cmap=require("matplotlib").colormaps["viridis"].with_extremes(under="#B0B0B0", bad="none"),
        norm=require("matplotlib.colors").LogNorm(vmin=floor, vmax=max(top, 1.01 * floor)),
        interpolation="nearest",
        aspect="auto",
        **options,
    )
    axes.figure.colorbar(image, ax=axes, label=f"{label}; floor {floor:.0e}, exact zero grey", shrink=0.9)
    whole_ticks(axes.xaxis, axes.yaxis)


def whole_ticks(*axes: "Axis") -> None:
    """Ticks at whole numbers alone, for axes that count."""
    for axis in axes:
        axis.set_major_locator(require("matplotlib.ticker").MaxNLocator(integer=True))
