"""Where a kernel lies on what it reads, for a figure of one sum."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require
from chainrule.display import ON_MAP, signed
from chainrule.lens.conversion import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Overlay"]

_Ints = NDArray[np.int64]
_AROUND = 3  # positions drawn on each side of the kernel
_WRITTEN = 49  # entries of the kernel up to which numbers are written
_OUTLINED = 400  # entries up to which each has a frame of its own
_FRAME = {"fill": False, "edgecolor": ON_MAP, "linewidth": 1.5}
_BOX = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1}


@dataclass(frozen=True)
class Overlay:
    """One channel and plane of a correlation: source (n, m), the kernel (k, l), and the rows and columns it lies on."""

    source: Floats
    kernel: Floats
    rows: _Ints
    columns: _Ints
    names: tuple[str, str]

    @classmethod
    def largest(
        cls, sources: Floats, kernels: Floats, *, start: Sequence[int], dilation: Sequence[int], names: tuple[str, str]
    ) -> "Overlay":
        """Of the channels (C, ...), and in three dimensions of the planes, the one whose products add up to most."""
        # one and two dimensions are planes of three
        missing = 4 - sources.ndim
        planes: tuple[slice | None, ...] = (slice(None), *[None] * missing)
        sources = sources[planes]
        kernels = kernels[planes]
        starts = [0] * missing + [*start]
        dilations = [1] * missing + [*dilation]
        sizes = kernels.shape[1:]
        depth, rows, columns = (a + d * np.arange(k) for a, d, k in zip(starts, dilations, sizes, strict=True))
        read = sources[:, depth[:, None, None], rows[:, None], columns]
        sums = np.abs((read * kernels).sum((2, 3)))
        channel, plane = np.unravel_index(int(sums.argmax()), sums.shape)
        return cls(sources[channel, depth[plane]], kernels[channel, plane], rows, columns, names)

    def draw_on(self, axes: "Axes") -> None:
        """The source in colours, with a frame around what the kernel lies on, and the products where they fit."""
        top = max(0, int(self.rows[0]) - _AROUND)
        left = max(0, int(self.columns[0]) - _AROUND)
        shown = self.source[top : int(self.rows[-1]) + _AROUND + 1, left : int(self.columns[-1]) + _AROUND + 1]
        extent = (left - 0.5, left + shown.shape[1] - 0.5, top + shown.shape[0] - 0.5, top - 0.5)
        aspect = "auto" if len(self.source) == 1 else "equal"  # a strip, or an image
        signed(axes, shown, self.names[0], extent=extent, aspect=aspect)
        if self.kernel.size > _OUTLINED:
            self._frame_whole(axes)
        else:
            self._frame_entries(axes)
        if len(self.source) == 1:
            axes.set_yticks([])
        axes.set_xlabel(f"position in {self.names[0]}; outlined: {self.names[1]}")

    def _frame_whole(self, axes: "Axes") -> None:
        height = int(self.rows[-1] - self.rows[0]) + 1
        width = int(self.columns[-1] - self.columns[0]) + 1
        corner = (int(self.columns[0]) - 0.5, int(self.rows[0]) - 0.5)
        axes.add_patch(require("matplotlib.patches").Rectangle(corner, width, height, **_FRAME))

    def _frame_entries(self, axes: "Axes") -> None:
        rectangle = require("matplotlib.patches").Rectangle
        written = self.kernel.size <= _WRITTEN
        for (i, j), weight in np.ndenumerate(self.kernel):
            row = int(self.rows[i])
            column = int(self.columns[j])
            axes.add_patch(rectangle((column - 0.5, row - 0.5), 1, 1, **_FRAME))
            if written:
                text = f"{self.source[row, column]:.3g}\n× {weight:.2g}"
                axes.text(column, row, text, ha="center", va="center", fontsize=10, color=ON_MAP, bbox=_BOX)
