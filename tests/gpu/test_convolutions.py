"""Convolutions on a GPU beside float64 on the CPU, and what runs them."""

from typing import Any

import pytest
import torch
from torch import Tensor

import chainrule
from chainrule import nn
from chainrule.functional import causal_convolution, convolution
from tests.gpu import on_gpu
from tests.tolerances import close

pytestmark = on_gpu

# channels in, out, of the kernel, steps, dilation, groups
CAUSAL = [
    *((4, 6, 3, 40, 1, 1), (4, 6, 3, 40, 4, 2), (8, 8, 4, 64, 1, 8), (3, 3, 5, 7, 3, 1), (3, 5, 1, 9, 1, 1)),
    *((70, 80, 3, 300, 2, 1), (3, 9, 4, 150, 1, 3)),
]
LOOSE = {torch.float32: 5e-3, torch.bfloat16: 5e-2}


def _drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)


def _options(which: str, B: int, channels: int, reach: int, T: int) -> dict[str, Any]:
    """On the CPU, in float64."""
    resets = torch.rand(B, T, generator=torch.Generator().manual_seed(3)) < 0.2
    lengths = torch.arange(B) * T // B
    return {
        "": {},
        "state": {"state": _drawn(B, channels, reach)},
        "resets": {"resets": resets},
        "lengths": {"lengths": lengths},
        "all": {"state": _drawn(B, channels, reach), "resets": resets, "lengths": lengths},
    }[which]


def _outcome(device: str, leaves: list[Tensor], options: dict[str, Any], **sizes: Any) -> list[Tensor]:
    given = x, weight, bias = [each.detach().to(device).requires_grad_() for each in leaves]
    further = sizes | {name: each.to(device) for name, each in options.items()}
    y, state = causal_convolution(x, weight, bias, **further)
    cotangent = torch.linspace(0.5, 1, y.numel(), dtype=y.dtype).view_as(y).to(device)
    gradients = torch.autograd.grad([y, state], given, [cotangent, torch.ones_like(state)])
    with torch.no_grad():
        alone = causal_convolution(x, weight, bias, **further)
    return [each.cpu() for each in (y, state, *gradients, *alone)]


