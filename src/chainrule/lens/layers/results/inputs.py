"""The input of a network as a picture."""

from typing import TYPE_CHECKING

import numpy as np

from chainrule._optional import require
from chainrule.display import mosaic, paint, whole_ticks
from chainrule.lens.conversion import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from chainrule.display.drawing.picture import Picture

__all__ = ["draw_input", "draw_sequence", "panels_beside"]


def draw_input(axes: "Axes", x: Floats) -> None:
    """An image (channels, height, width), in grey or in colours where it has one or three; a sequence as a map."""
    if x.ndim != 3:
        draw_sequence(axes, x, "x")
        return
    if len(x) == 3 and x.min() >= 0 and x.max() <= 1:
        axes.grid(visible=False)
        axes.imshow(np.moveaxis(x, 0, -1), interpolation="nearest")
    elif len(x) == 1:
        paint(axes, x[0], "x", limits=(float(x.min()), float(x.max())))
    else:
        mosaic(axes, x, "x", [f"channel {k}" for k in range(len(x))])
        return
    whole_ticks(axes.xaxis, axes.yaxis)


def draw_sequence(axes: "Axes", values: Floats, label: str) -> None:
    """A map (channels, steps), lowest channel below; numbers without steps in one column."""
    paint(axes, values.reshape(len(values), -1), label, square=False)
    axes.invert_yaxis()
    whole_ticks(axes.xaxis, axes.yaxis)
    axes.set_xlabel("step")
    axes.set_ylabel("channel")
    if values.ndim == 1:
        axes.set_xticks([])
        axes.set_xlabel("")


def panels_beside(x: Floats) -> "Picture":
    """A figure of two axes: beside each other for an image like x, below each other for a sequence."""
    picture: type[Picture] = require("chainrule.display.drawing.picture").Picture
    if x.ndim != 3:
        made = picture(6.0)
        made.subplots(2, 1)
    else:
        height = 3.0 * x.shape[1] / x.shape[2]
        made = picture(min(max(height, 1.5), 6.0) + 0.8)
        made.subplots(1, 2)
    return made
