"""Products of bfloat16: one definition everywhere, near the exact one, and every law of the scan."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

import chainrule
from chainrule.models.encoders import LatentEncoder
from chainrule.models.settings import LATENT
from chainrule.nn import GRU, LSTM
from chainrule.ops.recurrence.backends.cpu import LEVELS, native
from chainrule.ops.recurrence.cells.products import rounded
from tests.ops.recurrence.problems import ALL, OPTIONED, Problem, backends_of, cells, gradients, present, problems
from tests.tolerances import close, close_rounded, close_scan

CELLS = tuple(native.CELLS)
EVERY = CELLS + tuple(cell for cell in OPTIONED if "cpu" in backends_of(cell))
SIZES = st.sampled_from([1, 3, 5, 16, 17, 33, 64])


@contextmanager
def rounding() -> Iterator[None]:
    with torch.autocast("cpu", torch.bfloat16):
        yield


def _outcome(problem: Problem, **options: Any) -> list[Tensor]:
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    outputs = problem.run(x, state, weights, **options)
    return [*outputs, *gradients(outputs, present(x, *state, *weights))]


def _rounded_outcome(problem: Problem, **options: Any) -> list[Tensor]:
    with rounding():
        return _outcome(problem.of(torch.float32), **options)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("save", ["gates", "states"])
@settings(deadline=None, max_examples=80)
@given(
    problem=problems(cell=cells([cell for cell in CELLS if cell != "rnn_relu"]), B=st.integers(1, 9), H=SIZES),
    masked=st.booleans(),
    reverse=st.booleans(),
)
def test_near_the_reference(save: str, problem: Problem, masked: bool, reverse: bool) -> None:
    """All but relu, whose slope a rounding may switch, and normalised products of a few numbers, which it may too; of a
    single input they do not depend on its size, so that its gradient is what is left of rounding.
    """
    assume("+norm" not in problem.cell or (problem.H > 5 and problem.I > 1))
    options: dict[str, Any] = {"reverse": reverse}
    if masked:
        options |= {"resets": problem.resets(), "lengths": problem.lengths()}
    expected = _outcome(problem, backend="reference", **options)
    actual = _rounded_outcome(problem, backend="cpu", save=save, **options)
    for a, e in zip(actual, expected, strict=True):
        assert a.dtype == torch.float32
        close_rounded(a, e, problem.T, "+norm" in problem.cell)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("cell", EVERY)
@pytest.mark.parametrize(("B", "T", "I", "H"), [(3, 1, 4, 5), (3, 6, 1, 7), (1, 9, 3, 16)])
@pytest.mark.parametrize("masked", [False, True])
def test_the_kernels_are_the_formula(cell: str, B: int, T: int, I: int, H: int, masked: bool) -> None:
    problem = Problem(cell, B=B, T=T, I=I, H=H)
    options = {"resets": problem.resets(), "lengths": problem.lengths(), "reverse": True} if masked else {}
    kernels, formula = (_rounded_outcome(problem, backend=name, **options) for name in ("cpu", "formula"))
    exact = _outcome(problem.of(torch.float32), backend="cpu", **options)
    for a, b in zip(kernels, formula, strict=True):
        close_scan(a, b.double(), T, H, "+norm" in cell)
    assert not torch.equal(kernels[0], exact[0])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("B", "T", "I", "H"), [(9, 12, 33, 64), (2, 3, 5, 17)])
def test_the_same_with_and_without_instructions_for_it(
    cell: str, B: int, T: int, I: int, H: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = Problem(cell, B=B, T=T, I=I, H=H)
    found = []
    for level, name in enumerate(LEVELS):
        if not name.startswith("x86-64-v4"):
            continue
        monkeypatch.setattr(native, "_level", level)
        found.append(_rounded_outcome(problem, backend="cpu"))
    for others in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], others, strict=True))


@pytest.mark.parametrize("level", range(len(LEVELS)), ids=LEVELS)
def test_every_level(level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem("gru", B=5, T=4, I=3, H=21)
    monkeypatch.setattr(native, "_level", level)
    for a, e in zip(
        _rounded_outcome(problem, backend="cpu"), _rounded_outcome(problem, backend="formula"), strict=True
    ):
        close_scan(a, e.double(), problem.T, problem.H)


def test_rounding() -> None:
    """To the nearest, halves to even; denormals to zero; infinity and NaN stay."""
    tiny = torch.finfo(torch.bfloat16).tiny
    x = torch.tensor([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8 - 2**-20, tiny, tiny / 2, 3.4e38, torch.inf, torch.nan])
    found = rounded(x)
    expected = torch.tensor([1.0, 1 + 2**-6, -1 - 2**-7, tiny, 0.0, torch.inf, torch.inf, torch.nan])
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    one = torch.ones(1, 1)
    zero = torch.zeros(1, 1)
    for value, is_ in zip(x[:6].tolist(), expected[:6].tolist(), strict=True):
        with rounding():
            y, _ = chainrule.functional.rnn(torch.full((1, 1, 1), value), zero, one, zero, nonlinearity="relu")
        assert y.item() == max(is_, 0.0)


@settings(deadline=None, max_examples=40)
@given(
    problem=problems(cell=cells(CELLS), T=st.integers(2, 8), B=st.integers(1, 5), H=SIZES),
    reverse=st.booleans(),
    data=st.data(),
)
def test_chunked_equals_whole_bit_for_bit(problem: Problem, reverse: bool, data: st.DataObject) -> None:
    """The states that a chunk hands over are float32, as those within it are."""
    cut = data.draw(st.integers(1, problem.T - 1), label="cut")
    problem = problem.of(torch.float32)
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    options = {"backend": "cpu", "reverse": reverse}
    with rounding(), torch.no_grad():
        whole = problem.run(x, state, weights, **options)
        order = [slice(cut, None), slice(cut)] if reverse else [slice(cut), slice(cut, None)]
        carried = state
        pieces = []
        for steps in order:
            y, *last = problem.run(x[:, steps], carried, weights, ALL, steps, **options)
            carried = tuple(last)
            pieces.append(y)
    chunked = [torch.cat(pieces[::-1] if reverse else pieces, 1), *carried]
    assert all(torch.equal(a, b) for a, b in zip(chunked, whole, strict=True))


@pytest.mark.parametrize("cell", EVERY)
def test_rows_are_the_batchs_and_resets_split(cell: str) -> None:
    problem = Problem(cell, B=5, T=6, H=17, dtype=torch.float32)
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    resets = torch.zeros(problem.B, problem.T, dtype=torch.bool)
    resets[:, 4] = True
    with rounding(), torch.no_grad():
        whole = problem.run(x, state, weights, resets=resets, backend="cpu")
        after = problem.run(x[:, 4:], None, weights, ALL, slice(4, None), backend="cpu")
        for a, b in zip([whole[0][:, 4:], *whole[1:]], after, strict=True):
            assert torch.equal(a, b)
        pair = slice(2, 4)
        some = problem.run(
            x[pair], tuple(s[pair] for s in state), weights, pair, ALL, resets=resets[pair], backend="cpu"
        )
        for a, b in zip([part[pair] for part in whole], some, strict=True):
            assert torch.equal(a, b)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("cell", EVERY)
@pytest.mark.parametrize("B", [1, 7, 70])
def test_the_same_bits_on_any_threads(cell: str, B: int, two_threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_WORTH_A_THREAD", 0)
    problem = Problem(cell, B=B, T=9, H=19)
    torch.set_num_threads(1)
    alone = _rounded_outcome(problem, backend="cpu")
    torch.set_num_threads(2)
    for _ in range(20):
        assert all(torch.equal(a, b) for a, b in zip(alone, _rounded_outcome(problem, backend="cpu"), strict=True))


@pytest.mark.sampled(1)
@pytest.mark.parametrize("cell", EVERY)
@pytest.mark.parametrize(("B", "T", "H"), [(1, 6, 17), (9, 6, 5), (70, 3, 33)])
@pytest.mark.parametrize("save", ["gates", "states"])
def test_no_uninitialised_memory_is_read(cell: str, B: int, T: int, H: int, save: str) -> None:
    """Memory that torch does not initialise holds NaN; all memory of the kernels is torch's."""
    problem = Problem(cell, B=B, T=T, H=H)
    options = {"resets": problem.resets(), "lengths": problem.lengths(), "save": save, "backend": "cpu"}
    expected = _rounded_outcome(problem, **options)
    torch.use_deterministic_algorithms(True)
    try:
        actual = _rounded_outcome(problem, **options)
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(a, b) for a, b in zip(actual, expected, strict=True))


