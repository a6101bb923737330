"""The entrance: checks the arguments, pads, and chooses the backend that computes."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.overrides import handle_torch_function, has_torch_function

from chainrule._choices import counted
from chainrule._torch import (
    in_forward_mode,
    is_any_autocast_enabled,
    is_profiler_enabled,
    is_transform_active,
    tracing_state,
)
from chainrule.errors import ArgumentError, ChainruleError, ShapeError
from chainrule.ops import choices
from chainrule.ops.arguments import (
    FOREIGN,
    as_flag,
    as_int,
    as_lengths,
    check_plain,
    check_tensors,
    explain_failure,
    occurs,
)
from chainrule.ops.convolution import dispatch
from chainrule.ops.convolution.backends import cpu
from chainrule.ops.convolution.backends import torch as torch_backend
from chainrule.ops.convolution.geometry import Geometry
from chainrule.ops.once import are_exact, once
from chainrule.ops.plain import PLAIN, named, untraced

__all__ = ["by_torch", "causal_convolution", "convolution", "geometry_of"]

_Sizes = tuple[int, ...]

_MOST = 2**31 - 1  # of a stride, a dilation, a padding: torch's own convolutions go no further either


def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] | Sequence[tuple[int, int]] = 0,
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
        backend: 'auto' (the fastest, as measured), 'cpu' (compiled), 'fft' (for long kernels), 'torch' (its own),
            'formula' (hand-derived backward pass in plain torch) or 'reference' (the definition, slow).

    Returns:
        y: (B, C_out, \\*output size), or without B when x has none.

    Raises:
        ShapeError: shapes, dtypes or devices do not fit, or the kernel is larger than the padded input.
        ArgumentError: any other argument has a value that cannot work.
        BackendError: the backend asked for cannot run this call.

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
            y = by_torch(x, weight, bias, stride, padding, dilation, groups)
            if y is not None:
                return y
        if is_any_autocast_enabled():
            x, weight, bias = _cast(x, weight, bias)
        sizes: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        with untraced():
            geometry = geometry_of(x, weight, bias, **sizes)
        if flip is False:
            kernel = weight
        else:
            kernel = weight.flip(list(range(2, weight.ndim))) if as_flag("flip", flip) else weight
        if x.ndim == weight.ndim:
            return named("convolution", dispatch.convolution, x, kernel, bias, geometry, backend)
        return named("convolution", dispatch.convolution, x[None], kernel, bias, geometry, backend)[0]
    except FOREIGN as error:
        explain_failure(error, {"x": x, "weight": weight, "bias": bias})
        raise


def by_torch(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: Any
) -> Tensor | None:
    """torch's own convolution where it takes the least time, by the shortest way; None for all other calls.

    What torch refuses there is left to the checks of the other way, which say it in words. Between the layers of a net
    Python's own code is seldom in the caches, so that each call of a function here is felt.
    """
    if torch.compiler.is_compiling() or choices.listening or is_profiler_enabled() or tracing_state() is not None:
        return None
    if type(x) not in PLAIN or type(weight) not in PLAIN or is_transform_active() or in_forward_mode():
        return None
    if x.layout is not torch.strided or x.is_nested or x.device != weight.device:
        return None
    if bias is not None and bias.device != x.device:
        return None
    is_formatted = not (x.is_contiguous() and weight.is_contiguous()) and torch_backend.keeps_format(x, weight)
    learns = torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)
    dtype = torch.bfloat16 if is_any_autocast_enabled() else x.dtype
    key = (x.shape, weight.shape, stride, padding, dilation, groups, dtype, learns, x.is_cpu, is_formatted)
    try:
        taken = _taken.get(key, _UNKNOWN)
    except TypeError:  # a list among the sizes
        return None
    if taken is _UNKNOWN:
        if len(_taken) >= _MOST_TAKEN:
            _taken.clear()
        taken = _taken[key] = _torchs(*key)
    if taken is None or x.untyped_storage().nbytes() < x.nbytes or weight.untyped_storage().nbytes() < weight.nbytes:
        return None
    op, pads, rest = taken
    try:
        y: Tensor = op(pad(x, pads) if pads else x, weight, bias, *rest)
    except FOREIGN:
        return None
    return y


_taken: dict[Any, Any] = {}  # what _torchs says of each call
_MOST_TAKEN = 4096
_UNKNOWN = object()


def _torchs(x: _Sizes, weight: _Sizes, stride: Any, padding: Any, dilation: Any, groups: Any, *rest: Any) -> Any:
    """What torch's function is, and what it is given beside the tensors; None where other code computes."""
    dtype, learns, is_cpu, is_formatted = rest
    if len(x) != len(weight) or torch_backend.obstacle(x):
        return None
    try:
        geometry = _geometry(x, weight, stride, padding, dilation, groups)
    except (ChainruleError, *FOREIGN):
        return None
    if is_cpu and not is_formatted and dtype in cpu.DTYPES:
        backend, _ = dispatch.fastest(x, weight, geometry, dtype, learns, transforms=True)
        if backend != "torch":
            return None
    return torch_backend.prepared(geometry)


