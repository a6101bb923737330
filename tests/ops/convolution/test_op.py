"""The backends agree with each other and with torch, and the formula's derivatives with finite differences."""

import re
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from torch import Tensor

from chainrule.errors import ArgumentError, BackendError, ShapeError
from chainrule.ops.convolution import convolution
from chainrule.ops.convolution.backends import cpu, fft, formula, reference
from chainrule.ops.convolution.backends import torch as torch_backend
from tests.ops.convolution.cases import TORCH, Case, cases, random
from tests.tolerances import close


def agree(case: Case, backend: str) -> None:
    y = case.chainrule(backend)
    expected = case.torch()
    close(y, expected)
    assert y.stride() == expected.stride() if backend == "torch" else y.is_contiguous()
    dy = torch.randn_like(expected)
    grads = torch.autograd.grad(y, case.leaves, dy)
    for actual, wanted in zip(grads, torch.autograd.grad(expected, case.leaves, dy), strict=True):
        close(actual, wanted)


@given(cases())
@settings(deadline=None, max_examples=150)
def test_formula_equals_torch(case: Case) -> None:
    agree(case, "formula")


@given(cases())
@settings(deadline=None, max_examples=80)
def test_the_librarys_equals_torch(case: Case) -> None:
    """But of a single transposed position without a batch, which torch takes to have its channels last: in 2.13 its own
    backward pass then fails for some kernels.
    """
    assume(case.x.ndim == case.weight.ndim or case.x[0].numel() > 1)
    agree(case, "torch")


@given(cases())
@settings(deadline=None, max_examples=80)
def test_reference_equals_torch(case: Case) -> None:
    agree(case, "reference")


@given(cases(torch.float32))
@settings(deadline=None, max_examples=40)
def test_formula_in_single_precision_is_within_the_table(case: Case) -> None:
    agree(case, "formula")


@pytest.mark.parametrize(("C_in", "C_out"), [(2, 7), (7, 2)], ids=["widening", "narrowing"])
def test_either_order_of_summation_equals_torch(C_in: int, C_out: int) -> None:
    case = Case(
        random(2, C_in, 11, 9),
        random(C_out, C_in, 3, 2),
        random(C_out),
        [(1, 0), (0, 2)],
        {"stride": (2, 1), "padding": [(1, 0), (0, 2)], "dilation": (1, 3), "groups": 1, "flip": False},
    )
    agree(case, "formula")


@pytest.mark.parametrize("kernel", [(3,), (4,), (2, 3), (2, 1, 4)])
def test_same_padding_is_torchs(kernel: tuple[int, ...]) -> None:
    x = random(2, 3, *(6 for _ in kernel))
    weight = random(4, 3, *kernel)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that even cpu cost it a copy
        expected = TORCH[len(kernel)](x, weight, padding="same", dilation=2)
    close(convolution(x, weight, padding="same", dilation=2), expected)


