"""The convolution as two registered ops, forward and backward, each made of calls of compiled code.

    chainrule::convolution           x, weight, bias -> y
    chainrule::convolution_backward  dy, x, weight -> the gradient of each, empty where it is not asked for

Their last arguments are a Geometry, and resets and lengths as causal_convolution has them. autograd.py differentiates
the first by the second.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from chainrule.ops.compiled import WHY_ABSENT
from chainrule.ops.convolution.backends.cpu import native
from chainrule.ops.convolution.call import Geometry, output_shape

__all__ = ["LIBRARY", "forward", "gradients"]

LIBRARY = torch.library.Library("chainrule", "FRAGMENT")

_REST = "int[] stride, SymInt[] before, SymInt[] after, int[] dilation, int groups, Tensor? resets, Tensor? lengths"
LIBRARY.define(f"convolution(Tensor x, Tensor weight, Tensor? bias, {_REST}) -> Tensor")
LIBRARY.define(
    f"convolution_backward(Tensor dy, Tensor x, Tensor weight, {_REST}, bool[] needs) "
    "-> (Tensor dx, Tensor dw, Tensor dbias)"
)


def forward(x: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
    """chainrule::convolution."""
    return native.forward(x, weight, bias, _geometry(rest), *rest[5:])


def _geometry(rest: Sequence[Any]) -> Geometry:
    """Of the last arguments; the dispatcher hands lists over."""
    stride, before, after, dilation, groups = rest[:5]
    return Geometry(tuple(stride), tuple(before), tuple(after), tuple(dilation), groups)


def _forward_fake(x: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
    return x.new_empty(output_shape(x.shape, weight.shape, Geometry(*rest[:5])))


def backward(dy: Tensor, x: Tensor, weight: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor]:
    """chainrule::convolution_backward."""
    grads = gradients(dy, x, weight, *rest)
    dx, dw, dbias = (x.new_empty(0) if g is None else g for g in grads)
    return dx, dw, dbias


def gradients(dy: Tensor, x: Tensor, weight: Tensor, *rest: Any) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """The same, None where it is not asked for."""
    geometry = _geometry(rest)
    masks = rest[5:7]
    needs_dx, needs_dw, needs_dbias = rest[7]
    dx = native.input_gradient(dy, weight, x.shape, geometry, *masks) if needs_dx else None
    if needs_dw:
        return dx, *native.kernel_gradient(x, dy, weight, geometry, needs_dbias, *masks)
    return dx, None, dy.flatten(2).sum((0, 2)) if needs_dbias else None


def _backward_fake(dy: Tensor, x: Tensor, weight: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor]:
    shapes = (x.shape, weight.shape, weight.shape[:1])
    dx, dw, dbias = (x.new_empty(shape if need else 0) for shape, need in zip(shapes, rest[7], strict=True))
    return dx, dw, dbias


if WHY_ABSENT is None:
    LIBRARY.impl("convolution", forward, "CPU")
    LIBRARY.impl("convolution_backward", backward, "CPU")
torch.library.register_fake("chainrule::convolution", _forward_fake, lib=LIBRARY)
torch.library.register_fake("chainrule::convolution_backward", _backward_fake, lib=LIBRARY)