def geometry_of(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: int | Sequence[int],
    padding: int | str | Sequence[int] | Sequence[tuple[int, int]],
    dilation: int | Sequence[int],
    groups: int,
) -> Geometry:
    """Check the arguments of :func:`convolution`, of which only shapes, dtypes and devices are read."""
    geometry = once(_geometry, x.shape, weight.shape, stride, padding, dilation, groups)
    _check_alike(x, weight, bias)
    return geometry


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
        backend: 'auto' (the fastest, as measured), 'cpu' (compiled), 'fft' (for long kernels), 'torch' (its own),
            'formula' (hand-derived backward pass in plain torch) or 'reference' (the definition, slow).

    Returns:
        y: (B, C_out, T), zero after a row's length.
        state: (B, C_in, dilation * (K - 1)), the inputs before the next chunk, zero where they lie before the
            last reset: passing it on with the next chunk gives what the whole sequence would have given.

    Raises:
        ShapeError: shapes, dtypes or devices do not fit.
        ArgumentError: any other argument has a value that cannot work.
        BackendError: the backend asked for cannot run this call.

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
    x, weight, bias, state = _cast(x, weight, bias, state)
    with untraced():
        geometry, ends = _checked_causal(x, weight, bias, state, resets, lengths, dilation, groups)
    run = dispatch.causal_convolution
    if x.ndim == 3:
        return named("causal_convolution", run, x, weight, bias, state, resets, ends, geometry, backend)
    state, resets, ends = (None if each is None else each[None] for each in (state, resets, ends))
    y, state = named("causal_convolution", run, x[None], weight, bias, state, resets, ends, geometry, backend)
    return y[0], state[0]


def _checked_causal(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    state: Tensor | None,
    resets: Tensor | None,
    lengths: Tensor | Sequence[int] | None,
    dilation: int,
    groups: int,
) -> tuple[Geometry, Tensor | None]:
    """Check the arguments of :func:`causal_convolution`: the geometry, and the lengths as a tensor."""
    geometry = once(_causal_geometry, x.shape, weight.shape, dilation, groups)
    _check_alike(x, weight, bias)
    rows = x.shape[:-2]
    T = x.shape[-1]
    if T == 0:
        check_plain("x", x)  # nothing below would trip over it
    if state is not None:
        _check_like(x, "state", state, (*x.shape[:-1], geometry.before[0]))
        if state.layout != torch.strided:  # an empty one trips nothing below
            check_plain("state", state)
    if resets is not None and (resets.shape != (*rows, T) or resets.dtype != torch.bool):
        raise ShapeError(
            f"resets is {resets.dtype} of shape {tuple(resets.shape)}; "
            f"with this x it must be torch.bool of shape {(*rows, T)}"
        )
    return geometry, None if lengths is None else _ends(as_lengths(lengths).to(x.device), rows, T)


def _cast(x: Tensor, *others: Any) -> Any:
    """The tensors; under torch.autocast, in the dtype that it gives to torch's own convolutions."""
    device = x.device.type
    if not (torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)):
        return x, *others
    dtype = torch.get_autocast_dtype(device)
    return tuple(
        t.to(dtype) if t is not None and t.is_floating_point() and t.dtype != torch.float64 else t for t in (x, *others)
    )


def _geometry(x: _Sizes, weight: _Sizes, stride: Any, padding: Any, dilation: Any, groups: Any) -> Geometry:
    """Checks all that does not depend on dtypes and devices."""
    dims = len(weight) - 2
    if dims not in (1, 2, 3):
        raise ShapeError(
            f"weight has shape {tuple(weight)}; "
            "expected (C_out, C_in / groups, *kernel) with one to three kernel dimensions"
        )
    groups = _count("groups", groups)
    _check_channels(x, weight, groups)
    strides = _per_dim("stride", stride, dims)
    dilations = _per_dim("dilation", dilation, dims)
    pads = _pads(padding, weight[2:], strides, dilations)
    _check_size(x[-dims:], weight[2:], dilations, pads)
    before, after = zip(*pads, strict=True)
    return Geometry(strides, before, after, dilations, groups)


def _causal_geometry(x: _Sizes, weight: _Sizes, dilation: Any, groups: Any) -> Geometry:
    """With as many zeros before x as the state has inputs."""
    if len(weight) != 3:
        raise ShapeError(f"weight has shape {tuple(weight)}; expected (C_out, C_in / groups, K)")
    groups = _count("groups", groups)
    _check_channels(x, weight, groups)
    (dilation,) = _per_dim("dilation", dilation, 1)
    return Geometry((1,), (dilation * (weight[-1] - 1),), (0,), (dilation,), groups)


