"""What torch and chainrule share: layers of ``torch.nn`` or ``chainrule.nn``, time first."""

from typing import Any

import torch
from torch import Tensor

from benchmarks.engines import Call
from benchmarks.peers.points import Point, inputs, weights

__all__ = ["both_precisions", "forward", "infer_from_here", "make_layer", "training"]


def make_layer(point: Point, library: Any, **options: Any) -> Any:
    """The point's layer with the point's weights."""
    if point.cell in ("gru", "lstm"):
        layer = getattr(library, point.cell.upper())(point.shape.I, point.shape.H, **options)
    else:
        nonlinearity = point.cell.removeprefix("rnn_")
        layer = library.RNN(point.shape.I, point.shape.H, nonlinearity=nonlinearity, **options)
    load(layer, point, suffix="_l0")
    return layer


@torch.no_grad()
def load(layer: Any, point: Point, suffix: str) -> None:
    """Copy the point's weights to the layer's ``weight_ih``, ``weight_hh``, ``bias_ih``, ``bias_hh``."""
    for name, value in weights(point).items():
        attribute = f"bias_{name[2:]}" if name.startswith("b_") else f"weight_{name}"
        getattr(layer, attribute + suffix).copy_(torch.from_numpy(value))


def training(point: Point, layer: Any, *, rounds: bool = False, **arguments: Any) -> Call:
    """Outputs, and the gradients of inputs and weights; with ``rounds`` under autocast to bfloat16."""
    x, dy = map(torch.from_numpy, inputs(point))
    x.requires_grad_()
    parameters = [x, layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0]

    def step() -> list[Tensor]:
        with torch.autocast("cpu", torch.bfloat16, enabled=rounds):
            y, _ = layer(x, **arguments)
        return [y.float(), *torch.autograd.grad(y, parameters, dy.to(y.dtype))]

    return step


def both_precisions(point: Point, layer: Any) -> dict[str, Call]:
    """Training in float32, and under autocast to bfloat16."""
    return {"float32": training(point, layer), "bfloat16": training(point, layer, rounds=True)}


def forward(point: Point, layer: Any) -> Call:
    """Outputs alone."""
    infer_from_here()
    x = torch.from_numpy(inputs(point)[0])
    return lambda: layer(x)[0]


_INFERENCE = torch.inference_mode()  # which ends when nothing holds it any more


def infer_from_here() -> None:
    """Enter inference mode for as long as the worker lives, as a user's loop stands inside one."""
    if not torch.is_inference_mode_enabled():
        _INFERENCE.__enter__()