@pytest.mark.parametrize("sizes", CAUSAL)
@pytest.mark.parametrize("which", ["", "state", "resets", "lengths", "all"])
def test_causal_ones_equal_float64_on_the_cpu(sizes: tuple[int, ...], which: str) -> None:
    C, O, K, T, dilation, groups = sizes
    B = 3
    leaves = [_drawn(B, C, T), _drawn(O, C // groups, K), _drawn(O)]
    options = _options(which, B, C, dilation * (K - 1), T)
    further = {"dilation": dilation, "groups": groups}
    expected = _outcome("cpu", leaves, options, **further)
    for actual, wanted in zip(_outcome("cuda", leaves, options, **further), expected, strict=True):
        close(actual, wanted)


@pytest.mark.parametrize("dtype", LOOSE)
@pytest.mark.parametrize("groups", [64, 2])
@pytest.mark.parametrize("which", ["", "state", "resets"])
def test_layers_of_other_precisions(which: str, groups: int, dtype: torch.dtype) -> None:
    layer = nn.CausalConv1d(64, 64, 4, dilation=2, groups=groups).to("cuda", dtype)
    exact = nn.CausalConv1d(64, 64, 4, dilation=2, groups=groups).double()
    exact.load_state_dict(layer.state_dict())
    options = _options(which, 2, 64, 6, 500)
    x = _drawn(2, 64, 500).to(dtype)
    rounded = {name: each.to(dtype) if each.is_floating_point() else each for name, each in options.items()}
    y, _ = layer(x.cuda(), **{name: each.cuda() for name, each in rounded.items()})
    doubled = {name: each.double() if each.is_floating_point() else each for name, each in rounded.items()}
    expected, _ = exact(x.double(), **doubled)
    assert y.dtype == dtype
    torch.testing.assert_close(y.double().cpu(), expected, rtol=LOOSE[dtype], atol=LOOSE[dtype])
    y.float().sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


@pytest.mark.parametrize(
    ("groups", "precision", "bound"), [(64, "ieee", 1e-4), (1, "ieee", 1e-4), (1, "tf32", LOOSE[torch.float32])]
)
def test_what_torchs_own_would_copy_for_is_triton_s(groups: int, precision: str, bound: float, products: Any) -> None:
    products.fp32_precision = precision
    layer = nn.CausalConv1d(64, 64, 4, dilation=2, groups=groups).cuda()
    x = _drawn(2, 64, 5000).float().cuda()
    resets = torch.rand(2, 5000, device="cuda") < 0.01
    (call,) = chainrule.explain(layer, x, resets=resets).calls
    assert call.backend == "triton"
    (call,) = chainrule.explain(layer, x).calls
    assert call.backend == ("torch" if groups == 1 else "triton")
    runs = [_gradients(layer, x, resets) for _ in range(3)]
    assert all(torch.equal(a, b) for run in runs[1:] for a, b in zip(runs[0], run, strict=True))
    exact = nn.CausalConv1d(64, 64, 4, dilation=2, groups=groups).double()
    exact.load_state_dict(layer.state_dict())
    for actual, expected in zip(runs[0], _gradients(exact, x.cpu().double(), resets.cpu()), strict=True):
        scale = float(expected.abs().max())
        torch.testing.assert_close(actual.double().cpu(), expected, rtol=bound, atol=bound * scale)


def test_nothing_of_the_size_of_x_is_made_but_y() -> None:
    layer = nn.CausalConv1d(64, 64, 4).cuda()
    x = torch.randn(1, 64, 200_000, device="cuda")
    resets = torch.rand(1, 200_000, device="cuda") < 0.01
    with torch.no_grad():
        layer(x, resets=resets)
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        y, _ = layer(x, resets=resets)
    assert torch.cuda.max_memory_allocated() - before < 1.5 * y.nbytes


def _gradients(layer: nn.CausalConv1d, x: Tensor, resets: Tensor) -> list[Tensor]:
    """y, and the gradients towards x and the parameters."""
    given = x.detach().requires_grad_()
    y, _ = layer(given, resets=resets)
    return [y.detach(), *torch.autograd.grad(y.square().mean(), [given, *layer.parameters()])]


def test_a_sequence_in_chunks_is_the_whole() -> None:
    layer = nn.CausalConv1d(4, 4, 3, dilation=3).cuda().double()
    x = _drawn(2, 4, 60).cuda()
    whole, last = layer(x)
    state = None
    pieces = []
    for piece in x.split([17, 2, 41], dim=-1):
        y, state = layer(piece, state)
        pieces.append(y)
    close(torch.cat(pieces, dim=-1), whole)
    assert state is not None
    close(state, last)
    stream = layer.stream(batch=2)
    close(torch.stack([stream(x[..., t]) for t in range(8)], dim=-1), whole[..., :8].detach())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("channels", "groups"), [(1, 1), (2, 1), (3, 3)])
def test_transforms_equal_float64_on_the_cpu(channels: int, groups: int, dtype: torch.dtype) -> None:
    leaves = [_drawn(2, channels, 6000), _drawn(channels, channels // groups, 1500) / 40, _drawn(channels)]
    found = []
    for device, of in (("cuda", dtype), ("cpu", torch.float64)):
        given = x, weight, bias = [each.detach().to(dtype).to(device, of).requires_grad_() for each in leaves]
        y = convolution(x, weight, bias, padding=[(700, 20)], groups=groups, backend="fft")
        cotangent = torch.linspace(0.5, 1, y.shape[-1], dtype=torch.float64).to(dtype).to(device, of)
        found.append([y, *torch.autograd.grad(y, given, cotangent.expand_as(y))])
    for actual, expected in zip(*found, strict=True):
        if dtype == torch.float64:
            close(actual.cpu(), expected)
        else:
            scale = float(expected.detach().abs().max())
            torch.testing.assert_close(actual.double().cpu(), expected, rtol=5e-3, atol=5e-3 * scale)


def test_infinity_reaches_what_reads_it_alone() -> None:
    x = torch.zeros(1, 1, 4000, device="cuda")
    x[..., 2000] = torch.inf
    y = convolution(x, torch.ones(1, 1, 1024, device="cuda"), backend="fft")
    assert y.isinf().sum() == 1024
    assert y[y.isfinite()].abs().max() < 1e-3


def test_long_kernels_of_one_channel_are_transformed() -> None:
    x = torch.randn(1, 1, 1_000_000, device="cuda", requires_grad=True)
    weight = (torch.randn(1, 1, 4096, device="cuda") / 64).requires_grad_()
    (call,) = chainrule.explain(convolution, x, weight).calls
    assert call.backend == "fft"
    y = convolution(x, weight)
    start = convolution(x[..., :9000].double().cpu(), weight.double().cpu())
    torch.testing.assert_close(y[..., : start.shape[-1]].double().cpu(), start, rtol=5e-3, atol=5e-2)
    dx, dw = torch.autograd.grad(y.square().sum(), (x, weight))
    assert bool(dx.isfinite().all())
    assert bool(dw.isfinite().all())
    (small,) = chainrule.explain(convolution, x[..., :9000], weight).calls
    assert small.backend == "torch"
    assert "the kernels run on the CPU, and x is on cuda:0" in small.reason


def test_swapped_nets_compute_what_they_did() -> None:
    torch.manual_seed(0)
    layers = [torch.nn.Conv1d(4, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv1d(8, 8, 3, dilation=2, groups=8)]
    model = torch.nn.Sequential(*layers).cuda()
    x = _drawn(2, 4, 50).float().cuda()
    expected = model(x)
    chainrule.swap(model)
    torch.testing.assert_close(model(x), expected, rtol=1e-3, atol=1e-3)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        assert model(x).dtype == torch.bfloat16
