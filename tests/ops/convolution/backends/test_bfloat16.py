"""Products of bfloat16: their definition, on every instruction level and any threads; how they are asked for."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chainrule.nn import CausalConv1d, Conv1d, Conv2d, explain
from chainrule.ops.convolution import causal_convolution, convolution
from chainrule.ops.convolution.backends.cpu import native
from chainrule.ops.convolution.backends.cpu.native import LEVELS
from tests.ops.convolution.cases import Case, cases
from tests.tolerances import close_rounded_sums

SIZES: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((1, 33, 1100), (70, 33, 3), {"dilation": 8, "padding": "causal"}),
    ((3, 12, 70), (9, 4, 5), {"stride": 3, "groups": 3, "padding": 2}),
    ((2, 24, 28, 28), (30, 24, 3, 3), {"padding": 1}),
    ((9, 40, 7, 7), (33, 40, 3, 3), {"padding": 1}),
    ((2, 3, 31, 37), (16, 3, 7, 5), {"stride": 2, "padding": (3, 2)}),
    ((1, 19, 61), (17, 19, 3), {"stride": 2, "padding": 1}),
    ((2, 6, 30, 9), (8, 6, 3, 3), {"dilation": (4, 1), "padding": (4, 1)}),
    ((4, 64, 9, 9), (100, 64, 1, 1), {}),
    ((2, 20, 9, 8), (18, 20, 1, 1), {"stride": (1, 2), "padding": (0, 1)}),
    ((2, 4, 12, 13, 20), (9, 4, 3, 2, 3), {"padding": (1, 0, 1), "stride": (1, 2, 1)}),
    ((2, 9, 5, 6, 7), (16, 9, 1, 3, 2), {"padding": (0, 1, 1)}),
    ((2, 8, 100), (8, 1, 3), {"groups": 8}),
]
"""Shapes of x and weight, and options: several boxes, words and tiles that are not full, lines of odd length."""

sizes = pytest.mark.parametrize(("shape", "kernel", "options"), SIZES)
LEVELS_OF_WORDS = [level for level, name in enumerate(LEVELS) if name.startswith("x86-64-v4")]


@pytest.fixture(params=[1, 8], ids=["products", "float32"])
def wide(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_WIDE", request.param)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products of bfloat16 for all channels, and threads for all sizes."""
    monkeypatch.setattr(native, "_WIDE", 1)
    monkeypatch.setattr(native, "_WORTH_A_THREAD", 0)


