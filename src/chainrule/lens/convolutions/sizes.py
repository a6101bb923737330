"""What follows from the sizes of a convolution alone, with the arithmetic that gives it."""

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule._choices import counted, whole
from chainrule._optional import require
from chainrule.display import Shown, Table, number, title
from chainrule.errors import ArgumentError, ShapeError
from chainrule.ops.convolution.call import Geometry, output_shape
from chainrule.ops.convolution.checks import geometry_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["ConvolutionSizes", "sizes"]

_Sizes = tuple[int, ...]
_MOST = 10**15  # numbers of an input
_DRAWN = 50_000_000  # positions whose readers are counted one by one


class ConvolutionSizes(Shown):
    """Sizes of a convolution of an input (C_in, \\*size) with a weight (C_out, C_in / groups, \\*kernel).

    Attributes:
        input, kernel, output: spatial sizes.
        in_channels, out_channels, groups: of the channels.
        geometry: stride, zeros before and after, dilation.
        receptive_field: how far an output sees in each dimension.
        parameters, dense_parameters: of this layer, and of a dense one from all inputs to all outputs.
        products: multiplications of a forward pass over one example; ``dense_parameters`` less biases for a dense one.
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

    def summary(self) -> str:
        return f"of {self._arrow()}: {counted(self.parameters, 'parameter')}"

    def table(self) -> Table:
        g = self.geometry
        rows = list[tuple[str, str]]()
        for k, (h, reach) in enumerate(zip(self.input, self.receptive_field, strict=True)):
            where = f", dimension {k + 1}" if len(self.input) > 1 else ""
            d = g.dilation[k]
            s = g.stride[k]
            before = g.before[k]
            after = g.after[k]
            sees = f"{d}*({self.kernel[k]} - 1) + 1 = {reach}"
            left = h + before + after - reach
            rows.append((f"an output sees{where}", sees))
            counted = f"floor(({h} + {before} + {after} - {reach})/{s}) + 1 = {left // s + 1}"
            rows.append((f"outputs{where}", counted))
        weights = f"{self.out_channels}*{self.in_channels // self.groups}*{'*'.join(map(str, self.kernel))}"
        biases = f" + {self.out_channels}" if self.bias else ""
        more = self.dense_parameters / self.parameters
        rows += [
            ("parameters", f"{weights}{biases} = {self.parameters:,}"),
            ("of a dense layer", f"{self.dense_parameters:,}, {number(more)} times as many"),
            ("products, forward", f"{self.products:,}"),
        ]
        notes = (
            "An output sees dilation*(kernel - 1) + 1 inputs. Outputs: floor((input + zeros before + after "
            "- what one sees)/stride) + 1. Parameters: out*(in/groups)*kernel, and biases.",
        )
        return Table(f"Convolution of {self._arrow()}", ("", ""), rows, notes)

    def to_frame(self) -> "pd.DataFrame":
        """One row a dimension."""
        names = ("input", "kernel", "output", "receptive_field")
        sizes = {name: getattr(self, name) for name in names} | self._spacing()
        frame: pd.DataFrame = require("pandas").DataFrame(sizes)
        return frame

    def to_dict(self) -> dict[str, Any]:
        names = ("input", "kernel", "output", "receptive_field")
        counts = ("in_channels", "out_channels", "groups", "parameters", "dense_parameters", "products")
        sizes = {name: list(getattr(self, name)) for name in names}
        return sizes | {count: getattr(self, count) for count in counts} | self._spacing()

    def draw_on(self, ax: "Axes") -> None:
        """How many outputs read each input: bars in one dimension, a map in two, its middle plane in three."""
        counts = self.readers()
        if counts.ndim == 1:
            ax.bar(range(len(counts)), counts, width=0.9)
            ax.set_xlabel("input position")
            ax.set_ylabel("outputs that read it")
        else:
            plane = counts if counts.ndim == 2 else counts[len(counts) // 2]
            ax.grid(visible=False)
            image = ax.imshow(plane, vmin=0, interpolation="nearest", aspect="auto")
            ax.figure.colorbar(image, ax=ax, label="outputs that read it", shrink=0.9)
            ax.set_xlabel("input position")
        title(ax, f"Who is read: {self._arrow()}")

    def readers(self) -> NDArray[np.int64]:
        """How many output positions read each input position, of the shape of ``input``.

        Raises:
            ArgumentError: so many positions do not fit into memory.
        """
        if prod(self.input) > _DRAWN:
            raise ArgumentError(
                f"an input of {prod(self.input):,} positions is too large to count the readers of each, which a figure "
                f"shows: {_DRAWN:,} would do."
            )
        total = np.ones((), dtype=np.int64)
        for h, j, k, s, before, d in zip(
            *(self.input, self.output, self.kernel, self.geometry.stride, self.geometry.before, self.geometry.dilation),
            strict=True,
        ):
            at = (s * np.arange(j)[:, None] + d * np.arange(k) - before).ravel()
            total = np.multiply.outer(total, np.bincount(at[(at >= 0) & (at < h)], minlength=h))
        return total

    def _spacing(self) -> dict[str, list[int]]:
        return {name: list(getattr(self.geometry, name)) for name in ("stride", "before", "after", "dilation")}

    def _arrow(self) -> str:
        shapes = ((self.in_channels, self.input), (self.out_channels, self.output))
        before, after = (f"{channels}x{'x'.join(map(str, size))}" for channels, size in shapes)
        return f"{before} -> {after}, kernel {'x'.join(map(str, self.kernel))}"


def sizes(
    input: Sequence[int],
    kernel: Sequence[int],
    in_channels: int = 1,
    out_channels: int = 1,
    *,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] | Sequence[tuple[int, int]] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    bias: bool = True,
) -> ConvolutionSizes:
    """The sizes of a convolution that need not exist: spatial sizes of input and kernel, the rest as the op takes it.

    Raises:
        ShapeError, ArgumentError: as :func:`chainrule.functional.convolution` of such tensors does.

    >>> found = sizes((28, 28), (3, 3), out_channels=8, stride=2)
    >>> found.output, found.receptive_field, found.parameters
    ((13, 13), (3, 3), 80)
    """
    for name, given in (("input", input), ("kernel", kernel)):
        if not isinstance(given, Sequence) or isinstance(given, str):
            raise ArgumentError(f"{name} is {given!r}; expected its sizes, one for each dimension, such as (28, 28).")
    size, spread = (tuple(whole("a size", n) for n in given) for given in (input, kernel))
    channels = whole("in_channels", in_channels)
    groups = whole("groups", groups)
    if len(size) != len(spread):
        raise ShapeError(f"input is {size} and kernel {spread}; they need as many dimensions, one to three.")
    if channels % groups:
        raise ShapeError(f"in_channels is {channels}; groups, which is {groups}, must divide it.")
    if channels * prod(size) > _MOST:
        raise ShapeError(f"input is {counted(channels, 'channel')} of {size}: more than {_MOST:,} numbers.")
    shape = (whole("out_channels", out_channels), channels // groups, *spread)
    if prod(shape) > _MOST:
        raise ShapeError(f"a weight of shape {shape} has more than {_MOST:,} numbers.")
    x, weight = (torch.empty(each, device="meta") for each in ((1, channels, *size), shape))
    geometry = geometry_of(x, weight, None, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return ConvolutionSizes(size, shape, geometry, bias)
