"""A convolution, forward and backward, number by number.

With stride s, dilation d and the zeros ``before`` x in every dimension (ops/convolution/README.md derives them):

    y[b,o,j]  = bias[o] + sum_{c,i} w[o,c,i] x[b,c,s j + d i - before]
    dx[b,c,h] = sum_{o,i,j: s j + d i - before = h} w[o,c,i] dy[b,o,j]
    dw[o,c,i] = sum_{b,j} dy[b,o,j] x[b,c,s j + d i - before]

The lens lists the products of one such sum. It gathers them by these equations alone, so that the comparison with
torch's own convolution and its gradients is between two independent ways.
"""

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike
from torch import Tensor, nn

from chainrule._torch import ConvNd, ConvTransposeNd
from chainrule.errors import ArgumentError
from chainrule.lens.conversion import as_float64, if_given
from chainrule.lens.convolutions.convolution_result import Convolution
from chainrule.nn import CausalConv1d

__all__ = ["convolution", "options_of"]

_DEFAULTS: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
_Values = Tensor | ArrayLike


def convolution(
    layer_or_kernel: nn.Module | _Values,
    x: _Values,
    dy: _Values | None = None,
    *,
    bias: _Values | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] | Sequence[tuple[int, int]] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    flip: bool = False,
) -> Convolution:
    """Inspect a convolution of x and its gradients, in one to three dimensions.

    Args:
        layer_or_kernel: a layer, torch.nn's or chainrule's, which brings its options; or a kernel
            (C_out, C_in / groups, \\*kernel), for which the options are those of
            :func:`chainrule.functional.convolution`.
        x: (B, C_in, \\*size), or (C_in, \\*size) without a batch. A kernel and an x of one dimension, or both of two,
            are those of a single channel.
        dy: the gradient of the loss with respect to the output, of its shape; ones by default, as if the loss were its
            sum.
        flip: reverse the kernel: the convolution of mathematics.

    Everything is computed in float64, on copies. Tensors or NumPy arrays go in; NumPy arrays come out.

    Raises:
        ShapeError, ArgumentError: as the op raises them; for options given beside a layer, which has its own; for
            a layer that pads with anything but zeros; for sizes of more than a thousand million products.
        DisagreementError: the sums differ from what autograd finds.

    >>> found = convolution([1.0, 2.0, 3.0], x=[1.0, 0.0, -1.0, 2.0, 4.0], dy=[1.0, 10.0, 100.0])
    >>> found.y.tolist()
    [[-2.0, 4.0, 15.0]]
    >>> print(found.input_gradient(2))
    dx[0,2] = 123
    product                      value  running sum
    ───────────────────────────────────────────────
    w[0,0,0] * dy[0,2]  1 * 100    100          100
    w[0,0,1] * dy[0,1]  2 * 10      20          120
    w[0,0,2] * dy[0,0]  3 * 1        3          123
    dx[c,h] = sum over o, i, j, where s j + d i - before = h, of w[o,c,i] dy[o,j]:
    dy, spread by the stride, correlated with the flipped kernel
    The sum agrees with autograd to the last bit.
    """
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    inputs = as_float64("x", x)
    cotangent = _optional("dy", dy)
    if isinstance(layer_or_kernel, nn.Module):
        if bias is not None or flip is not False or not all(map(_is_default, options, options.values())):
            raise ArgumentError("a layer has its bias and options: leave them out, or give its weight as the kernel.")
        layer = _checked(layer_or_kernel)
        weight = as_float64("weight", layer.weight)
        return Convolution(weight, _optional("bias", layer.bias), inputs, cotangent, options_of(layer), flip)
    weight = as_float64("the kernel", layer_or_kernel)
    offset = _optional("bias", bias)
    if weight.ndim == inputs.ndim < 3:
        weight = weight[None, None]
        inputs = inputs[None]
        cotangent = if_given(_with_row, cotangent)
    return Convolution(weight, offset, inputs, cotangent, options, flip)


def _is_default(name: str, value: object) -> bool:
    """Whether an option was left as it is; what it is compared with may be an array."""
    return type(value) is int and value == _DEFAULTS[name]


def _optional(name: str, values: _Values | None) -> Tensor | None:
    if values is None:
        return None
    return as_float64(name, values)


def _with_row(values: Tensor) -> Tensor:
    return values[None]


def _checked(layer: nn.Module) -> ConvNd:
    """The layer, unless it is one that the index equations do not describe."""
    if not isinstance(layer, ConvNd) or isinstance(layer, ConvTransposeNd):
        raise ArgumentError(
            f"the layer is a {type(layer).__name__}; expected Conv1d, Conv2d, Conv3d or CausalConv1d, of torch.nn or "
            "chainrule.nn, or a kernel."
        )
    if layer.padding_mode != "zeros":
        raise ArgumentError(
            f"the layer pads with {layer.padding_mode!r}; expected zeros. Pad x yourself, with "
            "torch.nn.functional.pad, and give the layer's weight as the kernel."
        )
    return layer


def options_of(layer: ConvNd) -> dict[str, Any]:
    """A layer's options, as :func:`chainrule.functional.convolution` takes them."""
    padding = "causal" if isinstance(layer, CausalConv1d) else layer.padding
    return {"stride": layer.stride, "padding": padding, "dilation": layer.dilation, "groups": layer.groups}
