"""One number of a convolution written out as the sum of products that it is, held against autograd's."""

from dataclasses import dataclass

import numpy as np
import torch

from chainrule.lens.autograd_agreement import compare
from chainrule.lens.conversion import Floats
from chainrule.lens.convolutions import indexing
from chainrule.lens.convolutions.operands import Factors, Operands
from chainrule.lens.convolutions.overlay import Overlay
from chainrule.lens.convolutions.sum import Sum

__all__ = ["input_gradient_sum", "kernel_gradient_sum", "output_sum"]

_OUTPUT = "y[o,j] = bias[o] + sum over c, i of w[o,c,i] x[c, s j + d i - before]"
_INPUT_GRADIENT = (
    "dx[c,h] = sum over o, i, j, where s j + d i - before = h, of w[o,c,i] dy[o,j]: "
    "dy, spread by the stride, correlated with the flipped kernel"
)
_KERNEL_GRADIENT = "dw[o,c,i] = sum over rows and j of dy[o,j] x[c, s j + d i - before]: x correlated with dy"

_Index = tuple[int, ...]


def output_sum(operands: Operands, at: _Index, y: Floats, bias: Floats | None) -> Sum:
    """y[at]."""
    geometry = operands.geometry
    b, o, *j = operands.with_row(at)
    w, x = indexing.of_output((b, o, *j), operands.weight.shape, geometry)
    overlay = Overlay.largest(
        operands.padded[b][operands.inputs_of(o)],
        operands.kernel[o],
        start=[s * p for s, p in zip(geometry.stride, j, strict=True)],
        dilation=geometry.dilation,
        names=("x, padded", "w"),
    )
    return _sum(
        _Target("y", at, y),
        _OUTPUT,
        operands.of_kernel(w),
        operands.of_x(x),
        offset=0.0 if bias is None else float(bias[o]),
        overlay=overlay,
    )


def input_gradient_sum(operands: Operands, at: _Index, dx: Floats) -> Sum:
    """dx[at]."""
    geometry = operands.geometry
    weight = operands.weight
    b, c, *h = operands.with_row(at)
    w, dy = indexing.of_input_gradient((b, c, *h), weight.shape, operands.dy.shape[2:], geometry)
    outputs = operands.outputs_of(c)
    kernels = operands.kernel[outputs, c % weight.shape[1]]
    overlay = Overlay.largest(
        operands.spread[b, outputs],
        np.flip(kernels, tuple(range(1, kernels.ndim))),
        start=[p + z for p, z in zip(h, geometry.before, strict=True)],
        dilation=geometry.dilation,
        names=("dy, spread", "flipped w"),
    )
    return _sum(
        _Target("dx", at, dx),
        _INPUT_GRADIENT,
        operands.of_kernel(w),
        operands.of_dy(dy),
        offset=0.0,
        overlay=overlay,
    )


def kernel_gradient_sum(operands: Operands, at: _Index, dweight: Floats) -> Sum:
    """dw[at]."""
    geometry = operands.geometry
    o, c, *i = operands.as_weight(np.array([at]))[0].tolist()
    rows = len(operands.x)
    dy, x = indexing.of_kernel_gradient((o, c, *i), operands.weight.shape, rows, operands.dy.shape[2:], geometry)
    overlay = Overlay.largest(
        operands.padded[:, operands.inputs_of(o)][:, c],
        operands.dy[:, o],
        start=[d * p for d, p in zip(geometry.dilation, i, strict=True)],
        dilation=geometry.stride,
        names=("x, padded", "dy"),
    )
    return _sum(
        _Target("dw", at, dweight),
        _KERNEL_GRADIENT,
        operands.of_dy(dy),
        operands.of_x(x),
        offset=0.0,
        overlay=overlay,
    )


@dataclass(frozen=True)
class _Target:
    """The number that is written out: an entry of an array that autograd has found."""

    array: str
    at: _Index
    values: Floats


def _sum(target: _Target, formula: str, left: Factors, right: Factors, *, offset: float, overlay: Overlay) -> Sum:
    """The sum of the products, compared with the number that autograd found."""
    terms = left.values * right.values
    total = torch.tensor([offset + float(terms.sum())], dtype=torch.float64)
    scale = abs(offset) + float(np.abs(terms).sum())
    found = torch.tensor([float(target.values[target.at])], dtype=torch.float64)
    return Sum(
        array=target.array,
        at=target.at,
        shapes=(target.values.shape, left.shape, right.shape),
        formula=formula,
        of=(left.array, right.array),
        left=left.values,
        right=right.values,
        left_index=left.index,
        right_index=right.index,
        inside=right.inside,
        offset=offset,
        agreement=compare(f"{target.array}{list(target.at)}", total, found, scale),
        overlay=overlay,
    )