@pytest.fixture
def poisoned() -> Iterator[None]:
    """Memory that torch does not initialise holds NaN; all memory of the kernels is torch's."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def tensors(shape: tuple[int, ...], kernel: tuple[int, ...]) -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(size).bfloat16().requires_grad_() for size in (shape, kernel, kernel[:1])]


def outcome(leaves: list[Tensor], backend: str, **options: Any) -> list[Tensor]:
    """y and the gradients, for a gradient of y that is the same for all backends."""
    y = convolution(*leaves, **options, backend=backend)
    torch.manual_seed(1)
    dy = torch.randn(y.shape).bfloat16().to(y.dtype)
    return [y.detach(), *torch.autograd.grad(y, leaves, dy)]


def doubles(leaves: list[Tensor]) -> list[Tensor]:
    return [leaf.detach().double().requires_grad_() for leaf in leaves]


def as_close_as_two_roundings(actual: Tensor, expected: Tensor) -> None:
    """All but the few sums that lie so near to a half that the two ways round them apart."""
    assert (actual != expected).double().mean() < 2e-3
    torch.testing.assert_close(actual, expected, rtol=2**-7, atol=1e-5 * expected.abs().max().item())


@pytest.mark.sampled(0)
@pytest.mark.parametrize("wide", [1, 8], ids=["products", "float32"])
@settings(deadline=None, max_examples=120)
@given(case=cases(dtype=torch.bfloat16))
def test_near_float64(wide: int, case: Case) -> None:
    leaves = case.leaves
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "_WIDE", wide)
        y = case.chainrule("cpu")
        dy = torch.randn(y.shape).bfloat16()
        actual = [y, *torch.autograd.grad(y, leaves, dy)]
    x, weight, *bias = doubles(leaves)
    exact = Case(x, weight, bias[0] if bias else None, case.pairs, case.options)
    y = exact.torch()
    expected = [y, *torch.autograd.grad(y, exact.leaves, dy.double())]
    for a, e in zip(actual, expected, strict=True):
        assert a.dtype == torch.bfloat16
        close_rounded_sums(a, e, 1000)


@sizes
def test_large_ones_are_near_float64(
    shape: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any], always: None
) -> None:
    leaves = tensors(shape, kernel)
    actual = outcome(leaves, "cpu", **options)
    expected = outcome(doubles(leaves), "formula", **options)
    for a, e in zip(actual, expected, strict=True):
        close_rounded_sums(a, e, 4000)


@sizes
def test_the_kernels_are_the_formula(
    shape: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any], always: None
) -> None:
    leaves = tensors(shape, kernel)
    pairs = zip(outcome(leaves, "cpu", **options), outcome(leaves, "formula", **options), strict=True)
    for actual, expected in pairs:
        as_close_as_two_roundings(actual, expected)


@sizes
def test_the_same_with_and_without_instructions_for_it(
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    options: dict[str, Any],
    always: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leaves = tensors(shape, kernel)
    found = []
    for level in LEVELS_OF_WORDS:
        monkeypatch.setattr(native, "_level", level)
        found.append(outcome(leaves, "cpu", **options))
    for others in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], others, strict=True))


@pytest.mark.parametrize("level", range(len(LEVELS)), ids=LEVELS)
@pytest.mark.parametrize(("shape", "kernel", "options"), [SIZES[4], SIZES[5]])
def test_every_level(
    level: int,
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    options: dict[str, Any],
    always: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(native, "_level", level)
    leaves = tensors(shape, kernel)
    actual = outcome(leaves, "cpu", **options)
    for a, e in zip(actual, outcome(doubles(leaves), "formula", **options), strict=True):
        close_rounded_sums(a, e, 4000)


@sizes
def test_the_same_bits_on_any_threads(
    shape: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any], two_threads: None, always: None
) -> None:
    leaves = tensors(shape, kernel)
    two = outcome(leaves, "cpu", **options)
    torch.set_num_threads(1)
    assert all(torch.equal(a, b) for a, b in zip(two, outcome(leaves, "cpu", **options), strict=True))


@sizes
def test_no_uninitialised_memory_is_read(
    shape: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any], wide: None, poisoned: None
) -> None:
    leaves = tensors(shape, kernel)
    assert not any(result.isnan().any() for result in outcome(leaves, "cpu", **options))


@pytest.mark.parametrize("value", [torch.inf, torch.nan], ids=str)
@pytest.mark.parametrize("size", [(7, 28), (20, 9), (1, 40), (41,)], ids=str)
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_not_finite_reaches_only_what_it_enters(
    size: tuple[int, ...], value: float, channels: int, always: None
) -> None:
    """A word holds two numbers, of which one may be no input of a sum."""
    leaves = tensors((2, channels, *size), (2, channels, *(3 for _ in size)))
    with torch.no_grad():
        leaves[0][:, 0, ..., -1] = value
    ours = outcome(leaves, "cpu", padding=1)
    theirs = outcome(doubles(leaves), "formula", padding=1)
    for actual, expected in zip(ours, theirs, strict=True):
        assert torch.equal(actual.isfinite(), expected.isfinite())
    assert not ours[0].isfinite().all()


@settings(deadline=None, max_examples=30)
@given(data=st.data(), channels=st.sampled_from([(1, 9), (16, 33), (3, 2)]), dilation=st.integers(1, 3))
def test_chunked_equals_whole_bit_for_bit(data: st.DataObject, channels: tuple[int, int], dilation: int) -> None:
    steps = data.draw(st.integers(2, 40), label="steps")
    cut = data.draw(st.integers(1, steps - 1), label="cut")
    x, weight, bias = tensors((2, channels[0], steps), (channels[1], channels[0], 3))
    resets = torch.rand(2, steps) < 0.1
    whole, last = causal_convolution(x, weight, bias, resets=resets, dilation=dilation, backend="cpu")
    state = None
    pieces = []
    for part in (slice(cut), slice(cut, None)):
        given_: dict[str, Any] = {"resets": resets[:, part], "dilation": dilation, "state": state}
        y, state = causal_convolution(x[..., part], weight, bias, **given_, backend="cpu")
        pieces.append(y)
    assert torch.equal(torch.cat(pieces, -1), whole)
    assert state is not None
    assert torch.equal(state, last)


def test_masks_are_the_formulas() -> None:
    x, weight, bias = tensors((3, 17, 50), (20, 17, 4))
    masks: dict[str, Any] = {"resets": torch.rand(3, 50) < 0.1, "lengths": [50, 7, 0], "dilation": 3}
    dy = torch.randn(3, 20, 50).bfloat16()
    found = []
    for backend in ("cpu", "formula"):
        y, _ = causal_convolution(x, weight, bias, **masks, backend=backend)
        found.append([y, *torch.autograd.grad(y, [x, weight, bias], dy)])
    for a, b in zip(*found, strict=True):
        as_close_as_two_roundings(a, b)


def test_second_derivatives_are_the_formulas() -> None:
    leaves = tensors((2, 9, 11), (10, 9, 3))
    found = []
    for backend in ("cpu", "formula"):
        y = convolution(*leaves, padding=1, backend=backend)
        (dx,) = torch.autograd.grad(y.float().square().sum(), leaves[0], create_graph=True)
        found.append(torch.autograd.grad(dx.float().square().sum(), leaves[1]))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=2**-5, atol=2**-5 * b.abs().max().item())


@pytest.mark.skipif(not native.multiplies_bfloat16(), reason="without them torch's own computes bfloat16")
@pytest.mark.parametrize("layer", [Conv1d(32, 32, 3), CausalConv1d(9, 32, 3), Conv2d(16, 48, 3)])
def test_autocast_asks_for_them(layer: Conv1d | Conv2d) -> None:
    x = torch.randn(2, layer.in_channels, *(50 for _ in layer.kernel_size))

    def run() -> list[Tensor]:
        y = layer(x)
        y = y[0] if isinstance(y, tuple) else y
        return [y, *torch.autograd.grad(y.float().square().sum(), list(layer.parameters()))]

    exact = run()
    with torch.autocast("cpu", torch.bfloat16):
        found = run()
        said = str(explain(layer, x))
    assert "products of bfloat16" in said
    assert "products of bfloat16" not in str(explain(layer, x))
    assert [each.dtype for each in found] == [torch.bfloat16, torch.float32, torch.float32]
    for a, e in zip(found, exact, strict=True):
        assert not torch.equal(a.float(), e)
        torch.testing.assert_close(a.float(), e, rtol=2**-5, atol=2**-6 * e.abs().max().item())


@pytest.mark.skipif(not native.multiplies_bfloat16(), reason="without them torch's own computes bfloat16")
@pytest.mark.parametrize(
    ("channels", "size", "kernel", "groups", "chosen"),
    [
        (32, (200,), 3, 1, "products of bfloat16"),
        (32, (28, 28), 3, 1, "products of bfloat16"),
        (4, (28, 28), 3, 1, "products of float32"),
        (32, (400,), 3, 32, "products of float32"),
        (32, (56, 56), 3, 32, "torch's own"),
        (256, (28, 28), 3, 1, "torch's own"),
    ],
)
def test_auto_takes_what_is_faster(
    channels: int, size: tuple[int, ...], kernel: int, groups: int, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = [Conv1d, Conv2d][len(size) - 1](channels, channels, kernel, groups=groups).bfloat16()
    x = torch.randn(8, channels, *size).bfloat16()
    assert chosen in str(explain(layer, x))


@pytest.mark.skipif(not native.multiplies_bfloat16(), reason="there are no others than these")
def test_without_instructions_torchs_own_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_level", len(LEVELS) - 1)
    x, weight, bias = tensors((2, 31, 77), (30, 31, 3))
    layer = Conv1d(31, 30, 3).bfloat16()
    assert "without instructions for its products" in str(explain(layer, x))
    convolution(x, weight, bias)
