"""What follows from the sizes of a convolution alone, with the arithmetic behind it."""

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule._optional import require
from chainrule.display import Cell, Shown, Table, number, title, whole_ticks
from chainrule.errors import ArgumentError
from chainrule.lens import formulas
from chainrule.ops.convolution.call import Geometry, output_shape

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["ConvolutionSizes"]

_Sizes = tuple[int, ...]
_DRAWN = 50_000_000  # input positions whose readers are counted one by one
_SPATIAL = ("input", "kernel", "output", "receptive_field")
_SPACING = ("stride", "before", "after", "dilation")
_COUNTS = ("in_channels", "out_channels", "groups", "parameters", "dense_parameters", "products")


class ConvolutionSizes(Shown):
    """Sizes of a convolution of an input (C_in, \\*size) with a weight (C_out, C_in / groups, \\*kernel).

    Attributes:
        input, kernel, output: spatial sizes.
        in_channels, out_channels, groups: numbers of channels, and of groups of them.
        geometry: stride, zeros before and after, dilation.
        receptive_field: how many input positions an output spans in each dimension.
        parameters, dense_parameters: of this layer, and of a dense one from all inputs to all outputs.
        products: multiplications of a forward pass over one example; a dense layer takes as many as it has weights.

    >>> from chainrule.lens import sizes
    >>> found = sizes((28, 28), (3, 3), in_channels=4, out_channels=8)
    >>> found.output, found.parameters, found.dense_parameters
    ((26, 26), 296, 16964896)
    """

    def __init__(self, size: _Sizes, weight: _Sizes, geometry: Geometry, bias: bool) -> None:
        self.geometry = geometry
        self.groups = geometry.groups
        self.bias = bias
        self.input = size
        self.kernel = weight[2:]
        self.in_channels = weight[1] * geometry.groups
        self.out_channels = weight[0]
        self.output = output_shape((1, self.in_channels, *size), weight, geometry)[2:]
        self.receptive_field = tuple(d * (k - 1) + 1 for d, k in zip(geometry.dilation, self.kernel, strict=True))
        outputs = self.out_channels * prod(self.output)
        self.parameters = prod(weight) + bias * self.out_channels
        self.products = outputs * prod(weight[1:])
        self.dense_parameters = outputs * self.in_channels * prod(size) + bias * outputs

    def formulas(self) -> Sequence[str]:
        return (formulas.OUTPUT_SIZE,)

    def summary(self) -> str:
        return f"of {self._arrow()}: {counted(self.parameters, 'parameter')}"

    def table(self) -> Table:
        taps = "*".join(map(str, self.kernel))
        weights = f"{self.out_channels}*{self.in_channels // self.groups}*{taps}"
        biases = f" + {self.out_channels}" if self.bias else ""
        ratio = number(self.dense_parameters / self.parameters)
        rows: list[tuple[Cell, ...]] = []
        for k in range(len(self.input)):
            rows += self._rows_of(k)
        rows += [
            ("parameters", f"{weights}{biases} = {self.parameters:,}"),
            ("parameters of a dense layer", f"{self.dense_parameters:,}, {ratio} times as many"),
            ("multiplications, forward", f"{self.products:,}"),
        ]
        notes = (
            "Receptive field: dilation*(kernel - 1) + 1. Output size: floor((input + zeros before + after "
            "- receptive field)/stride) + 1. Parameters: out*(in/groups)*kernel, and biases.",
        )
        return Table(f"Convolution of {self._arrow()}", ("", ""), rows, notes)

    def _rows_of(self, dimension: int) -> list[tuple[Cell, ...]]:
        """The receptive field and the output size in one dimension."""
        size = self.input[dimension]
        field = self.receptive_field[dimension]
        stride, before, after, dilation = (getattr(self.geometry, name)[dimension] for name in _SPACING)
        where = f", dimension {dimension + 1}" if len(self.input) > 1 else ""
        span = f"{dilation}*({self.kernel[dimension]} - 1) + 1 = {field}"
        places = f"floor(({size} + {before} + {after} - {field})/{stride}) + 1 = {self.output[dimension]}"
        return [(f"receptive field{where}", span), (f"output size{where}", places)]

    def to_frame(self) -> "pd.DataFrame":
        """One row a dimension."""
        sizes = {name: getattr(self, name) for name in _SPATIAL}
        frame: pd.DataFrame = require("pandas").DataFrame(sizes | self._spacing())
        return frame

    def to_dict(self) -> dict[str, Any]:
        sizes = {name: list(getattr(self, name)) for name in _SPATIAL}
        counts = {name: getattr(self, name) for name in _COUNTS}
        return sizes | counts | self._spacing()

    @property
    def figure_height(self) -> float:
        return 4.0 if len(self.input) == 1 else 6.0

    def draw_on(self, ax: "Axes") -> None:
        """How many outputs read each input: bars in one dimension, a map in two, its middle plane in three."""
        counts = self.readers()
        ax.set_xlabel("input position")
        title(ax, f"Outputs that read each input: {self._arrow()}")
        if counts.ndim == 1:
            ax.bar(range(len(counts)), counts, width=0.9)
            ax.set_ylabel("outputs that read it")
            whole_ticks(ax.xaxis, ax.yaxis)
            return
        plane = counts[len(counts) // 2] if counts.ndim == 3 else counts
        ax.grid(visible=False)
        image = ax.imshow(plane, vmin=0, interpolation="nearest")
        bar = ax.figure.colorbar(image, ax=ax, label="outputs that read it", shrink=0.9)
        whole_ticks(ax.xaxis, ax.yaxis, bar.ax.yaxis)

    def readers(self) -> NDArray[np.int64]:
        """How many output positions read each input position, of the shape of ``input``.

        Raises:
            ArgumentError: there are too many positions to count for each.
        """
        if prod(self.input) > _DRAWN:
            raise ArgumentError(
                f"the input has {prod(self.input):,} positions, too many to count the outputs that read each; expected "
                f"{_DRAWN:,} at most."
            )
        total = np.ones((), dtype=np.int64)
        for dimension in range(len(self.input)):
            total = np.multiply.outer(total, self._readers_along(dimension))
        return total

    def _readers_along(self, dimension: int) -> NDArray[np.int64]:
        size = self.input[dimension]
        stride, before, _, dilation = (getattr(self.geometry, name)[dimension] for name in _SPACING)
        starts = stride * np.arange(self.output[dimension]) - before
        taps = dilation * np.arange(self.kernel[dimension])
        read = (starts[:, None] + taps).ravel()
        inside = read[(read >= 0) & (read < size)]
        return np.bincount(inside, minlength=size)

    def _spacing(self) -> dict[str, list[int]]:
        return {name: list(getattr(self.geometry, name)) for name in _SPACING}

    def _arrow(self) -> str:
        """1x28x28 -> 8x13x13, kernel 3x3."""
        before = _by(self.in_channels, *self.input)
        after = _by(self.out_channels, *self.output)
        return f"{before} -> {after}, kernel {_by(*self.kernel)}"


def _by(*sizes: int) -> str:
    return "x".join(map(str, sizes))
