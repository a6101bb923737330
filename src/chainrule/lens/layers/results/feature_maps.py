"""What a layer makes of one input, channel by channel, and the gradient that comes back to it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._choices import choose
from chainrule.display import Cell, Shown, Table, listed, mosaic, mosaic_height, title
from chainrule.lens.conversion import Floats
from chainrule.lens.layers.results.inputs import draw_sequence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FeatureMaps"]

_DRAWN = 64  # channels with a picture each; the first


@dataclass(frozen=True, repr=False)
class FeatureMaps(Shown):
    """The output y of a layer and the target's gradient dy, (channels, \\*positions).

    >>> import torch
    >>> from chainrule.lens import through_layers
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(8, 2))
    >>> found = through_layers(network, torch.ones(1, 1, 4, 4), label=1)
    >>> maps = found.maps(0)
    >>> maps.y.shape, maps.dy.shape
    ((2, 2, 2), (2, 2, 2))
    """

    of: str
    y: Floats
    dy: Floats
    target: str

    def summary(self) -> str:
        return f"of {self.of}: {'x'.join(map(str, self.y.shape))}"

    def table(self) -> Table:
        """Of each channel the mean, the ends, the share of positive numbers, and the norm of its gradient."""
        rows: list[tuple[Cell, ...]] = []
        for k, (y, dy) in enumerate(zip(self.y, self.dy, strict=True)):
            ends = float(y.mean()), float(y.min()), float(y.max())
            rows.append((k, *ends, float((y > 0).mean()), float(np.linalg.norm(dy))))
        columns = ("channel", "mean", "least", "most", "above 0", "|gradient|")
        return Table(self._title("y"), columns, rows, (f"The gradient is that of {self.target}.",), {"above 0": ".0%"})

    def to_dict(self) -> dict[str, Any]:
        return {"of": self.of, "target": self.target, "y": listed(self.y), "dy": listed(self.dy)}

    def draw_on(self, ax: "Axes", what: str = "y") -> None:
        """A map for each channel of an image, in one dimension all channels by position; ``what`` is y or dy."""
        choose("what", what, ("y", "dy"))
        values = self.y if what == "y" else self.dy
        label = "output" if what == "y" else "gradient of the output"
        if values.ndim < 3:
            draw_sequence(ax, values, label)
        else:
            shown = self._planes(values)
            mosaic(ax, shown, label, [str(k) for k in range(len(shown))])
        more = f" (the first {_DRAWN})" if values.ndim > 2 and len(values) > _DRAWN else ""
        title(ax, self._title(what) + more)

    @property
    def figure_height(self) -> float:
        if self.y.ndim < 3:
            return 4.0
        return mosaic_height(*self._planes(self.y).shape)

    def _planes(self, values: Floats) -> Floats:
        """(channels, height, width); of three dimensions the middle plane."""
        planes = values[:_DRAWN]
        return planes[:, planes.shape[1] // 2] if planes.ndim == 4 else planes

    def _title(self, what: str) -> str:
        return f"{'Feature maps' if what == 'y' else 'Gradients of the feature maps'}: {self.of}"