@pytest.mark.parametrize("cell", CELLS)
def test_second_derivatives_are_the_formulas(cell: str) -> None:
    problem = Problem(cell, dtype=torch.float32)
    x = problem.inputs()
    weights = problem.weights()
    found = []
    for backend in ("cpu", "formula"):
        with rounding():
            y, *_ = problem.run(x, problem.state(), weights, backend=backend)
        (dx,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(dx.square().sum(), present(*weights)))
    for a, b in zip(*found, strict=True):
        close(a, b)


@pytest.mark.parametrize("cell", EVERY)
def test_tensors_of_bfloat16(cell: str) -> None:
    """They are what they are in float32, and rounded in the end."""
    problem = Problem(cell, B=3, T=6, H=17, dtype=torch.bfloat16)
    leaves = [problem.inputs(), *problem.state(), *present(*problem.weights())]
    n = len(problem.state())

    def outcome(tensors: list[Tensor]) -> list[Tensor]:
        x, *rest = tensors
        given = iter(rest[n:])
        weights = [None if w is None else next(given) for w in problem.weights()]
        outputs = problem.run(x, tuple(rest[:n]), weights, backend="cpu")
        return [*outputs, *gradients([o.float() for o in outputs], tensors)]

    actual = outcome([t.detach().requires_grad_() for t in leaves])
    with rounding():
        expected = outcome([t.detach().float().requires_grad_() for t in leaves])
    for a, e in zip(actual, expected, strict=True):
        assert a.dtype == torch.bfloat16
        torch.testing.assert_close(a.float(), e, rtol=2**-7, atol=2**-7 * max(1.0, e.abs().max().item()))


