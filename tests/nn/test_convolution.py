"""The layers take the place of torch.nn's: parameters, outputs, gradients, initialisation, repr, copies."""

import warnings
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter

import chainrule.nn
from chainrule.errors import ArgumentError, ShapeError
from tests.tolerances import close

PAIRS: dict[int, tuple[type[nn.Module], type[nn.Module]]] = {
    1: (chainrule.nn.Conv1d, nn.Conv1d),
    2: (chainrule.nn.Conv2d, nn.Conv2d),
    3: (chainrule.nn.Conv3d, nn.Conv3d),
}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"bias": False},
    {"stride": 2, "padding": 1},
    {"dilation": 2, "padding": 2},
    {"groups": 2},
    {"groups": 4, "padding": "same"},
    {"padding": "valid"},
    {"padding": "same", "dilation": 2},
    *({"padding": 2, "padding_mode": mode, "stride": 2} for mode in ("reflect", "replicate", "circular")),
    {"padding": "same", "padding_mode": "circular"},
]


def flow(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """The output, and the gradients towards x and every parameter under a fixed random cotangent."""
    x = x.clone().requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that 'same' with even kernels costs it a copy
        y = layer(x)
    dy = torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(1))
    return [y, *torch.autograd.grad(y, (x, *layer.parameters()), dy)]


def equal(ours: nn.Module, theirs: nn.Module, x: Tensor) -> None:
    for actual, expected in zip(flow(ours, x), flow(theirs, x), strict=True):
        close(actual, expected)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kernel_size", [3, 2])
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("batch", [(2,), ()], ids=["batched", "unbatched"])
def test_state_moves_both_ways(dims: int, kernel_size: int, batch: tuple[int, ...], options: dict[str, Any]) -> None:
    layers = [make(4, 8, kernel_size, dtype=torch.float64, **options) for make in PAIRS[dims]]
    x = torch.randn(*batch, 4, *(7, 6, 5)[:dims], dtype=torch.float64)
    ours, theirs = layers
    theirs.load_state_dict(ours.state_dict())
    equal(ours, theirs, x)
    torch.nn.init.normal_(theirs.weight)  # type: ignore[arg-type]
    ours.load_state_dict(theirs.state_dict())
    equal(ours, theirs, x)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_the_same_seed_gives_the_same_parameters_and_print(dims: int) -> None:
    layers = []
    for make in PAIRS[dims]:
        torch.manual_seed(3)
        layers.append(make(4, 6, 3, stride=2, padding=1, groups=2, padding_mode="circular"))
    ours, theirs = layers
    for (name, actual), (expected_name, expected) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == expected_name
        assert torch.equal(actual, expected)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_a_torch_layer_may_change_its_class(dims: int) -> None:
    """Ours adds no state, so the class is all that differs."""
    ours, theirs = PAIRS[dims]
    layer = theirs(3, 5, 2, padding=1, dtype=torch.float64)
    twin = deepcopy(layer)
    layer.__class__ = ours
    assert vars(layer).keys() == vars(twin).keys()
    equal(layer, twin, torch.randn(2, 3, *(6 for _ in range(dims)), dtype=torch.float64))


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_a_deep_copy_is_equal_and_apart(dims: int) -> None:
    layer = PAIRS[dims][0](2, 3, 2, dtype=torch.float64)
    twin = deepcopy(layer)
    x = torch.randn(1, 2, *(4 for _ in range(dims)), dtype=torch.float64)
    equal(twin, layer, x)
    before = layer(x)
    torch.nn.init.zeros_(twin.weight)  # type: ignore[arg-type]
    assert torch.equal(layer(x), before)


def test_parameters_live_where_they_are_asked_to() -> None:
    layer = chainrule.nn.CausalConv1d(2, 3, 2, device="meta", dtype=torch.float16)
    assert {(p.device.type, p.dtype) for p in layer.parameters()} == {("meta", torch.float16)}


