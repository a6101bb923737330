"""A classifier's layers as their page shows them: maps, what each of their cells sees of the input, and its sum."""

from math import prod
from typing import Any, cast

import numpy as np
from torch import nn

from chainrule._torch import ConvNd
from chainrule.display import View, exact
from chainrule.lens.conversion import Floats, if_given, to_numpy
from chainrule.lens.convolutions.convolution import options_of
from chainrule.lens.layers.passes.layer_pass import LayerPass
from chainrule.lens.layers.passes.network_pass import NetworkPass
from chainrule.lens.layers.passes.spans import are_chained, spans_back
from chainrule.lens.layers.results.cells import has_sums
from chainrule.lens.notation import written_step
from chainrule.ops.convolution.checks import geometry_of

__all__ = ["view_of"]

_NUMBERS = 300_000  # of all maps and kernels
_LONGEST = 512  # positions in one dimension
_DIMENSIONS = 2  # that a picture has
_LIFTED = 3  # dimensions in which the page computes sums


def view_of(network: NetworkPass, name: str, target: str) -> View | None:
    """What display/interactive/layers.js shows; None of solids, and of more numbers than a page should hold."""
    layers = network.layers
    x = layers[0].planes(network.x)
    shapes = [x.shape, *(layer.size for layer in layers)]
    too_long = any(len(shape) > 1 + _DIMENSIONS or max(shape[1:], default=0) > _LONGEST for shape in shapes)
    if too_long or sum(map(_count, layers)) > _NUMBERS:
        return None
    shown = [_layer(network, layer) for layer in layers]
    about = {"first": written_step(0), "name": name, "target": target, "start": network.first.number}
    return View("layers", {**about, "x": exact(x), "layers": shown})


def _count(layer: LayerPass) -> int:
    """The numbers of a layer that the page holds."""
    return layer.x.numel() + 2 * layer.y.numel() + sum(weight.numel() for weight in layer.module.parameters())


def _layer(network: NetworkPass, layer: LayerPass) -> dict[str, Any]:
    before = network.layers[layer.number - 1] if layer.number else None
    return {
        "title": f"{layer.title} ({layer.kind})",
        "y": exact(layer.planes(layer.y)),
        "dy": exact(layer.planes(layer.dy)),
        "start": layer.index(()),
        **_fields(network, layer),
        "sum": _sum(layer, before) if has_sums(layer) else None,
    }


def _fields(network: NetworkPass, layer: LayerPass) -> dict[str, Any]:
    """For every dimension of the input the first and last position that each position of the output depends on.

    Where the output has no such dimension, there is one entry; None where the layers do not follow one another. With
    "at_most" they are bounds.
    """
    layers = network.layers[: layer.number + 1]
    if not are_chained(layers, network.x):
        return {"fields": None, "at_most": False}
    sizes = layer.size[1:]
    seen = [
        spans_back(layers, network.x, [min(place, size - 1) for size in sizes])[-1]
        for place in range(max(sizes, default=1))
    ]
    dimensions = len(seen[0].spans)
    counts = sizes if len(sizes) == dimensions else (1,) * dimensions
    fields = [[each.spans[k] for each in seen[:count]] for k, count in enumerate(counts)]
    return {"fields": fields, "at_most": not all(each.is_known for each in seen)}


def _sum(layer: LayerPass, before: LayerPass | None) -> dict[str, Any]:
    """The operands of a layer whose outputs are sums of products, as those of a convolution in three dimensions."""
    module = cast(ConvNd | nn.Linear, layer.module)
    weight = to_numpy(module.weight)
    x = layer.planes(layer.x)
    geometry: dict[str, Any] = {"stride": [], "dilation": [], "before": [], "groups": 1}
    if layer.is_convolution:
        found = geometry_of(layer.x, module.weight, None, **options_of(cast(ConvNd, module)))
        geometry = {name: getattr(found, name) for name in geometry}
    else:
        weight, x = _linear(weight, x, before)
    defaults = {"stride": 1, "dilation": 1, "before": 0}
    lacking = {name: [usual] * (_LIFTED - len(geometry[name])) for name, usual in defaults.items()}
    return {
        "dimensions": x.ndim - 1,
        "x": exact(_lifted(x[None])),
        "w": exact(_lifted(weight)),
        "bias": if_given(exact, if_given(to_numpy, module.bias)),
        **{name: [*lacking[name], *geometry[name]] for name in lacking},
        "groups": geometry["groups"],
    }


def _linear(weight: Floats, x: Floats, before: LayerPass | None) -> tuple[Floats, Floats]:
    """A linear layer's operands: of one that reads maps flattened, a kernel as large as the maps."""
    if x.ndim == 1:
        sizes = before.size if before is not None and prod(before.size) == len(x) else x.shape
        return weight.reshape(len(weight), *sizes), x.reshape(sizes)
    return weight.reshape(*weight.shape, *(1,) * (x.ndim - 1)), x


def _lifted(array: Floats) -> Floats:
    """With three dimensions behind the first two, of which those that it lacks have the size 1."""
    lacking = _LIFTED + 2 - array.ndim
    lifted: Floats = np.expand_dims(array, tuple(range(2, 2 + lacking)))
    return lifted
