"""The gradient of a loss, or of a class's score, with respect to the input."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._optional import require
from chainrule.display import Cell, Shown, Table, listed, mosaic, paint, title, whole_ticks
from chainrule.lens.autograd_agreement import Agreement
from chainrule.lens.conversion import Floats
from chainrule.lens.layers.results.inputs import draw_input, draw_sequence, panels_beside
from chainrule.lens.notation import entry

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from chainrule.display.drawing.picture import Picture

__all__ = ["Saliency"]

_LISTED = 10  # entries in the table


@dataclass(frozen=True, repr=False)
class Saliency(Shown):
    """x and the target's gradient dx, (channels, \\*positions): how much the target changes with each number of x.

    ``agreement`` is that of the whole backward pass with autograd.

    >>> import torch
    >>> from chainrule.lens import through_layers
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(8, 2))
    >>> found = through_layers(network, torch.ones(1, 1, 4, 4), label=1)
    >>> saliency = found.saliency()
    >>> saliency.x.shape, saliency.dx.shape
    ((1, 4, 4), (1, 4, 4))
    """

    x: Floats
    dx: Floats
    target: str
    agreement: Agreement

    def summary(self) -> str:
        return f"of {self.target}: {'x'.join(map(str, self.x.shape))}, norm {np.linalg.norm(self.dx):.4g}"

    def table(self) -> Table:
        """The largest entries of the gradient."""
        order = np.argsort(-np.abs(self.dx), axis=None, kind="stable")[:_LISTED]
        rows: list[tuple[Cell, ...]] = []
        for at in zip(*np.unravel_index(order, self.dx.shape), strict=True):
            share = float(self.dx[at] ** 2 / (self.dx**2).sum()) if self.dx.any() else 0.0
            rows.append((entry("x", at, self.x.shape), float(self.x[at]), float(self.dx[at]), share))
        notes = (
            f"The largest of {self.dx.size:,} entries; the norm of all is {np.linalg.norm(self.dx):.4g}. "
            f"x has the indices {'channel, row, column' if self.x.ndim == 3 else 'channel, step'}.",
            f"The backward pass {self.agreement}.",
        )
        columns = ("entry", "x", "gradient", "of |gradient|^2")
        return Table(self._title(), columns, rows, notes, {"of |gradient|^2": ".1%"})

    def to_frame(self) -> "pd.DataFrame":
        """Every entry of x and its gradient."""
        places = np.indices(self.x.shape).reshape(self.x.ndim, -1)
        index = {f"index {k}": at for k, at in enumerate(places)}
        frame: pd.DataFrame = require("pandas").DataFrame(index | {"x": self.x.ravel(), "dx": self.dx.ravel()})
        return frame

    def to_dict(self) -> dict[str, Any]:
        numbers = {"x": listed(self.x), "dx": listed(self.dx)}
        return {"target": self.target, "difference_to_autograd": self.agreement.error} | numbers

    def draw_on(self, ax: "Axes") -> None:
        """The gradient: of an image a map for each channel, of a sequence all channels by step."""
        label = f"gradient of {self.target}"
        if self.dx.ndim != 3:
            draw_sequence(ax, self.dx, label)
        elif len(self.dx) == 1:
            paint(ax, self.dx[0], label)
            whole_ticks(ax.xaxis, ax.yaxis)
        else:
            mosaic(ax, self.dx, label, [f"channel {k}" for k in range(len(self.dx))])
        title(ax, "Gradient of the input")

    def figure(self, **options: Any) -> "Picture":
        """The input and beside it, or below a sequence, the gradient."""
        made = panels_beside(self.x)
        before, after = made.axes
        draw_input(before, self.x)
        title(before, "Input")
        self.draw_on(after, **options)
        return made

    def _title(self) -> str:
        return f"Gradient of the input: {self.target}"
