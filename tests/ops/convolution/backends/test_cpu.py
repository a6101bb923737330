"""The compiled backend at every instruction level, beside the formula and torch; memory, threads, torch's machinery."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chainrule.errors import BackendError
from chainrule.nn import CausalConv1d, Conv2d, explain
from chainrule.ops.convolution import causal_convolution, convolution
from chainrule.ops.convolution.backends.cpu import native
from chainrule.ops.convolution.backends.cpu.native import LEVELS
from tests.ops.convolution.cases import Case, cases, random
from tests.ops.convolution.test_op import agree
from tests.tolerances import close, close_sums

SIZES: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((1, 40, 1500), (33, 40, 3), {"dilation": 8, "padding": "causal"}),
    ((3, 12, 700), (9, 4, 5), {"stride": 3, "groups": 3, "padding": 2}),
    ((2, 40, 300), (40, 1, 4), {"groups": 40, "padding": (3,)}),
    ((1, 1, 5000), (1, 1, 129), {"padding": "same"}),
    ((2, 24, 28, 28), (30, 24, 3, 3), {"padding": 1}),
    ((2, 3, 61, 57), (16, 3, 7, 5), {"stride": 2, "padding": (3, 2)}),
    ((1, 1, 90, 91), (1, 1, 15, 15), {}),
    ((2, 6, 30, 9), (8, 6, 3, 3), {"dilation": (4, 1), "padding": (4, 1)}),
    ((3, 5, 28, 28), (5, 1, 3, 3), {"padding": 1, "groups": 5}),
    ((2, 3, 23, 7), (3, 1, 5, 4), {"padding": "same", "groups": 3, "dilation": (2, 1)}),
    ((2, 2, 1, 40), (2, 1, 3, 3), {"padding": 1, "groups": 2}),
    ((2, 2, 60, 61), (2, 1, 3, 5), {"padding": (0, 4), "groups": 2, "dilation": (1, 2)}),
    ((1, 2, 2500), (2, 1, 3), {"padding": "causal", "groups": 2, "dilation": 700}),
    ((1, 2, 9, 30), (2, 1, 2, 4), {"padding": ((3, 4), (3, 0)), "groups": 2}),
    ((2, 4, 12, 13, 20), (9, 4, 3, 2, 3), {"padding": (1, 0, 1), "stride": (1, 2, 1)}),
]
"""Shapes of x and weight, and options: several boxes, tiles that are not full, rows that end within a vector."""

sizes = pytest.mark.parametrize(("shape", "kernel", "options"), SIZES)


@pytest.fixture(params=range(len(LEVELS)), ids=LEVELS)
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_level", request.param)


@pytest.fixture
def always_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_WORTH_A_THREAD", 0)


def outcome(leaves: list[Tensor], backend: str, **options: Any) -> list[Tensor]:
    """y and the gradients, for a gradient of y that is the same for all backends."""
    y = convolution(*leaves, **options, backend=backend)
    torch.manual_seed(1)
    dy = torch.randn(y.shape, dtype=torch.float64).to(y.dtype)
    return [y.detach(), *torch.autograd.grad(y, leaves, dy)]


def tensors(shape: tuple[int, ...], kernel: tuple[int, ...], dtype: torch.dtype = torch.float64) -> list[Tensor]:
    torch.manual_seed(0)
    return [random(*shape, dtype=dtype), random(*kernel, dtype=dtype), random(kernel[0], dtype=dtype)]


@pytest.mark.sampled(0)
@pytest.mark.parametrize("level", range(len(LEVELS)), ids=LEVELS)
@settings(deadline=None, max_examples=150)
@given(case=cases())
def test_kernels_equal_torch(level: int, case: Case) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "_level", level)
        agree(case, "cpu")


@sizes
def test_large_ones_equal_torch(
    shape: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any], level: None, two_threads: None
) -> None:
    leaves = tensors(shape, kernel)
    for actual, expected in zip(outcome(leaves, "cpu", **options), outcome(leaves, "formula", **options), strict=True):
        close(actual, expected)


@sizes
def test_single_precision_is_within_the_table(
    shape: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any], level: None
) -> None:
    leaves = tensors(shape, kernel)
    expected = outcome(leaves, "formula", **options)
    singles = [leaf.detach().float().requires_grad_() for leaf in leaves]
    G = options.get("groups", 1)
    K = leaves[1][0, 0].numel()
    outputs = expected[0].numel() // expected[0].shape[1]
    terms = (leaves[1][0].numel(), K * kernel[0] // G, outputs, outputs)
    for actual, wanted, n in zip(outcome(singles, "cpu", **options), expected, terms, strict=True):
        close_sums(actual, wanted, n)


@sizes
def test_no_uninitialised_memory_is_read(
    shape: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any], poisoned: None
) -> None:
    leaves = tensors(shape, kernel)
    assert torch.empty(3).isnan().all()
    for result in outcome(leaves, "cpu", **options):
        assert not result.isnan().any()


@pytest.mark.parametrize("value", [torch.inf, torch.nan], ids=str)
@pytest.mark.parametrize("size", [(7, 28), (20, 9), (1, 40), (40,)], ids=str)
def test_what_is_not_finite_reaches_only_what_it_enters(size: tuple[int, ...], value: float) -> None:
    """Vectors run over the ends of lines; what they read there counts for nothing."""
    kernel = (2, 1, *(3 for _ in size))
    x, weight, bias = tensors((2, 2, *size), kernel)
    with torch.no_grad():
        x[..., -1] = value
    ours, theirs = (outcome([x, weight, bias], backend, padding=1, groups=2) for backend in ("cpu", "torch"))
    for actual, expected in zip(ours, theirs, strict=True):
        assert torch.equal(actual.isfinite(), expected.isfinite())
    assert not ours[0].isfinite().all()
    assert ours[0].isfinite().any()
    assert ours[2].isfinite().any()


@pytest.fixture
def poisoned() -> Iterator[None]:
    """Memory that torch does not initialise holds NaN; all memory of the kernels is torch's."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@sizes
