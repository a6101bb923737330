"""The Triton kernels of causal convolution = the reference, in Triton's interpreter where there is no GPU."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from torch import Tensor

from chainrule import nn
from chainrule.errors import BackendError
from chainrule.functional import causal_convolution, convolution
from chainrule.nn import explain
from chainrule.ops.convolution.backends.triton import dense, depthwise
from tests.ops.convolution.cases import random
from tests.ops.convolution.test_causal import Case, agree, cases
from tests.pretence import on_a_gpu
from tests.tolerances import close

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"  # on which the kernels are interpreted


def _depthwise(case: Case) -> Case:
    """With as many groups as channels."""
    C = case.x.shape[1]
    weight = random(C, 1, case.weight.shape[-1])
    return replace(case, weight=weight, bias=None if case.bias is None else random(C), groups=C)


def _there(case: Case) -> Case:
    moved: dict[str, Any] = {
        name: value.detach().to(DEVICE).requires_grad_(value.requires_grad)
        for name, value in vars(case).items()
        if isinstance(value, Tensor)
    }
    return replace(case, **moved)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("of_kind", [_depthwise, replace], ids=["depthwise", "as drawn"])
@given(case=cases())
@settings(deadline=None, max_examples=6)
def test_equals_the_reference(of_kind: Callable[[Case], Case], case: Case) -> None:
    assume(case.x.shape[-1] > 0)
    case = _there(of_kind(case))
    agree(case.run("triton"), case.run("reference"), case.leaves)


@pytest.mark.sampled(0)
@pytest.mark.parametrize(
    ("groups", "C", "outs", "reset"), [(2, 1, 1, False), (2, 1, 1, True), (2, 3, 17, True), (1, 20, 3, False)]
)
def test_many_programs_and_parts(groups: int, C: int, outs: int, reset: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles that are smaller than the sequences, and parts of the sums for the weights."""
    monkeypatch.setattr(depthwise, "_TILE", 16)
    monkeypatch.setattr(depthwise, "_SUMS", 32)
    monkeypatch.setattr(depthwise, "_MOST_TAPS", 2)
    monkeypatch.setattr(depthwise, "_PROGRAMS", 4)
    monkeypatch.setattr(dense, "largest", lambda dtype, precision: dense.Tile(16, 16, 16, 16))
    monkeypatch.setattr(dense, "_PROGRAMS", 8)
    case = Case(
        x=random(2, groups * C, 21, contiguous=False),
        weight=random(groups * outs, C, 3),
        bias=random(groups * outs),
        state=random(2, groups * C, 18),
        resets=(torch.rand(21, 2) < 0.1).T if reset else None,  # no mask has to be dense
        lengths=torch.tensor([19, 0, 6, 0])[::2] if reset else None,
        dilation=9,
        groups=groups,
    )
    case = _there(case)
    agree(case.run("triton"), case.run("reference"), case.leaves)


