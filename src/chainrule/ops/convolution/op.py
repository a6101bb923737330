"""The entrance: checks the arguments, and has the call run by the backend that the dispatch chooses."""

from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function

from chainrule._torch import is_any_autocast_enabled
from chainrule.ops.arguments import FOREIGN, as_flag, check_tensors, explain_failure
from chainrule.ops.convolution import dispatch
from chainrule.ops.convolution.call import Causal, ConvolutionCall
from chainrule.ops.convolution.checks import Padding, cast_for_autocast, checked_causal, geometry_of
from chainrule.ops.once import are_exact
from chainrule.ops.plain import named, untraced

__all__ = ["causal_convolution", "convolution"]


def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Padding = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    flip: bool = False,
    backend: str = "auto",
) -> Tensor:
    """Convolve in one, two or three dimensions.

    In one dimension, with zeros where x is read outside its range::

        y[b, o, j] = bias[o] + sum_{c, i} weight[o, c, i] x[b, c, stride * j + dilation * i - before]

    and likewise in more, an index for each dimension. This is cross-correlation, torch's convention; with
    ``flip`` the kernel is reversed, which is the convolution of mathematics. An output dimension has
    ``(H + before + after - dilation * (K - 1) - 1) // stride + 1`` positions: H - K + 1 with the defaults.

    Args:
        x: (B, C_in, \\*size), or (C_in, \\*size) without a batch; one to three spatial dimensions; any float
            dtype.
        weight: (C_out, C_in / groups, \\*kernel), of x's dtype and on its device.
        bias: (C_out,), or None.
        stride: steps between outputs; an int, or one for each dimension, as for ``dilation``.
        padding: zeros around x: an int, one for each dimension, a (before, after) pair for each dimension,
            'valid' (none), 'same' (output as long as the input; stride 1; if the zeros are odd in number, the
            extra one comes after, as in torch), or 'causal' (one dimension; all before, so that y at a step
            depends on no later x).
        dilation: steps between the inputs that neighbouring kernel entries read.
        groups: the channels fall into this many groups that do not mix; C_in of them make it depthwise.
        flip: reverse the kernel in every spatial dimension.
        backend: 'auto' (the fastest, as measured), 'cpu' (compiled), 'fft' (for long kernels), 'triton' (causal,
            on a GPU), 'torch' (its own), 'formula' (hand-derived backward pass in plain torch) or 'reference' (the
            definition, slow).

    Returns:
        y: (B, C_out, \\*output size), or without B when x has none.

    Raises:
        ShapeError: shapes, dtypes or devices do not fit, or the kernel is larger than the padded input.
        ArgumentError: any other argument has a value that cannot work.
        BackendError: the backend asked for cannot run this call.

    >>> import torch
    >>> x, w = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]), torch.tensor([[[1.0, 0.0, -1.0]]])
    >>> convolution(x, w)
    tensor([[-2., -2., -2.]])
    >>> convolution(x, w, padding="causal", flip=True)
    tensor([[1., 2., 2., 2., 2.]])
    """
    if not (isinstance(x, Tensor) and isinstance(weight, Tensor) and (bias is None or isinstance(bias, Tensor))):
        if has_torch_function((x, weight, bias)):  # as those that stand for tensors in torch.fx have
            rest: dict[str, Any] = {"dilation": dilation, "groups": groups, "flip": flip, "backend": backend}
            call = ((x, weight, bias), x, weight, bias)
            return cast(Tensor, handle_torch_function(convolution, *call, stride=stride, padding=padding, **rest))
        check_tensors({"x": x, "weight": weight}, {"bias": bias})
    try:
        if flip is False and backend == "auto" and are_exact((stride, padding, dilation, groups)):
            y = dispatch.by_torch(x, weight, bias, stride, padding, dilation, groups)
            if y is not None:
                return y
        if is_any_autocast_enabled():
            x, weight, bias = cast_for_autocast(x, weight, bias)
        sizes: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        with untraced():
            geometry = geometry_of(x, weight, bias, **sizes)
        kernel = weight
        if flip is not False and as_flag("flip", flip):
            kernel = weight.flip(list(range(2, weight.ndim)))
        is_batch = x.ndim == weight.ndim
        call = ConvolutionCall(x if is_batch else x[None], kernel, bias, geometry)
        y, _ = named("convolution", dispatch.run, call, backend)
        return y if is_batch else y[0]
    except FOREIGN as error:
        explain_failure(error, {"x": x, "weight": weight, "bias": bias})
        raise