def test_a_wrong_number_of_channels_is_named() -> None:
    with pytest.raises(ShapeError, match=r"x has 3 channels .*\(4, 2, 3\).* takes 2"):
        chainrule.nn.Conv1d(2, 4, 3)(torch.zeros(1, 3, 9))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((2, 3, 0), "kernel_size is 0; expected a positive int"),
        ((2, 3, -1), "kernel_size is -1; expected a positive int"),
        ((2, 3, 2.0), "kernel_size is 2.0; expected a positive int"),
        ((2, 3, True), "kernel_size is True; expected a positive int"),
        ((0, 3, 2), "in_channels is 0; expected a positive int"),
        ((2, 0, 2), "out_channels is 0; expected a positive int"),
        ((2, 3, 2, 0), "dilation is 0; expected a positive int"),
        ((2, 4, 2, 1, 0), "groups is 0; expected a positive int"),
        ((3, 4, 2, 1, 2), "in_channels is 3; groups, which is 2, must divide it"),
        ((4, 3, 2, 1, 2), "out_channels is 3; groups, which is 2, must divide it"),
    ],
)
def test_a_causal_layer_that_cannot_work_is_not_built(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        chainrule.nn.CausalConv1d(*arguments)


def test_the_causal_layer_takes_numpys_integers() -> None:
    layer = chainrule.nn.CausalConv1d(*np.array([2, 4, 3, 2, 2]))
    assert repr(layer) == "CausalConv1d(2, 4, kernel_size=(3,), stride=(1,), dilation=(2,), groups=2)"


@pytest.mark.parametrize("channels", [(4, 2), (2, 4)], ids=["narrowing", "widening"])
def test_autocast_is_followed(channels: tuple[int, int]) -> None:
    """As torch's do, the layers take single or half precision then, and compute in half."""
    ours, theirs, causal = (
        make(*channels, 3, bias=False) for make in (chainrule.nn.Conv1d, nn.Conv1d, chainrule.nn.CausalConv1d)
    )
    x = torch.randn(2, channels[0], 8)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = [ours(x), ours(x.bfloat16()), theirs(x), *causal(x), *causal(x, x[..., -2:])]
    assert {each.dtype for each in outputs} == {torch.bfloat16}
    (gradient,) = torch.autograd.grad(outputs[0].float().sum(), ours.weight)
    assert gradient.dtype == torch.float32


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"dilation": 3}, {"groups": 2}], ids=str)
def test_the_causal_layer_is_torchs_convolution_after_zeros(options: dict[str, Any]) -> None:
    causal = chainrule.nn.CausalConv1d(4, 6, 3, dtype=torch.float64, **options)
    theirs = nn.Conv1d(4, 6, 3, dtype=torch.float64, **options)
    theirs.load_state_dict(causal.state_dict())
    x = torch.randn(2, 4, 11, dtype=torch.float64)
    y, state = causal(x)
    reach = 2 * options.get("dilation", 1)
    close(y, theirs(torch.nn.functional.pad(x, (reach, 0))))
    assert torch.equal(state, x[..., -reach:])
    torch.manual_seed(3)
    first = chainrule.nn.CausalConv1d(4, 6, 3, **options)
    torch.manual_seed(3)
    second = nn.Conv1d(4, 6, 3, **options)
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), second.parameters(), strict=True))
    assert repr(first) == repr(second).replace("Conv1d", "CausalConv1d")


def test_the_causal_layer_carries_state_and_passes_resets_and_lengths_on() -> None:
    layer = chainrule.nn.CausalConv1d(2, 3, 3, dilation=2, dtype=torch.float64)
    x = torch.randn(2, 2, 9, dtype=torch.float64)
    whole, last = layer(x)
    first, state = layer(x[..., :4])
    second, state = layer(x[..., 4:], state)
    close(torch.cat([first, second], dim=-1), whole)
    close(state, last)
    resets = torch.zeros(2, 9, dtype=torch.bool)
    resets[:, 4] = True
    close(layer(x, resets=resets)[0], torch.cat([first, layer(x[..., 4:])[0]], dim=-1))
    ragged, state = layer(x, lengths=[4, 9])
    close(ragged[0, :, :4], first[0])
    assert ragged[0, :, 4:].count_nonzero() == 0
    close(state[0], x[0, :, :4])
    unbatched, state = layer(x[0])
    close(unbatched, whole[0])
    close(state, last[0])


@pytest.mark.sampled(0)
@pytest.mark.parametrize("channels", [4, 32], ids=["cpu", "torch's own"])
def test_one_graph_is_compiled_for_any_size(channels: int) -> None:
    layer = chainrule.nn.Conv2d(channels, channels, 3, padding="same")
    counter = CompileCounter()
    compiled = torch.compile(layer, backend=counter, dynamic=True, fullgraph=True)
    with torch.no_grad():
        for n in (3, 5, 6):
            x = torch.randn(n, channels, n + 20, n + 19)
            torch.testing.assert_close(compiled(x), layer(x))
    assert counter.frame_count == 1
