"""Long kernels by the Fourier transform: against torch, its own derivatives, and the error of each number."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chainrule.errors import BackendError
from chainrule.nn import explain
from chainrule.ops.convolution import convolution
from chainrule.ops.convolution.backends import fft
from tests.ops.convolution.cases import TORCH, random
from tests.tolerances import close


@pytest.mark.sampled(1)
@pytest.mark.parametrize("shape", [(3, 700), (2, 5, 3000)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("padding", [0, 300, 700])
def test_it_equals_torch(shape: tuple[int, ...], dtype: torch.dtype, padding: int) -> None:
    x = random(2, *shape[-2:], dtype=dtype)
    weight = random(4, shape[-2], 600, dtype=dtype)
    bias = random(4, dtype=dtype)
    y = convolution(x, weight, bias, padding=padding, backend="fft")
    expected = TORCH[1](x, weight, bias, 1, padding)
    close(y, expected)
    grads = [torch.autograd.grad(each, (x, weight, bias), torch.ones_like(y)) for each in (y, expected)]
    for actual, wanted in zip(*grads, strict=True):
        close(actual, wanted)


@given(
    ends=st.integers(1, 4),
    K=st.integers(1, 70),
    more=st.integers(0, 80),
    sizes=st.tuples(*[st.integers(1, 3)] * 4),
    pads=st.tuples(*[st.integers(0, 90)] * 2),
    seed=st.integers(0, 2**31),
)
@settings(deadline=None, max_examples=60)
def test_however_the_kernel_is_cut(
    ends: int, K: int, more: int, sizes: tuple[int, ...], pads: tuple[int, int], seed: int
) -> None:
    B, G, c_in, c_out = sizes
    torch.manual_seed(seed)
    leaves = x, weight, bias = random(B, G * c_in, K + more), random(G * c_out, c_in, K), random(G * c_out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fft, "_ENDS", ends)
        y = convolution(x, weight, bias, padding=[pads], groups=G, backend="fft")
        dy = torch.randn_like(y)
        found = [y, *torch.autograd.grad(y, leaves, dy)]
    expected = convolution(x, weight, bias, padding=[pads], groups=G, backend="formula")
    for actual, wanted in zip(found, [expected, *torch.autograd.grad(expected, leaves, dy)], strict=True):
        close(actual, wanted)


def test_derivatives_are_those_of_finite_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fft, "_ENDS", 1)

    def op(x: Tensor, weight: Tensor) -> Tensor:
        return convolution(x, weight, padding=2, groups=2, backend="fft")

    leaves = random(2, 2, 9), random(4, 1, 6)
    assert torch.autograd.gradcheck(op, leaves)
    assert torch.autograd.gradgradcheck(op, leaves)


def with_loud_stretches(*shape: int) -> Tensor:
    """A signal that is up to 10^12 times as loud in some stretches as in others."""
    stretches = 10 ** torch.randint(-6, 7, (shape[-1] // 900 + 1,)).float()
    return torch.randn(shape) * stretches[torch.arange(shape[-1]) // 900]


@pytest.mark.parametrize("padding", ["causal", "valid"])
def test_the_error_of_each_number_is_relative_to_what_it_reads(padding: str) -> None:
    """Stretches are as exact next to louder ones as alone: in y, dx and dw."""
    torch.manual_seed(0)
    K = 1100
    T = 20_000
    x = with_loud_stretches(1, 2, T)
    weight = torch.randn(3, 2, K)
    dy = with_loud_stretches(1, 3, T if padding == "causal" else T - K + 1)
    (call,) = explain(convolution, x, weight, padding=padding).calls
    assert call.backend == "fft"

    def outcome(x: Tensor, weight: Tensor, dy: Tensor, backend: str) -> list[Tensor]:
        x = x.clone().requires_grad_()
        weight = weight.clone().requires_grad_()
        y = convolution(x, weight, padding=padding, backend=backend)
        return [y.detach(), *torch.autograd.grad(y, (x, weight), dy)]

    found = outcome(x, weight, dy, "auto")
    w = weight.double()
    expected = outcome(x.double(), w, dy.double(), "cpu")
    # by Cauchy and Schwarz, no sum is larger than the norm of what it reads times that of what it multiplies it with
    ones = torch.ones_like(w)
    largest = [
        outcome(x.double() ** 2, ones, dy.double(), "cpu")[0].sqrt() * w.norm(dim=(1, 2))[:, None],
        outcome(x.double(), ones, dy.double() ** 2, "cpu")[1].sqrt() * w.norm(dim=(0, 2))[:, None],
        outcome(x.double() ** 2, ones, torch.ones_like(dy).double(), "cpu")[2].sqrt()
        * dy.double().norm(dim=-1).T[..., None],
    ]
    for actual, wanted, scale in zip(found, expected, largest, strict=True):
        assert ((actual - wanted).abs() <= 3e-7 * scale).all()


@pytest.mark.parametrize("change", [{"stride": 2}, {"dilation": 2}])
def test_what_it_cannot_run(change: dict[str, Any]) -> None:
    with pytest.raises(BackendError, match="it is for stride 1 and dilation 1"):
        convolution(torch.zeros(1, 1, 9), torch.zeros(1, 1, 3), backend="fft", **change)
    with pytest.raises(BackendError, match="it is for one dimension"):
        convolution(torch.zeros(1, 1, 9, 9), torch.zeros(1, 1, 3, 3), backend="fft")


def test_what_only_a_transform_overflows_is_finite() -> None:
    x = torch.full((1, 1, 4000), 3e38)
    weight = torch.zeros(1, 1, 1000)
    weight[..., ::500] = 0.25
    y = convolution(x, weight, backend="fft")
    assert y.isfinite().all()
    close(y / 3e38, convolution(x, weight, backend="cpu") / 3e38)


def test_a_compiled_graph_takes_the_kernels() -> None:
    x = random(1, 1, 60_000, dtype=torch.float32)
    weight = random(1, 1, 800, dtype=torch.float32)
    compiled = torch.compile(convolution, backend="aot_eager", fullgraph=True)
    close(compiled(x, weight), convolution(x, weight, backend="cpu"))


def test_batched_gradients_and_hessians() -> None:
    x = random(1, 2, 900)
    weight = random(2, 1, 800)

    def loss(weight: Tensor, backend: str) -> Tensor:
        return convolution(x.detach(), weight, padding=1, groups=2, backend=backend).square().sum()

    rows = [convolution(x, weight, padding=1, groups=2, backend=backend) for backend in ("fft", "formula")]
    dys = torch.randn(3, *rows[0].shape, dtype=torch.float64)
    grads = [torch.autograd.grad(y, (x, weight), dys, is_grads_batched=True) for y in rows]
    for actual, wanted in zip(*grads, strict=True):
        close(actual, wanted)
    vector = torch.randn_like(weight)
    products = [
        torch.autograd.functional.hvp(lambda w, b=backend: loss(w, b), weight, vector)[1]
        for backend in ("fft", "formula")
    ]
    close(*products)


@pytest.mark.parametrize("shape", [(0, 4, 1024), (0, 4, 999), (2, 4, 0)])
def test_nothing_to_transform(shape: tuple[int, ...]) -> None:
    x = torch.zeros(shape, requires_grad=True)
    weight = torch.ones(4, 4, 300, requires_grad=True)
    y = convolution(x, weight, padding=300, backend="fft")
    y.sum().backward()
    assert y.shape == (shape[0], 4, shape[2] + 301)
    assert x.grad is not None
    assert x.grad.shape == shape
    assert weight.grad is not None
    assert not weight.grad.any()