def causal_convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    state: Tensor | None = None,
    resets: Tensor | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    dilation: int = 1,
    groups: int = 1,
    backend: str = "auto",
) -> tuple[Tensor, Tensor]:
    """Convolve a chunk of sequences causally, carrying the last inputs from chunk to chunk.

    ::

        y[b, o, t] = bias[o] + sum_{c, i} weight[o, c, i] x[b, c, t - dilation * (K - 1 - i)]

    where x before the chunk is read from ``state``, and x before the row's last reset is zero.

    Args:
        x: (B, C_in, T), or (C_in, T) without a batch (then the others have no B either); any float dtype; T
            may be 0.
        weight: (C_out, C_in / groups, K), of x's dtype and on its device.
        bias: (C_out,), or None.
        state: (B, C_in, dilation * (K - 1)), the inputs before the chunk, oldest first; zeros when None.
        resets: a bool tensor (B, T); ``resets[b, t]`` starts row b afresh before step t.
        lengths: integers (B,) from 0 to T, a tensor or a sequence of ints; row b ends after that many steps.
        dilation: steps between the inputs that neighbouring kernel entries read.
        groups: the channels fall into this many groups that do not mix.
        backend: 'auto' (the fastest, as measured), 'cpu' (compiled), 'fft' (for long kernels), 'triton' (causal,
            on a GPU), 'torch' (its own), 'formula' (hand-derived backward pass in plain torch) or 'reference' (the
            definition, slow).

    Returns:
        ``(y, state)``

        - y: (B, C_out, T), zero after a row's length.
        - state: (B, C_in, dilation * (K - 1)), the inputs before the next chunk, zero where they lie before the
          last reset: passing it on with the next chunk gives what the whole sequence would have given.

    Raises:
        ShapeError: shapes, dtypes or devices do not fit.
        ArgumentError: any other argument has a value that cannot work.
        BackendError: the backend asked for cannot run this call.

    >>> import torch
    >>> x, w = torch.arange(1.0, 7.0).view(1, 1, 6), torch.tensor([[[1.0, 1.0]]])
    >>> causal_convolution(x, w)
    (tensor([[[ 1.,  3.,  5.,  7.,  9., 11.]]]), tensor([[[6.]]]))
    >>> y, state = causal_convolution(x[..., :4], w)
    >>> causal_convolution(x[..., 4:], w, state=state)
    (tensor([[[ 9., 11.]]]), tensor([[[6.]]]))
    """
    if not isinstance(x, Tensor) and has_torch_function((x,)):
        rest: dict[str, Any] = {"resets": resets, "lengths": lengths, "dilation": dilation, "groups": groups}
        call = ((x,), x, weight, bias)
        return handle_torch_function(causal_convolution, *call, state=state, backend=backend, **rest)
    check_tensors({"x": x, "weight": weight}, {"bias": bias, "state": state, "resets": resets})
    try:
        return _causal(x, weight, bias, state, resets, lengths, dilation, groups, backend)
    except FOREIGN as error:
        given = {"x": x, "weight": weight, "bias": bias, "state": state, "resets": resets, "lengths": lengths}
        explain_failure(error, given)
        raise


def _causal(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    state: Tensor | None,
    resets: Tensor | None,
    lengths: Tensor | Sequence[int] | None,
    dilation: int,
    groups: int,
    backend: str,
) -> tuple[Tensor, Tensor]:
    if is_any_autocast_enabled():
        x, weight, bias, state = cast_for_autocast(x, weight, bias, state)
    with untraced():
        geometry, ends = checked_causal(x, weight, bias, state, resets, lengths, dilation, groups)
    is_batch = x.ndim == 3
    if not is_batch:
        x = x[None]
        state, resets, ends = (None if each is None else each[None] for each in (state, resets, ends))
    call = ConvolutionCall(x, weight, bias, geometry, Causal(state, resets, ends))
    y, last = named("causal_convolution", dispatch.run, call, backend)
    assert last is not None
    return (y, last) if is_batch else (y[0], last[0])
