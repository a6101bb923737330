"""torch.export and torch.onnx.export called by the user: chainrule's layers for any batch and time."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.export import Dim
from torch.utils import _pytree as pytree

import chainrule
from tests.export.test_onnx_model import ragged, run, signal, steps

RECURRENCES: dict[str, tuple[nn.Module, Any]] = {
    "rnn": (chainrule.nn.RNN(3, 4, dtype=torch.float64), steps),
    "gru options": (chainrule.nn.GRU(3, 4, layer_norm=True, zoneout=0.2, dtype=torch.float64), steps),
    "lstm": (chainrule.nn.LSTM(3, 4, peepholes=True, proj_size=2, dtype=torch.float64), steps),
    "resets": (chainrule.nn.GRU(3, 4, bidirectional=True, dtype=torch.float64), lambda B, T: ragged(B, T, resets=True)),
}


def exported(model: nn.Module, arguments: Any, strict: bool = False) -> Any:
    args, kwargs = arguments
    free = pytree.tree_map(lambda leaf: dict.fromkeys(range(leaf.dim()), Dim.AUTO), (*args, *kwargs.values()))
    names = ["input", "hx"][: len(args)] + list(kwargs)
    shapes = dict(zip(names, free, strict=True)) if kwargs else free
    return torch.export.export(model.eval(), args, kwargs, dynamic_shapes=shapes, strict=strict)


def double(arguments: Any) -> Any:
    return pytree.tree_map(lambda leaf: leaf.double() if leaf.is_floating_point() else leaf, arguments)


def targets(program: Any) -> set[str]:
    graphs = [module for module in program.graph_module.modules() if isinstance(module, torch.fx.GraphModule)]
    return {str(node.target) for graph in graphs for node in graph.graph.nodes if node.op == "call_function"}


@pytest.mark.sampled(0)
@pytest.mark.parametrize("name", RECURRENCES)
def test_an_exported_recurrence_is_the_layer_for_any_batch_and_time(name: str) -> None:
    layer, arguments = RECURRENCES[name]
    with torch.no_grad():
        program = exported(layer, double(arguments(2, 4)))
        for B, T in ((2, 4), (5, 7), (1, 1)):
            args, kwargs = double(arguments(B, T))
            ours = layer(*args, **kwargs)
            torch.testing.assert_close(program.module()(*args, **kwargs), ours, rtol=1e-12, atol=1e-12)
    assert not [target for target in targets(program) if "chainrule" in target]


@pytest.mark.slow
def test_a_strict_export_follows_the_layers_too() -> None:
    layer, arguments = RECURRENCES["resets"]
    with torch.no_grad():
        program = exported(layer, double(arguments(2, 4)), strict=True)
        args, kwargs = double(arguments(5, 7))
        torch.testing.assert_close(program.module()(*args, **kwargs), layer(*args, **kwargs), rtol=1e-12, atol=1e-12)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d(4, 4, 3, padding="same", groups=2),
        nn.Conv1d(4, 4, 3, padding=2, padding_mode="reflect", stride=2),
        nn.Conv1d(4, 4, 1, bias=False),
    ],
)
def test_an_exported_convolution_is_torchs(layer: nn.Module, strict: bool) -> None:
    theirs = exported(layer, signal(2, 9), strict=strict)
    chainrule.swap(layer)
    ours = exported(layer, signal(2, 9), strict=strict)
    chainrule.unswap(layer)
    assert {name.split(".")[1] for name in targets(ours)} == {name.split(".")[1] for name in targets(theirs)}
    (x,), _ = signal(5, 20)
    torch.testing.assert_close(ours.module()(x), theirs.module()(x))


@pytest.mark.slow
def test_an_exported_causal_convolution_hides_what_lies_before_a_reset() -> None:
    layer = chainrule.nn.CausalConv1d(4, 4, 3, dilation=2)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.causal = layer

        def forward(self, input: Any, hx: Any, resets: Any, lengths: Any) -> Any:
            return self.causal(input, hx, resets=resets, lengths=lengths)

    def arguments(B: int, T: int) -> Any:
        _, masks = ragged(B, T, resets=True)
        return (*signal(B, T, state=4)[0], masks["resets"], masks["lengths"])

    program = exported(Model(), (arguments(2, 4), {}))
    given = arguments(5, 7)
    torch.testing.assert_close(program.module()(*given), Model()(*given))


@pytest.mark.slow
def test_torchs_onnx_exporter_takes_a_swapped_model() -> None:
    circular = nn.Conv1d(4, 2, 5, padding=2, padding_mode="circular")
    model = nn.Sequential(nn.Conv1d(4, 4, 3, padding=1), nn.ReLU(), circular).eval()
    chainrule.swap(model)
    (x,), _ = signal(2, 9)
    shapes = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC},)
    onnx = torch.onnx.export(model, (x,), dynamo=True, dynamic_shapes=shapes, verbose=False)
    (x,), _ = signal(5, 20)
    np.testing.assert_allclose(run(onnx, (x,), {})[0], model(x).detach().numpy(), atol=1e-6)