@pytest.mark.sampled(0)
@pytest.mark.filterwarnings("ignore:`torch.jit.trace` is deprecated", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("cell", LATENT)
def test_every_model_that_takes_the_precision_rounds_but_in_recordings(cell: str) -> None:
    x = torch.randn(2, 5, 3)
    exact = LatentEncoder(cell, 3, 7).eval().requires_grad_(False)
    rounding = LatentEncoder(cell, 3, 7, precision="bfloat16").eval().requires_grad_(False)
    rounding.load_state_dict(exact.state_dict())
    y, _ = exact(x)
    found, _ = rounding(x)
    assert found.dtype == torch.float32
    assert not torch.equal(found, y)
    close_rounded(found, y.double(), 5)
    exported = torch.export.export(rounding, (x,)).module()(x)[0]
    traced = torch.jit.trace(lambda x: rounding(x)[0], x)(x)
    for recorded in (exported, traced):
        close(recorded, y)


def test_explain_tells() -> None:
    layer = GRU(3, 4)
    with rounding():
        said = str(chainrule.explain(layer, torch.randn(5, 2, 3)))
    assert "products of bfloat16" in said
    assert "products of bfloat16" not in str(chainrule.explain(layer, torch.randn(5, 2, 3)))


@pytest.mark.parametrize("layer", [LSTM(3, 5, 2), LSTM(3, 5, layer_norm=True), GRU(3, 5, zoneout=0.1).eval()])
def test_streams_made_under_autocast_round(layer: LSTM | GRU) -> None:
    x = torch.randn(6, 2, 3)
    with rounding(), torch.no_grad():
        expected, _ = layer(x)
        stream = layer.stream(2)
    steps = torch.stack([stream(x_t) for x_t in x])
    assert not torch.equal(steps, layer(x)[0])
    close(steps, expected)