@pytest.mark.parametrize("reset", [False, True])
def test_chunks_are_the_whole(reset: bool) -> None:
    """The first is shorter than the reach; at a reset the second begins with zeros."""
    case = _there(
        Case(
            x=random(1, 4, 9),
            weight=random(6, 2, 3),
            bias=None,
            state=random(1, 4, 4),
            resets=torch.arange(9).view(1, 9) == 3 if reset else None,
            lengths=None,
            dilation=2,
            groups=2,
        )
    )
    chunks = replace(case, resets=None)
    rows = slice(None)
    first, between = chunks.piece(rows, slice(3), case.state).run("triton")
    state = torch.zeros_like(between) if reset else between
    second, last = chunks.piece(rows, slice(3, None), state).run("triton")
    agree([torch.cat([first, second], dim=-1), last], case.run("triton"), case.leaves)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("groups", [3, 1])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_sums_are_of_float32(dtype: torch.dtype, groups: int) -> None:
    leaves = [
        t.detach().to(DEVICE, dtype).requires_grad_() for t in (random(2, 3, 40), random(3, 3 // groups, 4), random(3))
    ]
    options: dict[str, Any] = {"groups": groups, "resets": torch.arange(80, device=DEVICE).view(2, 40) % 30 == 7}
    outcomes = []
    for backend, each in (("triton", leaves), ("formula", [t.detach().double().requires_grad_() for t in leaves])):
        y, last = causal_convolution(*each, **options, backend=backend)
        dy = torch.linspace(-1, 1, y.numel(), device=DEVICE).view_as(y).to(dtype).to(y)
        outcomes.append([y, last, *torch.autograd.grad(y, each, dy)])
    for actual, expected in zip(*outcomes, strict=True):
        assert actual.dtype == dtype
        # the interpreter cuts off what a GPU rounds
        rounding = torch.finfo(dtype).eps
        sums = 1e-6 * 80**0.5 * max(1.0, expected.abs().max().item())
        torch.testing.assert_close(actual.double(), expected, rtol=rounding, atol=sums)


@pytest.mark.parametrize("groups", [3, 1])
def test_the_same_bits_with_and_without_gradients(groups: int) -> None:
    leaves = (random(2, 3, 20), random(3, 3 // groups, 3))
    x, weight = (t.detach().to(DEVICE, torch.float32).requires_grad_() for t in leaves)
    first, again = (causal_convolution(x, weight, groups=groups, backend="triton")[0] for _ in range(2))
    with torch.no_grad():
        alone, _ = causal_convolution(x, weight, groups=groups, backend="triton")
    assert torch.equal(first, alone)
    gradients = [torch.autograd.grad(y.square().sum(), (x, weight)) for y in (first, again)]
    assert all(map(torch.equal, *gradients))


@pytest.mark.sampled(0)
@pytest.mark.parametrize("groups", [4, 2])
def test_higher_derivatives_are_the_formula_s(groups: int) -> None:
    leaves = [t.detach().to(DEVICE).requires_grad_() for t in (random(2, 4, 5), random(4, 4 // groups, 3))]
    cotangents = torch.randn(3, 2, 4, 5, dtype=torch.float64, device=DEVICE)
    outcomes = []
    for backend in ("triton", "reference"):
        y, last = causal_convolution(*leaves, groups=groups, backend=backend)
        first = torch.autograd.grad(y.square().sum() + last.square().sum(), leaves, create_graph=True)
        second = torch.autograd.grad(torch.stack([d.square().sum() for d in first]).sum(), leaves, retain_graph=True)
        batched = torch.autograd.grad(y, leaves, cotangents, is_grads_batched=True)
        outcomes.append([*first, *second, *batched])
    for actual, expected in zip(*outcomes, strict=True):
        close(actual, expected)


@pytest.mark.parametrize("groups", [3, 1])
def test_padding_in_front_is_causal_too(groups: int) -> None:
    x, weight = (t.detach().to(DEVICE).requires_grad_() for t in (random(2, 3, 9), random(3, 3 // groups, 3)))
    found = [convolution(x, weight, padding="causal", groups=groups, backend=name) for name in ("triton", "reference")]
    agree(found[:1], found[1:], [x, weight])


@pytest.mark.parametrize(("setting", "precision"), [("tf32", "tf32"), ("ieee", "ieee"), ("none", "ieee")])
def test_products_are_made_as_torch_says(
    setting: str, precision: str, products: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of convolutions; torch itself sets "none" where torch.backends.cudnn.allow_tf32 is False."""
    given: list[str] = []
    monkeypatch.setattr(dense, "start", lambda kernel, grid, values, warps: given.append(values["PRECISION"]))
    products.fp32_precision = setting
    causal_convolution(torch.ones(1, 2, 3, device=DEVICE), torch.ones(2, 2, 1, device=DEVICE), backend="triton")
    assert given == [precision]


W = torch.ones(4, 1, 3)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda x: convolution(x[:, :, None], W.to(x)[:, :, None], groups=4, backend="triton"), "in one dimension"),
        (lambda x: convolution(x, W.to(x), groups=4, backend="triton"), "all zeros before x"),
        (lambda x: convolution(x, W.to(x), padding="causal", stride=2, groups=4, backend="triton"), "of stride 1"),
        (lambda x: causal_convolution(x[..., :0], W.to(x), groups=4, backend="triton"), "without numbers"),
        (
            lambda x: causal_convolution(x.to(torch.cfloat), W.to(x.device, torch.cfloat), groups=4, backend="triton"),
            "real numbers",
        ),
        (
            lambda x: torch.func.vmap(lambda x: causal_convolution(x, W.to(x), groups=4, backend="triton"))(x[None]),
            "torch.func",
        ),
    ],
)
def test_what_the_kernels_cannot_run(call: Callable[[Tensor], Any], why: str) -> None:
    with pytest.raises(BackendError, match=why):
        call(torch.ones(2, 4, 9, device=DEVICE))


def test_without_the_interpreter_they_run_on_a_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(BackendError, match="run on a GPU, and x is on cpu"):
        causal_convolution(torch.ones(2, 4, 9), W, groups=4, backend="triton")


@pytest.mark.skipif(DEVICE == "cuda", reason="where there is a GPU, tests/gpu/test_convolutions.py asks it")
def test_what_torchs_own_would_copy_for_takes_them_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    depthwise = nn.CausalConv1d(4, 4, 3, groups=4)
    others = [nn.CausalConv1d(4, 4, 3), nn.CausalConv1d(4, 8, 3, groups=4), nn.CausalConv1d(4, 4, 4, groups=4)]
    x = torch.randn(2, 4, 9)
    resets = torch.rand(2, 9) < 0.2
    expected, _ = depthwise(x)
    parted, _ = others[0](x, resets=resets)
    assert next(iter(explain(depthwise, x).calls)).backend != "triton"
    monkeypatch.setattr("chainrule.ops.convolution.backends.triton.why_not_started", lambda x: None)
    monkeypatch.setattr("chainrule.ops.convolution.backends.triton._MOST_TAPS", 3)
    with on_a_gpu():
        (call,) = explain(depthwise, x).calls
        assert (call.backend, "where they lie" in call.reason) == ("triton", True)
        close(depthwise(x)[0], expected)
        left = [next(iter(explain(layer, x).calls)) for layer in others]
        taken = [next(iter(explain(layer, x, resets=resets).calls)) for layer in others]
        close(others[0](x, resets=resets)[0], parted)
    assert [call.backend for call in taken] == ["triton"] * 3
    assert [call.backend for call in left] == ["torch"] * 3
    assert "up to 3 taps" in left[2].reason


@pytest.mark.skipif(DEVICE == "cuda", reason="it is about a GPU without Triton")
def test_where_triton_does_not_start_torchs_own_runs_and_says_why() -> None:
    x = torch.randn(2, 4, 9)
    with on_a_gpu():
        depthwise_calls = explain(nn.CausalConv1d(4, 4, 3, groups=4), x).calls
        dense_calls = explain(nn.CausalConv1d(4, 4, 3), x, resets=torch.zeros(2, 9, dtype=torch.bool)).calls
    for call in (*depthwise_calls, *dense_calls):
        assert call.backend == "torch"
        assert "TRITON_INTERPRET is 1" in call.reason


@pytest.mark.filterwarnings("ignore:invalid value encountered")  # the interpreter's, of infinity less infinity
@pytest.mark.parametrize(("filler", "groups"), [(torch.nan, 2), (torch.inf, 2), (torch.nan, 1)])
def test_what_is_not_read_changes_nothing(filler: float, groups: int) -> None:
    """The future, the other side of a reset, and what lies behind a row's end; gradients of the past likewise."""
    x, state, weight = (
        t.detach().to(DEVICE, torch.float32) for t in (random(2, 2, 12), random(2, 2, 4), random(2, 2 // groups, 3))
    )
    resets = (torch.arange(12, device=DEVICE) == 5).expand(2, 12)
    options: dict[str, Any] = {"dilation": 2, "groups": groups, "backend": "triton"}
    masked = options | {"resets": resets, "lengths": torch.tensor([9, 12], device=DEVICE)}
    expected, last = causal_convolution(x, weight, state=state, **masked)
    poisoned = x.clone()
    poisoned[..., :5] = filler
    poisoned[0, :, 9:] = filler
    y, end = causal_convolution(poisoned, weight, state=torch.full_like(state, filler), **masked)
    assert torch.equal(y[..., 5:], expected[..., 5:])
    assert torch.equal(end, last)
    later = x.clone().requires_grad_()
    y, _ = causal_convolution(later, weight, state=state, **options)
    (dx,) = torch.autograd.grad(y[..., :6].sum(), later)
    assert not dx[..., 6:].any()
    with torch.no_grad():
        later[..., 6:] = filler
    assert torch.equal(causal_convolution(later, weight, state=state, **options)[0][..., :6], y[..., :6])


@pytest.mark.slow
def test_the_kernels_compile_for_a_gpu() -> None:
    """By Triton and ptxas for compute capability 9.0, with all options and with none; no GPU is needed for that."""
    script = os.path.join(os.path.dirname(__file__), "compile_kernels.py")
    alone = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    found = subprocess.run([sys.executable, "-W", "error", script], env=alone, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
