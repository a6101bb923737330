"""How many operations the registered convolutions are, for torch.utils.flop_counter: as many as torch's own."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.flop_counter import conv_backward_flop, conv_flop_count, register_flop_formula

from chainrule.ops.convolution.backends.cpu import ops as _ops  # noqa: F401  # which defines them

__all__: list[str] = []

_Shape = list[int]


@register_flop_formula(torch.ops.chainrule.convolution)
def _forward(x: _Shape, weight: _Shape, *_: Any, out_shape: _Shape, **__: Any) -> int:
    count: int = conv_flop_count(x, weight, out_shape)
    return count


@register_flop_formula(torch.ops.chainrule.convolution_backward)
def _backward(dy: _Shape, x: _Shape, weight: _Shape, *rest: Any, out_shape: Sequence[_Shape], **__: Any) -> int:
    """torch counts the gradient towards the weights of all groups with all; so does this, to be comparable."""
    options = (None, (), (), (), False, (), rest[4], rest[-1])  # not transposed; the groups; which are asked for
    count_backward: Callable[..., int] = conv_backward_flop
    return count_backward(dy, x, weight, *options, out_val=out_shape)