def _check_channels(x: _Sizes, weight: _Sizes, groups: int) -> None:
    """The shapes of x and weight, and groups, fit together in all but the spatial sizes."""
    dims = len(weight) - 2
    if len(x) not in (dims + 1, dims + 2):
        raise ShapeError(
            f"x has shape {tuple(x)}; with a weight of shape {tuple(weight)} it must have "
            f"{counted(dims + 2, 'dimension')} (batch, channels, {dims} spatial), or {dims + 1} without the batch"
        )
    if 0 in weight:
        raise ShapeError(f"weight has shape {tuple(weight)}; no size may be zero")
    C_in = x[-dims - 1]
    C_out = weight[0]
    if C_out % groups:
        raise ArgumentError(f"groups is {groups}; it must divide the {counted(C_out, 'output channel')} of weight")
    if groups * weight[1] != C_in:
        raise ShapeError(
            f"x has {counted(C_in, 'channel')} (shape {tuple(x)}); a weight of shape {tuple(weight)}, which is "
            f"(C_out, C_in / groups, *kernel), with groups {groups} takes {groups * weight[1]}"
        )


def _check_alike(x: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    """Dtypes and devices fit together, and the bias."""
    if x.dtype != weight.dtype or x.device != weight.device:
        raise ShapeError(
            f"x is {x.dtype} on {x.device} and weight {weight.dtype} on {weight.device}; "
            "they must be alike: convert one, for example with x.to(weight)"
        )
    if bias is not None:
        _check_like(x, "bias", bias, weight.shape[:1])


def _check_like(x: Tensor, name: str, tensor: Tensor, shape: _Sizes) -> None:
    if tensor.shape != shape or tensor.dtype != x.dtype or tensor.device != x.device:
        raise ShapeError(
            f"{name} is {tensor.dtype} of shape {tuple(tensor.shape)} on {tensor.device}; "
            f"with this x it must be {x.dtype} of shape {tuple(shape)} on {x.device}"
        )


def _count(name: str, value: int) -> int:
    count = as_int(value) or 0
    if not 1 <= count <= _MOST:
        raise ArgumentError(f"{name} is {value!r}; expected a positive int, below 2^31")
    return count


def _per_dim(name: str, value: int | Sequence[int], dims: int) -> _Sizes:
    values = [as_int(each) or 0 for each in _spread(value, dims)]
    if len(values) != dims or min(values) < 1 or max(values) > _MOST:
        raise ArgumentError(f"{name} is {value!r}; expected a positive int, or {dims} of them, below 2^31")
    return tuple(values)


def _spread(value: Any, dims: int) -> Sequence[Any]:
    """One for each dimension: of one alone, given as such or in a sequence, as many, as torch does."""
    values = value if isinstance(value, Sequence) else (value,)
    return tuple(values) * dims if len(values) == 1 else values


def _pads(
    padding: int | str | Sequence[int] | Sequence[tuple[int, int]],
    kernel: _Sizes,
    stride: _Sizes,
    dilation: _Sizes,
) -> list[tuple[int, int]]:
    """The zeros (before, after) x in each dimension."""
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    if isinstance(padding, str) and padding in ("valid", "same", "causal"):
        return _named_pads(padding, reach, stride)
    given = [tuple(each) if isinstance(each, Sequence) else (each, each) for each in _spread(padding, len(reach))]
    pairs = [tuple(as_int(each) for each in pair) for pair in given]
    if len(pairs) != len(reach) or any(not _is_pair(pair) for pair in pairs):
        raise ArgumentError(
            f"padding is {padding!r}; expected 'valid', 'same', 'causal', a non-negative int, "
            f"{len(reach)} of them, or {len(reach)} pairs (before, after) of them, below 2^31"
        )
    return cast(list[tuple[int, int]], pairs)


def _is_pair(pair: tuple[int | None, ...]) -> bool:
    return len(pair) == 2 and all(each is not None and 0 <= each <= _MOST for each in pair)


def _named_pads(padding: str, reach: list[int], stride: _Sizes) -> list[tuple[int, int]]:
    if padding == "valid":
        return [(0, 0) for _ in reach]
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ArgumentError(f"padding 'same' needs stride 1; got {stride}. Give the padding in numbers")
        return [(r // 2, r - r // 2) for r in reach]
    if len(reach) != 1:
        raise ArgumentError(f"padding 'causal' is for one spatial dimension; got {len(reach)}")
    return [(reach[0], 0)]


def _check_size(size: _Sizes, kernel: _Sizes, dilation: _Sizes, pads: list[tuple[int, int]]) -> None:
    padded = tuple(h + sum(pair) for h, pair in zip(size, pads, strict=True))
    spread = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    if any(p < s for p, s in zip(padded, spread, strict=True)):
        raise ShapeError(
            f"the kernel is larger than the padded input: it covers {spread} "
            f"(kernel {tuple(kernel)}, dilation {dilation}), the input {padded} "
            f"({tuple(size)} padded by {pads}). Pad more, or use a smaller kernel or dilation"
        )


def _ends(ends: Tensor, rows: _Sizes, T: int) -> Tensor:
    if ends.shape != rows or ends.is_floating_point() or ends.is_complex() or ends.dtype == torch.bool:
        raise ShapeError(
            f"lengths is {ends.dtype} of shape {tuple(ends.shape)}; "
            f"with this x it must be integers of shape {tuple(rows)}, one a row"
        )
    if occurs((ends < 0) | (ends > T), "lengths"):
        raise ArgumentError(f"lengths are {ends.tolist()}; each must lie between 0 and the {T} steps of x")
    return ends.long()
