"""Which positions of what a layer reads a part of its output depends on, by the index equations of each kind of layer.

Output p of a convolution or a pool reads stride*p - before + dilation*j for every j below the kernel's size, but for
those that lie in the padding; of an adaptive pool from n to m positions, floor(p*n/m) to ceil((p+1)*n/m) - 1. A
recurrent layer reads all steps up to the last, or in both directions all there are. What works on each position by
itself reads the same positions, and features without positions are made of all. Anything else is taken to read
everything, and said to be unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from chainrule._torch import ConvNd
from chainrule.errors import ArgumentError
from chainrule.lens.convolutions.convolution import options_of
from chainrule.lens.layers.passes.layer_pass import LayerPass
from chainrule.ops.convolution.checks import geometry_of

__all__ = ["LayerReading", "Spans", "are_chained", "spans_back"]

Spans = tuple[tuple[int, int], ...]
"""The first and the last position, in every dimension; of none, 0 and -1."""

Positions = tuple[NDArray[np.int64], ...]
"""Rising, in every dimension."""

_ACTIVATIONS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Tanh, nn.Sigmoid, nn.LogSigmoid, nn.Softplus, nn.Softsign, nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish),
    *(nn.Softshrink, nn.Hardshrink, nn.Tanhshrink, nn.Threshold),
)
_POINTWISE = (*_ACTIVATIONS, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.Linear)
_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_OF_ALL = (nn.GroupNorm, nn.LayerNorm, *_INSTANCE_NORMS)
_POOLING = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
_ADAPTIVE = (
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
)


@dataclass(frozen=True)
class LayerReading:
    """What a layer reads for a part of the last one's output; where that is unknown, at most these spans."""

    layer: LayerPass
    spans: Spans
    is_known: bool


def are_chained(layers: Sequence[LayerPass], x: Tensor) -> bool:
    """Whether each layer reads what the one before it gives, and the first the input."""
    return not layers or (layers[0].x.shape == x.shape and all(map(_follows, layers, layers[1:])))


def spans_back(layers: Sequence[LayerPass], x: Tensor, positions: Sequence[int]) -> list[LayerReading]:
    """What each layer reads for the last one's output at these positions, from the last back to the first.

    Raises:
        ArgumentError: the layers do not follow one another.
    """
    if not are_chained(layers, x):
        raise ArgumentError(
            f"the layers up to {layers[-1].title} do not follow one another, each reading what the one before gives, "
            "so that a receptive field cannot be followed through them."
        )
    asked: Positions = tuple(np.array([p]) for p in positions)
    is_known = True
    found = []
    for k in range(len(layers) - 1, -1, -1):
        read = _read(layers[k], asked)
        if read is None:
            is_known = is_known and _are_all(asked, layers[k].size[1:])
            read = _whole(layers[k].planes(layers[k].x).shape[1:])
        asked = read
        found.append(LayerReading(layers[k], tuple(map(_span, asked)), is_known))
        given = layers[k - 1].size[1:] if k else ()
        if k and len(asked) < len(given):  # flattened, or a mean over positions
            asked = _whole(given)
            is_known = True
    return found


def _follows(before: LayerPass, layer: LayerPass) -> bool:
    """Whether a layer reads what the layer before gives, or features without positions made of it."""
    read = layer.planes(layer.x).shape
    return read == before.size or len(read) == 1


def _read(layer: LayerPass, asked: Positions) -> Positions | None:
    """The positions of x, without padding, that the outputs at those asked for depend on; None where it is unknown."""
    sizes = layer.planes(layer.x).shape[1:]
    module = layer.module
    if len(asked) != len(sizes) or _is_of_all(module):
        return _whole(sizes)
    if isinstance(module, nn.RNNBase):
        return (np.arange(sizes[0] if module.bidirectional else max(asked[0], default=-1) + 1),)
    if isinstance(module, _POINTWISE) or _is_norm_of_features(module):
        return asked
    taps = _taps(layer, asked)
    if taps is None:
        return None
    return tuple(np.unique(each[(each >= 0) & (each < size)]) for each, size in zip(taps, sizes, strict=True))


def _whole(sizes: Sequence[int]) -> Positions:
    return tuple(map(np.arange, sizes))


def _are_all(asked: Positions, sizes: Sequence[int]) -> bool:
    return all(len(each) == size for each, size in zip(asked, sizes, strict=True))


def _span(positions: NDArray[np.int64]) -> tuple[int, int]:
    return (int(positions[0]), int(positions[-1])) if len(positions) else (0, -1)


def _is_of_all(module: nn.Module) -> bool:
    """Whether each of its outputs is made of all positions, as those of most norms are."""
    return isinstance(module, _OF_ALL) and not _is_norm_of_features(module)


def _is_norm_of_features(module: nn.Module) -> bool:
    """Whether it normalises the features of each position alone."""
    return isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1


def _taps(layer: LayerPass, asked: Positions) -> list[NDArray[np.int64]] | None:
    """What the windows at these positions lie on in every dimension, padding too; None of a layer without windows."""
    if isinstance(layer.module, _ADAPTIVE):
        sizes = zip(asked, layer.planes(layer.x).shape[1:], layer.size[1:], strict=True)
        return [_adaptive_taps(positions, n, m) for positions, n, m in sizes]
    windows = _windows(layer)
    if windows is None:
        return None
    taps = []
    for positions, (stride, before, dilation, kernel) in zip(asked, windows, strict=True):
        taps.append((stride * positions[:, None] - before + dilation * np.arange(kernel)).ravel())
    return taps


def _adaptive_taps(positions: NDArray[np.int64], n: int, m: int) -> NDArray[np.int64]:
    """Those of the windows by which n positions become m."""
    windows = [np.arange(p * n // m, -(-(p + 1) * n // m)) for p in positions.tolist()]
    return np.concatenate(windows) if windows else np.arange(0)


def _windows(layer: LayerPass) -> list[tuple[int, int, int, int]] | None:
    """Stride, zeros before, dilation and kernel size in every dimension; None of a layer without such windows."""
    module = layer.module
    if layer.is_convolution:
        conv = cast(ConvNd, module)
        geometry = geometry_of(layer.x, conv.weight, None, **options_of(conv))
        return list(zip(geometry.stride, geometry.before, geometry.dilation, conv.kernel_size, strict=True))
    if isinstance(module, _POOLING):
        sizes = (module.stride, module.padding, getattr(module, "dilation", 1), module.kernel_size)
        count = layer.x.dim() - 2
        return list(zip(*(_each(size, count) for size in sizes), strict=True))
    return None


def _each(size: int | tuple[int, ...], count: int) -> tuple[int, ...]:
    """A size for every dimension."""
    return (size,) * count if isinstance(size, int) else tuple(size)