@pytest.mark.sampled(0)
@pytest.mark.parametrize(
    ("size", "kernel", "options"),
    [
        ((8,), (3,), {"stride": 2, "dilation": 2, "groups": 2, "padding": 1}),
        ((4, 5), (2, 3), {"stride": (2, 1), "dilation": (1, 2), "groups": 2, "padding": ((0, 1), (1, 0))}),
        ((3, 2, 4), (2, 1, 2), {"stride": (1, 1, 2), "dilation": (2, 1, 1), "groups": 2, "flip": True}),
    ],
    ids=["1d", "2d", "3d"],
)
def test_first_and_second_derivatives_are_those_of_finite_differences(
    size: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any]
) -> None:
    leaves = random(1, 4, *size), random(4, 2, *kernel), random(4)

    def op(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return convolution(x, weight, bias, **options, backend="formula")

    assert torch.autograd.gradcheck(op, leaves)
    assert torch.autograd.gradgradcheck(op, leaves)


def forbidden(*_: object) -> Tensor:
    raise AssertionError("this must not be called")


def test_only_the_gradients_asked_for_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    x = random(2, 3, 6)
    weight = random(4, 3, 2)
    bias = random(4)
    y = convolution(x, weight.detach(), bias, backend="formula")
    expected = torch.autograd.grad(convolution(x, weight, bias, backend="formula").sum(), (x, bias))
    monkeypatch.setattr(formula, "_kernel_gradient", forbidden)
    for actual, wanted in zip(torch.autograd.grad(y.sum(), (x, bias)), expected, strict=True):
        assert torch.equal(actual, wanted)


@pytest.mark.parametrize(
    ("backend", "module"),
    [
        ("auto", cpu),
        ("cpu", cpu),
        ("formula", formula),
        ("reference", reference),
        ("fft", fft),
        ("torch", torch_backend),
    ],
)
def test_the_backend_asked_for_is_the_one_that_runs(
    backend: str, module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = random(2, 3, 6)
    weight = random(4, 3, 2)
    used = {fft, cpu} if module is fft else {module}  # the ends of a long kernel are direct
    for each in {cpu, formula, reference, fft, torch_backend} - used:
        monkeypatch.setattr(each, "run", forbidden)
    convolution(x, weight, backend=backend)
    monkeypatch.setattr(module, "run", forbidden)
    with pytest.raises(AssertionError, match="must not be called"):
        convolution(x, weight, backend=backend)


def test_the_readmes_example() -> None:
    """x_3 receives d_1 w_3 + d_2 w_2 + d_3 w_1, and w_i receives d_1 x_i + d_2 x_{i+1} + d_3 x_{i+2}."""
    x1, x2, x3, x4, x5 = xs = 2.0, 3.0, 5.0, 7.0, 11.0
    w1, w2, w3 = ws = 1.0, -1.0, 4.0
    d1, d2, d3 = ds = 10.0, 20.0, 30.0
    x = torch.tensor([list(xs)], requires_grad=True)
    w = torch.tensor([[list(ws)]], requires_grad=True)
    y = convolution(x, w)
    dx, dw = torch.autograd.grad(y, (x, w), torch.tensor([list(ds)]))
    assert y.tolist() == [[w1 * x1 + w2 * x2 + w3 * x3, w1 * x2 + w2 * x3 + w3 * x4, w1 * x3 + w2 * x4 + w3 * x5]]
    assert dx.tolist() == [[d1 * w1, d1 * w2 + d2 * w1, d1 * w3 + d2 * w2 + d3 * w1, d2 * w3 + d3 * w2, d3 * w3]]
    assert dw.tolist() == [[[d1 * x1 + d2 * x2 + d3 * x3, d1 * x2 + d2 * x3 + d3 * x4, d1 * x3 + d2 * x4 + d3 * x5]]]


@pytest.mark.parametrize(("length", "unused"), [(7, [2, 5, 6]), (8, [2, 5]), (9, [2, 5, 8])])
def test_inputs_that_the_stride_leaves_unused_receive_nothing(length: int, unused: list[int]) -> None:
    x = random(1, 1, length)
    weight = random(1, 1, 2)
    (dx,) = torch.autograd.grad(convolution(x, weight, stride=3).sum(), x)
    assert (dx[0, 0] == 0).nonzero().flatten().tolist() == unused


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("one", [(2,), [2]])
def test_one_number_in_a_sequence_is_for_every_dimension_as_in_torch(dims: int, one: Sequence[int]) -> None:
    x = random(2, 3, *[9] * dims)
    weight = random(4, 3, *[2] * dims)
    for name in ("stride", "padding", "dilation"):
        close(convolution(x, weight, **{name: one}), TORCH[dims](x, weight, **{name: one}))  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128, torch.int64, torch.int32])
@pytest.mark.parametrize("dims", [1, 2])
def test_what_torch_convolves_besides_floats_is_convolved(dtype: torch.dtype, dims: int) -> None:
    x = (3 * torch.randn(2, 4, *[7] * dims, dtype=torch.complex128)).to(torch.complex128)
    w = (3 * torch.randn(6, 2, *[3] * dims, dtype=torch.complex128)).to(torch.complex128)
    x, w = (t.to(dtype) if dtype.is_complex else t.real.to(dtype) for t in (x, w))
    options: dict[str, Any] = {"padding": 1, "groups": 2}
    if not dtype.is_complex:
        assert torch.equal(convolution(x, w, **options), TORCH[dims](x, w, **options))
        return
    x.requires_grad_(), w.requires_grad_()
    outcomes = []
    for op in (convolution, TORCH[dims]):
        y = op(x, w, **options)
        outcomes.append([y, *torch.autograd.grad(y.abs().square().sum(), (x, w))])
    assert all(torch.equal(actual, expected) for actual, expected in zip(*outcomes, strict=True))


@pytest.mark.parametrize("backend", ["formula", "reference", "cpu", "fft"])
def test_what_only_torch_convolves_is_refused_elsewhere(backend: str) -> None:
    x = torch.randn(1, 1, 5, dtype=torch.complex64)
    with pytest.raises(BackendError, match=r"x is torch\.complex64"):
        convolution(x, x[..., :2], backend=backend)


