"""The forward and the backward pass of a convolution: by the hand-derived formula, and by torch's own op."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv1d, conv2d, conv3d, pad

from chainrule.errors import ArgumentError
from chainrule.lens.autograd_agreement import Agreement, compare
from chainrule.ops import convolution as op
from chainrule.ops.convolution.call import Geometry

__all__ = ["Passes", "run"]

_BY_DIMENSIONS: dict[int, Callable[..., Tensor]] = {1: conv1d, 2: conv2d, 3: conv3d}

_Call = Callable[[Tensor, Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class Passes:
    """The output, the gradients, and how far formula and torch agree on them."""

    y: Tensor
    dx: Tensor
    dweight: Tensor
    dbias: Tensor | None
    agreement: Agreement


def run(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    dy: Tensor,
    *,
    geometry: Geometry,
    options: dict[str, Any],
    flip: bool,
) -> Passes:
    """Both passes, in both ways.

    Raises:
        ArgumentError: a number is NaN or infinite.
        DisagreementError: the two ways differ.
    """

    def by_formula(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return op.convolution(x, weight, bias, flip=flip, backend="formula", **options)

    def by_torch(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return _by_torch(x, weight, bias, geometry, flip)

    for name, values in (("x", x), ("the kernel", weight), ("bias", bias), ("dy", dy)):
        if values is not None and not values.isfinite().all():
            raise ArgumentError(f"{name} contains NaN or infinity; expected finite numbers.")
    ours = _differentiated(by_formula, x, weight, bias, dy)
    theirs = _differentiated(by_torch, x, weight, bias, dy)
    agreement = Agreement(0.0)
    for name, found in theirs.items():
        agreement &= compare(name, ours[name], found)
    return Passes(theirs["y"], theirs["dx"], theirs["dw"], theirs.get("dbias"), agreement)


def _by_torch(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, flip: bool) -> Tensor:
    """The convolution by torch's own op, in which no code of chainrule's has a part."""
    spatial = list(range(2, weight.ndim))
    kernel = weight.flip(spatial) if flip else weight
    convolve = _BY_DIMENSIONS[len(spatial)]
    return convolve(
        pad(x, geometry.pads),
        kernel,
        bias,
        stride=geometry.stride,
        dilation=geometry.dilation,
        groups=geometry.groups,
    )


@torch.enable_grad()
def _differentiated(call: _Call, x: Tensor, weight: Tensor, bias: Tensor | None, dy: Tensor) -> dict[str, Tensor]:
    """The output, and the gradients of x, weight and bias for ``dy``."""
    leaves = {"dx": x.detach().requires_grad_(), "dw": weight.detach().requires_grad_()}
    if bias is not None:
        leaves["dbias"] = bias.detach().requires_grad_()
    y = call(leaves["dx"], leaves["dw"], leaves.get("dbias"))
    gradients = torch.autograd.grad(y, list(leaves.values()), dy)
    return {"y": y.detach(), **dict(zip(leaves, gradients, strict=True))}
