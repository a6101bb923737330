"""The sum behind one cell of a layer's output."""

from collections.abc import Sequence
from math import prod
from typing import cast

import numpy as np
import torch
from torch import nn

from chainrule.errors import ArgumentError
from chainrule.lens.autograd_agreement import compare
from chainrule.lens.conversion import to_numpy
from chainrule.lens.layers.passes.layer_pass import LayerPass
from chainrule.lens.layers.results.cell_sum import CellSum
from chainrule.lens.notation import entry

__all__ = ["cell_sum", "has_sums"]


def has_sums(layer: LayerPass) -> bool:
    """Whether a layer's outputs are sums of products: a convolution's and a linear layer's."""
    return layer.is_convolution or isinstance(layer.module, nn.Linear)


def cell_sum(layer: LayerPass, before: LayerPass | None, cell: Sequence[int]) -> CellSum:
    """The cell (channel, \\*positions); ``before`` is the layer before, whose maps a linear layer may read flattened.

    Raises:
        ArgumentError: the layer's outputs are no sums of products.
    """
    if isinstance(layer.module, nn.Linear):
        return _of_linear(layer, before, cell)
    if not layer.is_convolution:
        raise ArgumentError(
            f"{layer.title} is a {type(layer.module).__name__}; expected a convolution with zeros around its input, or "
            "a linear layer, whose outputs are sums of products."
        )
    found = layer.convolution.output(0, *cell)
    sizes = layer.convolution.weight.shape[1:]
    shape = _as_planes(sizes)
    return CellSum(
        of=layer.title,
        name=entry("y", cell, layer.size),
        bias=found.offset,
        weights=found.left.reshape(shape),
        inputs=found.right.reshape(shape),
        inside=found.inside.reshape(shape),
        channels=tuple(found.right_index[:: prod(sizes[1:]), 1].tolist()),
        agreement=found.agreement,
    )


def _of_linear(layer: LayerPass, before: LayerPass | None, cell: Sequence[int]) -> CellSum:
    module = cast(nn.Linear, layer.module)
    channel, *positions = cell
    inputs = layer.column(layer.x, positions)
    weights = to_numpy(module.weight[channel])
    shape: tuple[int, ...] = (len(inputs), 1, 1)
    if before is not None and not positions and prod(before.size) == len(inputs):
        shape = _as_planes(before.size)
    bias = 0.0 if module.bias is None else float(module.bias[channel].detach())
    terms = weights * inputs
    value = torch.tensor([bias + float(terms.sum())], dtype=torch.float64)
    expected = layer.y[layer.place(cell)].reshape(1)
    scale = abs(bias) + float(np.abs(terms).sum())
    return CellSum(
        of=layer.title,
        name=entry("y", cell, layer.size),
        bias=bias,
        weights=weights.reshape(shape),
        inputs=inputs.reshape(shape),
        inside=np.ones(shape, dtype=bool),
        channels=tuple(range(shape[0])),
        agreement=compare(entry("y", cell, layer.size), value, expected, scale),
    )


def _as_planes(sizes: Sequence[int]) -> tuple[int, int, int]:
    """Channels, rows and columns: of one dimension a single row, of three the planes below one another."""
    channels, *kernel = sizes
    columns = kernel[-1] if kernel else 1
    return channels, prod(kernel[:-1]), columns
