"""Convolution in one dimension with a long kernel, most of it by the Fourier transform (the convolution theorem).

A transform mixes all of its inputs into all of its results: by rounding, and wholly where one is not finite. So here
each holds only inputs that every one of its results reads anyway. With H inputs, K taps and J outputs,

    y[j] = sum_k w[k] x[j + k]

all outputs from j to j + S - 1 read x[j + S - 1] to x[j + K - 1]. Cut the kernel into segments of S taps, the one that
begins at tap a reads x[j + a] to x[j + a + 2 S - 2] for them: a transform of 2 S inputs, which they all read if
S <= a <= K - 2 S, that is, if the segment lies its own length or more from both ends of the kernel. So segments grow
from both ends towards the middle, and the taps at the ends, which no transform may hold, go to the direct kernels:

    taps    0 ... m | m ... 4 m | 4 m ...            ... | ... m from the end | ... K
            direct  | S = m     | S = 4 m  (and longer)  | S = m              | direct

Those of one S share the transforms of x: one for each block of S outputs and one back (overlap-save, partitioned as in
Gardner 1995, "Efficient convolution without input-output delay"). Both gradients are the same sum of other arguments
(README.md), so what holds for y holds for them: an input reaches only what reads it, and the error of each number is
relative to the norms of the kernel and of what it reads. It grows with the logarithm of 2 S (Schatzman 1996, "Accuracy
of the discrete Fourier transform and the fast Fourier transform").

Results that are not finite are computed directly: infinity stays infinity, and what only the transform overflowed is
finite. The others stay as they are, as no output may depend on what it does not read, not even in its last bit.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv1d, pad

from chainrule.ops.choices import Description
from chainrule.ops.compiled import WHY_ABSENT
from chainrule.ops.convolution.backends import cpu, formula
from chainrule.ops.convolution.call import ConvolutionCall, Geometry
from chainrule.ops.plain import is_batched, is_captured, is_plain, is_traced, is_transformed
from chainrule.ops.pointers import check_held

__all__ = ["LONG_ON_A_GPU", "describe", "merit", "obstacle", "run"]

_ENDS = 128  # the shortest segment, and about how many taps at either end are direct
_GROWTH = 4  # from one length of segments to the next


def obstacle(call: ConvolutionCall) -> str | None:
    """Why it cannot run this call; None if it can."""
    if call.has_masks:
        return "the Fourier transform has neither resets nor lengths"
    if len(call.geometry.stride) > 1:
        return "it is for one dimension"
    if not _is_dense(call.geometry):
        return "it is for stride 1 and dilation 1"
    if call.x.dtype == torch.bfloat16:
        return "the transforms are of float32 and float64"
    if not is_plain((call.x, call.weight)):
        return "it asks whether its numbers are finite, which a call that is being recorded cannot answer"
    return _obstacle_by_torch(call.x) if _ends_by_torch(call.x) else cpu.obstacle(call)


def _ends_by_torch(x: Tensor) -> bool:
    """Whether torch's own computes the ends of the kernel: where it is not the compiled ones."""
    return x.is_cuda or (x.is_cpu and WHY_ABSENT is not None)


def _obstacle_by_torch(x: Tensor) -> str | None:
    if x.dtype not in (torch.float32, torch.float64):
        return f"the transforms are of float32 and float64, and x is {x.dtype}"
    if is_traced() or is_transformed() or is_captured(x):
        return "it asks whether its numbers are finite, which a call that is being recorded cannot answer"
    return None


def merit(call: ConvolutionCall) -> str | None:
    """Why it is the one to take; None if others take less time."""
    weight = call.weight.shape
    is_faster = _is_faster_on_a_gpu if call.x.is_cuda else _is_faster
    if not is_faster(call.output_shape, weight, call.geometry):
        return None
    return f"transforms take less time with a kernel of {weight[-1]}"


def run(call: ConvolutionCall) -> tuple[Tensor, Tensor | None]:
    """y, and of a causal call the inputs before the next chunk."""
    call.check_held()
    if call.causal is None:
        return _convolution(call), None
    ordinary, last = call.joined()
    return _convolution(ordinary), last


def describe(call: ConvolutionCall) -> Description:
    """The threads of torch's transforms."""
    return Description.of_torch()


def _is_faster(y: Sequence[int], weight: Sequence[int], geometry: Geometry) -> bool:
    """Whether transforms take less time than the direct kernels, for y and weight of these shapes."""
    products = prod(y) * prod(weight[1:])
    return _is_dense(geometry) and weight[-1] >= _LONG and y[-1] >= _MANY and products > _LARGE


