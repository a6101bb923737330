"""The backward pass of each kind of layer, derived by hand, held against autograd layer by layer.

Each layer is given the gradient dy that autograd brought to its output, and what the rule makes of it has to be what
autograd brought to the layer's input and parameters. By the chain rule, the whole is then right::

    convolution     dx = dy convolved with the kernel, dw = x correlated with dy (chainrule/ops/convolution/README.md)
    recurrence      the reverse scan (chainrule/ops/recurrence/README.md)
    linear          dx = dy W, dW = dy^T x, db = the sum of dy over positions
    relu            dx = dy where x > 0
    max pooling     dx = dy at the position of each maximum
    layer norm      dx = (g - mean(g) - n mean(g n)) / s with g = w dy, n = (x - mean) / s, s^2 = variance + eps

Other layers have no rule; their gradients are autograd's alone.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chainrule._torch import ConvNd
from chainrule.lens.autograd_agreement import ALONG, Agreement, compare
from chainrule.lens.conversion import as_float64
from chainrule.lens.layers.passes.layer_pass import LayerPass
from chainrule.lens.layers.passes.network_pass import NetworkPass
from chainrule.lens.recurrences.stack import summed

__all__ = ["check_layers"]

Derived = tuple[Tensor, dict[str, Tensor]]
"""dx, and the gradients of the layer's parameters by its own names."""


@torch.no_grad()
def check_layers(network: NetworkPass) -> tuple[Agreement, frozenset[int]]:
    """How far rules and autograd agree, and the numbers of the layers that have a rule.

    Raises:
        DisagreementError: a gradient differs from what autograd finds.
    """
    agreement = Agreement(0.0)
    checked = set()
    weights: dict[str, Tensor] = {}  # summed over the calls of a layer
    whole = set()
    for layer in network.layers:
        rule = _rule_of(layer)
        if rule is None:
            continue
        dx, gradients = rule(layer)
        agreement &= compare(f"the gradient of the input of {layer.title}", dx, layer.dx)
        checked.add(layer.number)
        for name, gradient in gradients.items():
            path = layer.path(name)
            weights[path] = weights.get(path, 0) + gradient
            whole.add(path)
    for path in whole & network.gradients.keys():
        agreement &= compare(f"the gradient of {path}", weights[path], network.gradients[path], limit=ALONG)
    return agreement, frozenset(checked)


def _rule_of(layer: LayerPass) -> Callable[[LayerPass], Derived] | None:
    if isinstance(layer.module, ConvNd):
        return _convolution if layer.is_convolution else None
    return next((rule for kind, rule in _RULES.items() if isinstance(layer.module, kind)), None)


def _convolution(layer: LayerPass) -> Derived:
    found = layer.convolution
    gradients = {"weight": as_float64("dw", found.dweight)}
    if found.dbias is not None:
        gradients["bias"] = as_float64("dbias", found.dbias)
    return as_float64("dx", found.dx), gradients


def _recurrence(layer: LayerPass) -> Derived:
    call = layer.call
    assert call is not None
    stack = call.stack()
    backs = stack.backward(call.time_major(layer.dy).contiguous(), layer.dlast)
    stack.check(backs)
    first = zip(stack.scans[0], backs[0], strict=True)
    dx = torch.stack([scan.input_gradient(back) for scan, back in first]).sum(0)  # (T, B, I)
    if layer.module.batch_first:
        dx = dx.transpose(0, 1)
    return dx, summed(cast(nn.RNNBase, layer.module), stack, backs)


def _linear(layer: LayerPass) -> Derived:
    module = cast(nn.Linear, layer.module)
    dy = layer.dy.flatten(0, -2)
    gradients = {"weight": dy.T @ layer.x.flatten(0, -2)}
    if module.bias is not None:
        gradients["bias"] = dy.sum(0)
    return layer.dy @ module.weight, gradients


def _relu(layer: LayerPass) -> Derived:
    return layer.dy * (layer.x > 0), {}


def _max_pooling(layer: LayerPass) -> Derived:
    module = cast(nn.MaxPool2d, layer.module)
    _, places = F.max_pool2d(
        layer.x,
        module.kernel_size,
        module.stride,
        module.padding,
        module.dilation,
        module.ceil_mode,
        return_indices=True,
    )
    dx = torch.zeros_like(layer.x).flatten(-2)
    dx.scatter_add_(-1, places.flatten(-2), layer.dy.flatten(-2))
    return dx.view_as(layer.x), {}


def _layer_norm(layer: LayerPass) -> Derived:
    module = cast(nn.LayerNorm, layer.module)
    over = tuple(range(-len(module.normalized_shape), 0))
    centred = layer.x - layer.x.mean(over, keepdim=True)
    s = (centred.square().mean(over, keepdim=True) + module.eps).sqrt()
    n = centred / s
    gradients: dict[str, Tensor] = {}
    g = layer.dy
    rows = tuple(range(layer.x.dim() + over[0]))
    if module.elementwise_affine:
        gradients["weight"] = (layer.dy * n).sum(rows)
        g = layer.dy * module.weight
        if module.bias is not None:
            gradients["bias"] = layer.dy.sum(rows)
    return (g - g.mean(over, keepdim=True) - n * (g * n).mean(over, keepdim=True)) / s, gradients


_RULES: dict[type[Any], Callable[[LayerPass], Derived]] = {
    nn.RNNBase: _recurrence,
    nn.Linear: _linear,
    nn.ReLU: _relu,
    nn.MaxPool2d: _max_pooling,
    nn.LayerNorm: _layer_norm,
}