@pytest.mark.parametrize(
    ("size", "kernel", "options"),
    [
        ((20,), (2,), {"stride": 2**30, "dilation": 2**30, "padding": 2**30}),
        ((20,), (1,), {"stride": 2**31 - 1}),
        ((20,), (3,), {"dilation": 2**20, "padding": 2**20, "stride": 2**20}),
        ((20, 20), (3, 3), {"dilation": 2**20, "padding": 2**20, "stride": 2**20}),
        ((20, 20), (2, 2), {"dilation": (1, 2**20), "padding": (0, 2**20), "stride": (1, 2**21)}),
    ],
)
def test_no_memory_is_taken_for_what_strides_and_dilations_step_over(
    size: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any]
) -> None:
    x = random(1, 1, *size, dtype=torch.float32)
    weight = random(1, 1, *kernel, dtype=torch.float32)
    outcomes = []
    for op in (convolution, TORCH[len(size)]):
        y = op(x, weight, **options)
        outcomes.append([y, *torch.autograd.grad(y.sum(), (x, weight))])
    for actual, expected in zip(*outcomes, strict=True):
        close(actual, expected)


def test_an_empty_batch_gives_an_empty_batch() -> None:
    assert convolution(torch.zeros(0, 2, 9), torch.zeros(3, 2, 2)).shape == (0, 3, 8)


def test_the_same_call_gives_the_same_bits() -> None:
    def results() -> list[Tensor]:
        torch.manual_seed(0)
        leaves = random(8, 16, 33, dtype=torch.float32), random(24, 16, 3, dtype=torch.float32)
        y = convolution(*leaves, dilation=2)
        return [y, *torch.autograd.grad(y, leaves, torch.randn_like(y))]

    assert all(torch.equal(first, second) for first, second in zip(results(), results(), strict=True))


X = torch.zeros(2, 4, 9)
W = torch.zeros(6, 4, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: convolution(X, W, backend="cuda"),
            ArgumentError,
            "unknown backend 'cuda'; the known ones are",
        ),
        (lambda: convolution(X, W[0, 0]), ShapeError, "weight has shape (3,); expected (C_out,"),
        (lambda: convolution(X[0, 0], W), ShapeError, "x has shape (9,); with a weight of shape (6, 4, 3)"),
        (lambda: convolution(X, W.double()), ShapeError, "x is torch.float32 on cpu and weight torch.float64 on cpu"),
        (
            lambda: convolution(X, W.to("meta")),
            ShapeError,
            "x is torch.float32 on cpu and weight torch.float32 on meta",
        ),
        (lambda: convolution(X, W, torch.zeros(5)), ShapeError, "bias is torch.float32 of shape (5,)"),
        (
            lambda: convolution(X[:, :3], W),
            ShapeError,
            "x has 3 channels (shape (2, 3, 9)); a weight of shape (6, 4, 3), which is "
            "(C_out, C_in / groups, *kernel), with groups 1 takes 4",
        ),
        (lambda: convolution(X, W[..., :0]), ShapeError, "no size may be zero"),
        (
            lambda: convolution(X, W, groups=4),
            ArgumentError,
            "groups is 4; it must divide the 6 output channels of weight",
        ),
        (lambda: convolution(X, W, groups=0), ArgumentError, "groups is 0; expected a positive int"),
        (lambda: convolution(X, W, groups=2), ShapeError, "x has 4 channels (shape (2, 4, 9)); a weight of shape"),
        (lambda: convolution(X, W, stride=0), ArgumentError, "stride is 0; expected a positive int"),
        (
            lambda: convolution(X, W, stride=(1, 1)),
            ArgumentError,
            "stride is (1, 1); expected a positive int, or 1",
        ),
        (lambda: convolution(X, W, dilation=-1), ArgumentError, "dilation is -1; expected a positive int"),
        (lambda: convolution(X, W, padding=-1), ArgumentError, "padding is -1; expected 'valid', 'same'"),
        (
            lambda: convolution(X, W, padding="full"),
            ArgumentError,
            "padding is 'full'; expected 'valid', 'same'",
        ),
        (lambda: convolution(X, W, padding=((1, -2),)), ArgumentError, "padding is ((1, -2),); expected"),
        (lambda: convolution(X, W, padding=(1, 1)), ArgumentError, "padding is (1, 1); expected"),
        (
            lambda: convolution(X, W, padding="same", stride=2),
            ArgumentError,
            "'same' needs stride 1; got (2,)",
        ),
        (
            lambda: convolution(X[..., None], W[..., None], padding="causal"),
            ArgumentError,
            "'causal' is for one spatial dimension; got 2",
        ),
        (
            lambda: convolution(X, W, dilation=5),
            ShapeError,
            "the kernel is larger than the padded input: it covers (11,) (kernel (3,),",
        ),
    ],
)
def test_wrong_arguments_are_named(call: Callable[[], Tensor], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call()
