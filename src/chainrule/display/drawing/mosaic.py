"""Pictures of one size beside each other, with square pixels and one scale for all of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require
from chainrule.display.drawing.figure import GREY, ON_MAP

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["mosaic", "mosaic_height", "paint"]

_Floats = NDArray[np.float64]
_ACROSS = 6.4  # inches that the pictures of a figure may take, beside the scale,
_DOWN = 6.0  # and below its title
_NAME = 0.2  # inches of a name above a picture
_LEGIBLE = 0.42  # inches of a pixel in which a number has room
_DARK = 0.65  # of the largest magnitude, above which text is white
_LARGEST = 0.9  # inches of a pixel


class _Layout:
    """How ``count`` pictures stand: in rows of ``across``, or so that their pixels come out largest."""

    def __init__(self, count: int, height: int, width: int, across: int | None, named: bool) -> None:
        self.height = height
        self.width = width
        self.gap = max(1, round(width / 12))
        self._named = named
        choices = range(1, count + 1) if across is None else [across]
        self.columns = max(choices, key=lambda columns: (self._pixel(-(-count // columns), columns), columns))
        self.rows = -(-count // self.columns)
        self.pixel = self._pixel(self.rows, self.columns)
        self.head = max(self.gap, int(np.ceil(_NAME / self.pixel))) if named else self.gap

    def _pixel(self, rows: int, columns: int) -> float:
        """The side of a pixel in inches."""
        wide = _ACROSS / (columns * (self.width + self.gap))
        high = _DOWN / (rows * (self.height + self.gap))
        if self._named:
            high = min(high, max(_DOWN - rows * _NAME, 1.0) / (rows * self.height))
        return min(wide, high, _LARGEST)

    def corner(self, k: int) -> tuple[int, int]:
        """The first row and column of picture k."""
        row, column = divmod(k, self.columns)
        return row * (self.height + self.head) + self.head, column * (self.width + self.gap)

    @property
    def size(self) -> tuple[int, int]:
        """Of all of it in pixels."""
        return self.rows * (self.height + self.head), self.columns * (self.width + self.gap) - self.gap


def mosaic_height(count: int, height: int, width: int, *, across: int | None = None, named: bool = True) -> float:
    """The height in inches of a figure for :func:`mosaic`.

    >>> mosaic_height(16, 3, 3) < mosaic_height(16, 3, 3, across=2)
    True
    """
    layout = _Layout(count, height, width, across, named)
    return max(0.7 + layout.size[0] * layout.pixel, 2.0)


def mosaic(
    axes: "Axes",
    pictures: _Floats,
    label: str,
    names: Sequence[str] = (),
    *,
    across: int | None = None,
    texts: NDArray[np.object_] | None = None,
    limits: tuple[float, float] | None = None,
) -> None:
    """Draw pictures (n, height, width), each with its name above; pixels that have room hold their ``texts``.

    ``across`` is how many stand in a row; without names, rows and columns are numbered then. The scale and ``limits``
    are those of :func:`paint`; NaN is left blank.
    """
    count, height, width = pictures.shape
    layout = _Layout(count, height, width, across, bool(names))
    canvas = np.full(layout.size, np.nan)
    frames = []
    for k, picture in enumerate(pictures):
        top, left = layout.corner(k)
        canvas[top : top + layout.height, left : left + layout.width] = picture
        frames.append(_frame(left, top, layout.width, layout.height))
        if names:
            axes.text(left - 0.5, top - 0.6, names[k], fontsize=9, color=GREY, va="bottom", parse_math=False)
        if texts is not None and layout.pixel >= _LEGIBLE:
            _write(axes, texts[k], np.abs(picture) > _DARK * np.nanmax(np.abs(pictures)), top, left)
    paint(axes, canvas, label, limits=limits)
    lines = require("matplotlib.collections").LineCollection
    axes.add_collection(lines(frames, colors=GREY, linewidths=0.6, clip_on=False), autolim=False)
    axes.spines[:].set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    if across is not None and not names:
        tops = [layout.corner(row * across)[0] + (layout.height - 1) / 2 for row in range(layout.rows)]
        lefts = [layout.corner(column)[1] + (layout.width - 1) / 2 for column in range(across)]
        axes.set_yticks(tops, [str(row) for row in range(layout.rows)])
        axes.set_xticks(lefts, [str(column) for column in range(across)])
        axes.tick_params(length=0)


def paint(
    axes: "Axes", plane: _Floats, label: str, *, limits: tuple[float, float] | None = None, square: bool = True
) -> None:
    """A heat map (height, width), and its scale with both ends.

    The scale is symmetric: white is zero, blue is negative, red is positive. With ``limits`` it is grey, from black at
    the lower to white at the upper.
    """
    largest = float(np.nanmax(np.abs(plane), initial=0.0)) or 1.0
    low, high = (-largest, largest) if limits is None else limits
    axes.grid(visible=False)
    image = axes.imshow(
        plane,
        cmap="RdBu_r" if limits is None else "gray",
        vmin=low,
        vmax=high,
        interpolation="nearest",
        aspect="equal" if square else "auto",
    )
    bar = axes.figure.colorbar(image, ax=axes, label=label, shrink=0.8, pad=0.02, aspect=30)
    axes.set_anchor("W")  # a title longer than the axes are wide has room to their right
    ticks = np.linspace(low, high, 5).tolist()
    bar.set_ticks(ticks, labels=[f"{tick:.3g}" for tick in ticks])


def _frame(left: int, top: int, width: int, height: int) -> list[tuple[float, float]]:
    """The line around pixels."""
    across = (left - 0.5, left + width - 0.5)
    down = (top - 0.5, top + height - 0.5)
    corners = [(across[0], down[0]), (across[1], down[0]), (across[1], down[1]), (across[0], down[1])]
    return [*corners, corners[0]]


def _write(axes: "Axes", texts: NDArray[np.object_], is_dark: NDArray[np.bool_], top: int, left: int) -> None:
    for (i, j), text in np.ndenumerate(texts):
        colour = "white" if is_dark[i, j] else ON_MAP
        axes.text(left + j, top + i, text, ha="center", va="center", fontsize=8, color=colour)
