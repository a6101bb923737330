"""One call of one layer of a network: what it read and gave, and the gradients that came back to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor, nn

from chainrule._torch import ConvNd, ConvTransposeNd
from chainrule.errors import ArgumentError
from chainrule.lens.conversion import Floats, checked_index, to_numpy
from chainrule.lens.convolutions.convolution import convolution
from chainrule.lens.convolutions.convolution_result import Convolution
from chainrule.lens.recurrences.layer_calls import LayerCall
from chainrule.ops.recurrence.cells.spec import State

__all__ = ["LayerPass"]


@dataclass(frozen=True)
class LayerPass:
    """What layer ``number``, called ``name`` in the network, read (x) and gave (y), and the target's gradients of both.

    Tensors are float64, of one row. A recurrent layer also has the record of its ``call``, and of every scan the
    gradient of its last state, ``dlast``. With ``features_last`` x and y have their channels behind the positions.
    """

    number: int
    name: str
    module: nn.Module
    x: Tensor
    y: Tensor
    dx: Tensor
    dy: Tensor
    features_last: bool
    call: LayerCall | None = None
    dlast: tuple[State, ...] = ()

    @property
    def kind(self) -> str:
        """The class of the layer, of a convolution with the size of its kernel: Conv2d, 3x3."""
        name = type(self.module).__name__
        if isinstance(self.module, ConvNd):
            return f"{name}, {'x'.join(map(str, self.module.kernel_size))}"
        return name

    @property
    def title(self) -> str:
        """The layer in titles and messages: layer 3, stages.3."""
        return f"layer {self.number}, {self.name or type(self.module).__name__}"

    def path(self, parameter: str) -> str:
        """The name in the network of one of the layer's parameters."""
        return f"{self.name}.{parameter}" if self.name else parameter

    @property
    def is_convolution(self) -> bool:
        """Whether each of its outputs is a sum of products of a kernel with x and zeros around it."""
        layer = self.module
        return isinstance(layer, ConvNd) and not isinstance(layer, ConvTransposeNd) and layer.padding_mode == "zeros"

    @property
    def size(self) -> tuple[int, ...]:
        """The shape of its output: channels and positions."""
        return self.planes(self.y).shape

    def planes(self, values: Tensor) -> Floats:
        """What is laid out as x or y, as (channels, \\*positions)."""
        row = values.select(self._row, 0)
        if self.features_last:
            row = row.movedim(-1, 0)
        return to_numpy(row)

    def column(self, values: Tensor, positions: Sequence[int]) -> Floats:
        """All channels at one position of what is laid out as x or y."""
        found: Floats = np.moveaxis(self.planes(values), 0, -1)[tuple(positions)]
        return found

    def index(self, cell: Sequence[int]) -> tuple[int, ...]:
        """The whole index of a cell of the output: without one, and without a channel, that of the largest.

        Raises:
            ArgumentError: there is no such cell.
        """
        y = np.abs(self.planes(self.y))
        if not cell:
            return tuple(int(k) for k in np.unravel_index(y.argmax(), y.shape))
        if len(cell) == y.ndim - 1:
            positions = checked_index(f"a channel of {self.title}", y.shape[1:], cell)
            return int(np.abs(self.column(self.y, positions)).argmax()), *positions
        return checked_index(self.title, y.shape, cell)

    def place(self, cell: Sequence[int]) -> tuple[int, ...]:
        """Where the channel and positions of a cell lie in x or y."""
        channel, *positions = cell
        found = [*positions, channel] if self.features_last else [channel, *positions]
        found.insert(self._row, 0)
        return tuple(found)

    @property
    def _row(self) -> int:
        """The dimension of the batch."""
        return 1 if isinstance(self.module, nn.RNNBase) and not self.module.batch_first else 0

    @cached_property
    def convolution(self) -> Convolution:
        """Every number of a convolution, forward and backward, and each as a sum of products.

        Raises:
            ArgumentError: the layer is no convolution, or pads with anything but zeros.
        """
        if not isinstance(self.module, ConvNd):
            raise ArgumentError(f"{self.title} is a {type(self.module).__name__}; expected a convolution.")
        return convolution(self.module, self.x, self.dy)