def test_threads_change_no_bit(
    shape: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any], two_threads: None, always_threads: None
) -> None:
    leaves = tensors(shape, kernel, torch.float32)
    two = outcome(leaves, "cpu", **options)
    torch.set_num_threads(1)
    one = outcome(leaves, "cpu", **options)
    torch.set_num_threads(2)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_hundreds_of_calls_give_the_same_bits(two_threads: None, always_threads: None) -> None:
    leaves = tensors((3, 12, 100), (9, 12, 3), torch.float32)
    first = outcome(leaves, "cpu", padding=1)
    for _ in range(200):
        assert all(torch.equal(a, b) for a, b in zip(first, outcome(leaves, "cpu", padding=1), strict=True))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_a_number_stays_where_it_is_read(value: float) -> None:
    x, weight, _ = (leaf.detach() for leaf in tensors((2, 3, 20, 21), (4, 3, 3, 3)))
    x[1, 2, 7, 20] = value
    y = convolution(x, weight, padding=1, backend="cpu")
    read = torch.zeros(20, 21, dtype=torch.bool)
    read[6:9, 19:21] = True
    assert torch.equal(~y[1].isfinite(), read.expand(4, -1, -1))
    assert y[0].isfinite().all()


@pytest.mark.sampled(0)
@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((2, 4, 9), (4, 2, 3), {"stride": 2, "dilation": 2, "groups": 2, "padding": 2}),
        ((1, 2, 5, 6), (3, 2, 2, 3), {"stride": (2, 1), "padding": (1, 0)}),
        ((1, 2, 3, 4, 3), (2, 2, 2, 1, 2), {"padding": (1, 0, 1)}),
    ],
    ids=["1d", "2d", "3d"],
)
def test_first_and_second_derivatives(shape: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any]) -> None:
    def op(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return convolution(x, weight, bias, **options, backend="cpu")

    leaves = tensors(shape, kernel)
    assert torch.autograd.gradcheck(op, leaves)
    assert torch.autograd.gradgradcheck(op, leaves)


@st.composite
def sequences(draw: st.DrawFn) -> dict[str, Any]:
    """A causal convolution with any of state, resets and lengths."""
    B, T, K, d = (draw(st.integers(low, high)) for low, high in ((1, 3), (1, 40), (1, 4), (1, 6)))
    G, C, O = (draw(st.integers(1, high)) for high in (2, 3, 3))
    torch.manual_seed(draw(st.integers(0, 2**31)))
    resets = None
    if draw(st.booleans()):
        resets = torch.rand(B, T) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
        resets[:, 0] |= draw(st.booleans())
        resets[:, -1] |= draw(st.booleans())
    return {
        "x": random(B, G * C, T, contiguous=draw(st.booleans())),
        "weight": random(G * O, C, K),
        "bias": random(G * O) if draw(st.booleans()) else None,
        "state": random(B, G * C, d * (K - 1)) if draw(st.booleans()) else None,
        "resets": resets,
        "lengths": torch.randint(0, T + 1, (B,)) if draw(st.booleans()) else None,
        "dilation": d,
        "groups": G,
    }


@given(sequences())
@settings(deadline=None, max_examples=150)
def test_causal_kernels_equal_the_reference(call: dict[str, Any]) -> None:
    leaves = [call[name] for name in ("x", "weight", "bias", "state") if call[name] is not None]
    results = []
    for backend in ("cpu", "reference"):
        y, state = causal_convolution(**call, backend=backend)
        torch.manual_seed(1)
        cotangents = [torch.randn(each.shape, dtype=each.dtype) for each in (y, state)]
        grads = torch.autograd.grad((y, state), leaves, cotangents, allow_unused=True, materialize_grads=True)
        results.append([y, state, *grads])
    for actual, expected in zip(*results, strict=True):
        close(actual, expected)


def test_second_derivatives_with_resets_and_lengths() -> None:
    x = random(2, 2, 7)
    weight = random(3, 2, 3)
    bias = random(3)
    state = random(2, 2, 4)
    resets = torch.zeros(2, 7, dtype=torch.bool)
    resets[0, 3] = resets[1, 0] = True

    def op(x: Tensor, weight: Tensor, bias: Tensor, state: Tensor) -> Tensor:
        masks: dict[str, Any] = {"resets": resets, "lengths": [7, 5]}
        y, _ = causal_convolution(x, weight, bias, state=state, dilation=2, backend="cpu", **masks)
        return y

    assert torch.autograd.gradcheck(op, (x, weight, bias, state))
    assert torch.autograd.gradgradcheck(op, (x, weight, bias, state))


@pytest.mark.sampled(0)
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # which torch reads, and hides its own warning of
@pytest.mark.parametrize("masked", [False, True])
def test_opcheck(masked: bool) -> None:
    x, weight, bias = tensors((2, 4, 11), (6, 2, 3), torch.float32)
    resets = torch.rand(2, 11) < 0.3
    lengths = torch.tensor([11, 6])
    rest = ((1,), (4,), (0,), (2,), 2, *((resets, lengths) if masked else (None, None)))
    torch.library.opcheck(torch.ops.chainrule.convolution, (x, weight, bias, *rest))
    y = convolution(x, weight, bias, padding="causal", dilation=2, groups=2)
    detached = [t.detach() for t in (y, x, weight)]
    torch.library.opcheck(torch.ops.chainrule.convolution_backward, (*detached, *rest, [True, True, True]))


@pytest.mark.slow
@pytest.mark.parametrize("dynamic", [False, True])
def test_compiles_in_one_graph(dynamic: bool) -> None:
    layer = Conv2d(3, 5, 3, padding=1, stride=2)
    causal = CausalConv1d(5, 4, 3, dilation=2)

    def model(x: Tensor, resets: Tensor) -> Tensor:
        return causal_convolution(layer(x).flatten(2), causal.weight, causal.bias, dilation=2, resets=resets)[0]

    compiled = torch.compile(model, fullgraph=True, dynamic=dynamic, backend="aot_eager")
    for size in (8, 12):
        x = torch.randn(2, 3, size, size)
        resets = torch.rand(2, (size // 2) ** 2) < 0.2
        close(compiled(x, resets), model(x, resets))
        close(
            torch.autograd.grad(compiled(x, resets).sum(), layer.weight)[0],
            torch.autograd.grad(model(x, resets).sum(), layer.weight)[0],
        )


@pytest.mark.parametrize(
    ("backend", "change", "message"),
    [
        ("cpu", {"dtype": torch.float16}, "compiled for float32, float64 and bfloat16, and x is torch.float16"),
        ("fft", {"dtype": torch.float16}, "compiled for float32, float64 and bfloat16, and x is torch.float16"),
        ("fft", {"stride": 2}, "it is for stride 1 and dilation 1"),
    ],
)
def test_what_a_backend_cannot_run_is_refused(backend: str, change: dict[str, Any], message: str) -> None:
    dtype = change.pop("dtype", torch.float32)
    x = torch.zeros(1, 2, 9, dtype=dtype)
    weight = torch.zeros(3, 2, 3, dtype=dtype)
    with pytest.raises(BackendError, match=f"backend '{backend}' cannot run this convolution: .*{message}"):
        convolution(x, weight, backend=backend, **change)


@pytest.mark.parametrize("backend", ["fft", "torch"])
def test_what_has_no_resets_refuses_them(backend: str) -> None:
    x = torch.zeros(1, 2, 9)
    weight = torch.zeros(3, 2, 3)
    with pytest.raises(BackendError, match=f"'{backend}' cannot run .* has neither resets nor lengths"):
        causal_convolution(x, weight, lengths=[4], backend=backend)


@pytest.mark.parametrize(
    ("shape", "kernel", "dtype", "backend"),
    [
        ((1, 32, 400), (32, 32, 3), torch.float32, "cpu"),
        ((1, 3, 9), (4, 3, 2), torch.float32, "torch"),
        ((1, 200, 40), (200, 200, 3), torch.float32, "torch"),
        ((1, 200, 40), (200, 200, 3), torch.float64, "cpu"),
        ((1, 3, 40, 70), (16, 3, 3, 3), torch.float32, "cpu"),
        ((1, 64, 20, 66), (64, 64, 3, 3), torch.float32, "torch"),
        ((1, 3, 20, 5), (16, 3, 3, 3), torch.float32, "torch"),
        ((1, 1, 100_000), (1, 1, 600), torch.float32, "cpu"),
        ((1, 1, 100_000), (1, 1, 800), torch.float32, "fft"),
        ((1, 1, 900, 900), (1, 1, 31, 31), torch.float32, "cpu"),
        ((1, 3, 40), (16, 3, 3), torch.float16, "torch"),
    ],
)
def test_auto_takes_the_faster_one(
    shape: tuple[int, ...], kernel: tuple[int, ...], dtype: torch.dtype, backend: str
) -> None:
    x = torch.zeros(shape, dtype=dtype)
    weight = torch.zeros(kernel, dtype=dtype)
    (call,) = explain(convolution, x, weight).calls
    assert call.backend == backend
    if len(kernel) == 3:  # with resets only the kernels, and the formula, can run
        resets = torch.zeros(1, shape[-1], dtype=torch.bool)
        (call,) = explain(causal_convolution, x, weight, resets=resets).calls
        assert call.backend == ("formula" if dtype == torch.float16 else "cpu")
