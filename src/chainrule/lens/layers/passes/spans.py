"""Which positions of what a layer reads a part of its output depends on, by the index equations of each kind of layer.

Convolution and pooling: outputs first..last read stride*first - before .. stride*last - before + dilation*(kernel - 1).
A recurrent layer reads all steps up to the last, or in both directions all there are. What works on each position by
itself reads the same positions. Anything else is taken to read everything.
"""

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from chainrule._torch import ConvNd
from chainrule.errors import ArgumentError
from chainrule.lens.convolutions.convolution import options_of
from chainrule.lens.layers.passes.layer_pass import LayerPass
from chainrule.ops.convolution.checks import geometry_of

__all__ = ["Spans", "are_chained", "spans_back"]

Spans = tuple[tuple[int, int], ...]
"""The first and the last position, in every dimension."""

_ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Hardtanh)
_POINTWISE = (*_ACTIVATIONS, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.Linear)
_POOLING = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)


def are_chained(layers: Sequence[LayerPass], x: Tensor) -> bool:
    """Whether each layer reads what the one before it gives, and the first the input."""
    return not layers or (layers[0].x.shape == x.shape and all(map(_follows, layers, layers[1:])))


def spans_back(layers: Sequence[LayerPass], x: Tensor, positions: Sequence[int]) -> list[tuple[LayerPass, Spans]]:
    """What each layer reads for the last one's output at these positions, from the last back to the first.

    Raises:
        ArgumentError: the layers do not follow one another.
    """
    if not are_chained(layers, x):
        raise ArgumentError(
            f"the layers up to {layers[-1].title} do not follow one another, each reading what the one before gives, "
            "so that a receptive field cannot be followed through them."
        )
    spans: Spans = tuple((p, p) for p in positions)
    found = []
    for k in range(len(layers) - 1, -1, -1):
        spans = _read(layers[k], spans)
        found.append((layers[k], spans))
        given = layers[k - 1].size[1:] if k else ()
        if k and len(spans) < len(given):  # flattened, or a mean over positions
            spans = tuple((0, size - 1) for size in given)
    return found


def _follows(before: LayerPass, layer: LayerPass) -> bool:
    """Whether a layer reads what the layer before gives, or features without positions made of it."""
    read = layer.planes(layer.x).shape
    return read == before.size or len(read) == 1


def _read(layer: LayerPass, spans: Spans) -> Spans:
    """The positions of x that the outputs at ``spans`` depend on, without padding."""
    sizes = layer.planes(layer.x).shape[1:]
    module = layer.module
    whole = tuple((0, size - 1) for size in sizes)
    if len(spans) != len(sizes):
        return whole
    if isinstance(module, nn.RNNBase):
        return whole if module.bidirectional else ((0, spans[0][1]),)
    if isinstance(module, _POINTWISE) or _is_norm_of_features(module):
        return spans
    windows = _windows(layer)
    if windows is None:
        return whole
    read = []
    for (first, last), size, (stride, before, dilation, kernel) in zip(spans, sizes, windows, strict=True):
        low = stride * first - before
        high = stride * last - before + dilation * (kernel - 1)
        read.append((min(max(low, 0), size - 1), max(min(high, size - 1), 0)))
    return tuple(read)


def _is_norm_of_features(module: nn.Module) -> bool:
    """Whether it normalises the features of each position alone."""
    return isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1


def _windows(layer: LayerPass) -> list[tuple[int, int, int, int]] | None:
    """Stride, zeros before, dilation and kernel size in every dimension; None of a layer without windows."""
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