def _is_faster_on_a_gpu(y: Sequence[int], weight: Sequence[int], geometry: Geometry) -> bool:
    """The same beside torch's own, which is slow with few channels alone: 25.6 ms for 4,096 taps of one (H200)."""
    pairs = weight[1] * (weight[0] // geometry.groups)
    products = prod(y) * prod(weight[1:])
    long = weight[-1] >= LONG_ON_A_GPU and y[-1] >= LONG_ON_A_GPU
    return _is_dense(geometry) and long and pairs <= _PAIRS and products > _LARGE_ON_A_GPU


def _is_dense(geometry: Geometry) -> bool:
    return geometry.stride == (1,) == geometry.dilation


# Taps, outputs of a row, and multiplications and additions, fewer of which are done sooner directly. With 768 taps both
# take as long (forward and backward, one thread: one channel of 100,000 steps 9 ms, directly 8; four of 32,768 20,
# directly 23); with 1,024 transforms take less (9, directly 11; 17, directly 30), with 4,096 much less (12, directly
# 40; 26, directly 115).
_LONG = 768
_MANY = 1024
_LARGE = 30_000_000
# On a GPU some hundred operations are started for the transforms, which takes about a millisecond whatever the sizes.
LONG_ON_A_GPU = 1024
_LARGE_ON_A_GPU = 1_000_000_000
_PAIRS = 4  # of an input and an output channel, in a group


def _convolution(call: ConvolutionCall) -> Tensor:
    G = call.geometry.groups
    pads = call.geometry.before[0], call.geometry.after[0]
    y = _convolve(call.x.unflatten(1, (G, -1)), call.weight.unflatten(0, (G, -1)), pads).flatten(1, 2)
    return y if call.bias is None else y + call.bias[:, None]


def _convolve(x: Tensor, weight: Tensor, pads: tuple[int, int]) -> Tensor:
    """y (B, G, O, J) of x (B, G, C, H), with so many zeros before and after it, and weight (G, O, C, K)."""
    if is_batched((x, weight)) or x.numel() == 0:  # they have no numbers to look at, or none at all
        return formula.convolve(pad(x, pads), weight, None, (1,), (1,))
    y: Tensor = _ByTransforms.apply(x, weight, pads)  # type: ignore[no-untyped-call]
    return y


class _ByTransforms(torch.autograd.Function):
    """The arguments and the result of :func:`_convolve`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, pads: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.pads = pads
        x = pad(x, pads)
        y = _correlate(x, weight)
        return y if y.sum().isfinite() else torch.where(y.isfinite(), y, _direct(x, weight))

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        if not is_batched((dy,)):
            check_held(dy)
        before, after = ctx.pads
        reach = weight.shape[-1] - 1
        dx = dw = None
        if ctx.needs_input_grad[0]:
            dx = _convolve(dy, weight.transpose(1, 2).flip(-1), (reach - before, reach - after))
        if ctx.needs_input_grad[1]:
            dw = _convolve(x.transpose(0, 2), dy.movedim(0, 2), ctx.pads).movedim(0, 2)
        return dx, dw, None


def _correlate(x: Tensor, weight: Tensor) -> Tensor:
    """y (B, G, O, J), without padding."""
    K = weight.shape[-1]
    J = x.shape[-1] - K + 1
    levels = _levels(K, J)
    if not levels or len(x) == 0:
        return _direct(x, weight)
    S, segments = levels[0]
    end = S * (segments[-1] + 1)
    y = _direct(x[..., : J + S - 1], weight[..., :S]) + _direct(x[..., end:], weight[..., end:])
    for S, segments in levels:
        y += _transformed(x, weight, S, segments, -(-J // S))[..., :J]
    return y


def _levels(K: int, J: int) -> list[tuple[int, list[int]]]:
    """The lengths S of segments, and which there are of each: segment n begins at tap n S."""
    lengths = [_ENDS]
    while 3 * _GROWTH * lengths[-1] <= K and _GROWTH * lengths[-1] <= 2 * J:
        lengths.append(_GROWTH * lengths[-1])
    levels = []
    inner = None  # the taps that longer segments take
    for S in reversed(lengths):
        beyond = K // S - 1
        taken = range(0) if inner is None else range(inner.start // S, inner.stop // S)
        levels.append((S, [n for n in range(1, beyond) if n not in taken]))
        inner = range(S, beyond * S)
    return levels[::-1] if 3 * _ENDS <= K else []


def _transformed(x: Tensor, weight: Tensor, S: int, segments: list[int], blocks: int) -> Tensor:
    """What segments of S taps add to so many blocks of S outputs."""
    outputs, channels = weight.shape[1:3]
    beyond = segments[-1] + 1
    parts = weight[..., : beyond * S].unflatten(-1, (-1, S))[..., segments, :]
    X = torch.fft.rfft(x[..., : (blocks + beyond) * S].unfold(-1, 2 * S, S))
    W = torch.fft.rfft(parts, 2 * S).conj().resolve_conj()
    Y = X.new_zeros(*X.shape[:2], outputs, blocks, S + 1)
    for place, segment in enumerate(segments):
        frames = X[..., segment : segment + blocks, :]
        for c in range(channels):
            Y.addcmul_(frames[:, :, None, c], W[:, :, c, place, None])
    y: Tensor = torch.fft.irfft(Y, 2 * S)[..., :S].flatten(-2)
    return y


def _direct(x: Tensor, weight: Tensor) -> Tensor:
    """y (B, G, O, J), without padding."""
    groups, outputs = weight.shape[:2]
    if _ends_by_torch(x):
        y = conv1d(x.flatten(1, 2), weight.flatten(0, 1), groups=groups)
    else:
        geometry = Geometry((1,), (0,), (0,), (1,), groups)
        y, _ = cpu.run(ConvolutionCall(x.flatten(1, 2), weight.flatten(0, 1), None, geometry))
    return y.view(len(x), groups, outputs, y.shape[-1])
