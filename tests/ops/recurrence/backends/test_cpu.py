"""What the compiled code promises beyond the laws: every level, accuracy, bits, memory, registration, fallbacks."""

import math
import multiprocessing
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chainrule.errors import ArgumentError, BackendError
from chainrule.functional import gru
from chainrule.ops.recurrence.backends.cpu import LEVELS, _scan, native
from chainrule.ops.recurrence.backends.cpu.native import Masks, Parameters
from chainrule.ops.recurrence.call import RecurrenceCall
from chainrule.ops.recurrence.cells import find_cell
from chainrule.ops.recurrence.cells.spec import Weights
from chainrule.ops.recurrence.dispatch import choose
from tests.ops.recurrence.problems import (
    BACKEND_NAMES,
    OPTIONED,
    Problem,
    backends_of,
    cells,
    gradients,
    present,
    problems,
)
from tests.tolerances import GATE_ULPS, close, close_scan

CELLS = tuple(native.CELLS)
EVERY = CELLS + tuple(cell for cell in OPTIONED if "cpu" in backends_of(cell))
SIZES = st.sampled_from([1, 3, 5, 16, 17, 33, 64])


def _outcome(problem: Problem, **options: object) -> list[Tensor]:
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    outputs = problem.run(x, state, weights, **options)
    return [*outputs, *gradients(outputs, present(x, *state, *weights))]


@pytest.fixture
def poisoned() -> Iterator[None]:
    """Memory that torch does not initialise holds NaN; all memory of the kernels is torch's."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("level", range(len(LEVELS)), ids=LEVELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@settings(deadline=None, max_examples=60)
@given(
    problem=problems(cell=cells(CELLS), B=st.integers(1, 20), H=SIZES),
    masked=st.booleans(),
    reverse=st.booleans(),
)
def test_every_level_equals_the_reference(
    level: int, dtype: torch.dtype, problem: Problem, masked: bool, reverse: bool
) -> None:
    options: dict[str, object] = {"reverse": reverse}
    if masked:
        options |= {"resets": problem.resets(), "lengths": problem.lengths()}
    expected = _outcome(problem, backend="reference", **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "_level", level)
        actual = _outcome(problem.of(dtype), backend="cpu", **options)
    for a, e in zip(actual, expected, strict=True):
        close_scan(a, e, problem.T, problem.H, "+norm" in problem.cell)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("cell", EVERY)
@pytest.mark.parametrize("edge", ["first", "last", "every"])
@pytest.mark.parametrize("reverse", [False, True])
def test_resets_at_the_edges(cell: str, edge: str, reverse: bool) -> None:
    problem = Problem(cell, B=9, H=17)
    resets = torch.zeros(problem.B, problem.T, dtype=torch.bool)
    resets[:, {"first": slice(1), "last": slice(-1, None), "every": slice(None)}[edge]] = True
    outcomes = [_outcome(problem, resets=resets, reverse=reverse, backend=b) for b in ("cpu", "reference")]
    for actual, expected in zip(*outcomes, strict=True):
        close(actual, expected)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("cell", EVERY)
@pytest.mark.parametrize(("B", "T", "H"), [(1, 1, 1), (1, 6, 17), (9, 1, 5), (9, 6, 5), (70, 3, 33)])
@pytest.mark.parametrize("save", ["gates", "states"])
def test_no_uninitialised_memory_is_read(cell: str, B: int, T: int, H: int, save: str, poisoned: None) -> None:
    problem = Problem(cell, B=B, T=T, H=H)
    options = {"resets": problem.resets(), "lengths": problem.lengths(), "save": save}
    assert torch.empty(3).isnan().all()
    for actual, expected in zip(
        _outcome(problem, **options), _outcome(problem, backend="reference", **options), strict=True
    ):
        close(actual, expected)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("masked", [False, True])
def test_no_tensor_need_be_dense(cell: str, masked: bool) -> None:
    """Every tensor is each second number of a larger one, whose others are NaN, and so is every cotangent."""
    problem = Problem(cell, B=9, H=17)
    masks = {"resets": problem.resets(), "lengths": problem.lengths()} if masked else {}
    tensors = [problem.inputs(), *problem.state(), *present(*problem.weights())]

    def outcome(spread: Callable[[Tensor], Tensor]) -> list[Tensor]:
        x, *others = leaves = [spread(t.detach()).requires_grad_() for t in tensors]
        n = len(problem.state())
        spread_masks = {name: spread(mask) for name, mask in masks.items()}
        outputs = problem.run(x, tuple(others[:n]), others[n:], backend="cpu", **spread_masks)
        return [*outputs, *torch.autograd.grad(outputs, leaves, [spread(torch.ones_like(o)) for o in outputs])]

    for actual, expected in zip(outcome(_spread), outcome(torch.clone), strict=True):
        assert torch.equal(actual, expected)


def _spread(tensor: Tensor) -> Tensor:
    filler = torch.full_like(tensor, torch.nan) if tensor.is_floating_point() else torch.ones_like(tensor)
    twice = torch.stack((tensor, filler), dim=-1).flatten(-2)
    assert tensor.numel() < 2 or not twice[..., ::2].is_contiguous()
    return twice[..., ::2]


@pytest.mark.parametrize("cell", EVERY)
def test_saving_states_gives_the_same_gradients(cell: str) -> None:
    problem = Problem(cell, B=3, T=11, H=17)
    for options in ({}, {"resets": problem.resets(), "lengths": problem.lengths(), "reverse": True}):
        gates, states = (_outcome(problem, save=save, **options) for save in ("gates", "states"))
        for a, b in zip(gates, states, strict=True):
            close(a, b)


# One way through time of each cell and size, in turns: the kernels go both by the same loop.
@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    ("reverse", "B", "T", "cell"),
    [(bool(n % 2), *size, cell) for n, (size, cell) in enumerate(product([(3, 200), (70, 20), (300, 5)], EVERY))],
)
def test_several_chunks_of_time(
    reverse: bool, B: int, T: int, cell: str, two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More rows than a chunk of either pass has, on two threads; the last chunk is shorter."""
    monkeypatch.setattr(native, "_WORTH_A_THREAD", 0)
    problem = Problem(cell, B=B, T=T, H=5)
    options = {"resets": problem.resets(), "lengths": problem.lengths(), "reverse": reverse}
    expected = _outcome(problem, backend="formula", **options)
    for save in ("gates", "states"):
        actual = _outcome(problem, backend="cpu", save=save, **options)
        for a, e in zip(actual, expected, strict=True):
            close_scan(a, e, T, problem.H, "+norm" in cell)


def _native(problem: Problem, masked: bool = True) -> tuple[Tensor, Tensor, Tensor | None, Parameters, Masks]:
    """What the ops take: x, h_0, c_0, the weights and the masks."""
    x = problem.inputs()
    (h_0, *c_0) = problem.state()
    every = problem.weights()
    named = dict(zip(problem.own(), every[4:], strict=True))
    names = ("weight_ln_ih", "weight_ln_hh", "weight_ln_c", "bias_ln_c", "weight_peep")
    weights = Parameters(*every[:4], *map(named.get, names))  # type: ignore[arg-type]
    zoneout = problem.zoneout() if problem.has_c else (problem.zoneout(), None)
    keep = [z if isinstance(z, Tensor) else None for z in zoneout or (None, None)]
    rates = [z if isinstance(z, float) else 0.0 for z in zoneout or (None, None)]
    resets, lengths = (problem.resets(), problem.lengths()) if masked else (None, None)
    return x, h_0, c_0[0] if c_0 else None, weights, Masks(resets, lengths, False, keep[0], keep[1], *rates)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("cell", EVERY)
@pytest.mark.parametrize(("B", "T"), [(7, 12), (7, 160), (1, 12)])
def test_the_same_bits_hundreds_of_times(
    cell: str, B: int, T: int, two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "_WORTH_A_THREAD", 0)  # or these would be too small for two threads
    problem = Problem(cell, B=B, T=T, I=4, H=48 if T == 12 else 5, dtype=torch.float32)
    x, h_0, c_0, weights, masks = _native(problem)
    with torch.no_grad():

        def scan() -> tuple[Tensor, ...]:
            y, h, c, kept = native.forward(problem.kind, x, h_0, c_0, weights, masks, "gates")
            assert kept is not None
            back, steps = native.backward(
                problem.kind, y, h, c, x, weights, masks, kept, (True,) * 7, cell not in CELLS
            )
            return tuple(present(y, h, c, kept, *back, *steps))

        torch.set_num_threads(1)
        alone = scan()
        torch.set_num_threads(2)
        for _ in range(300 if cell in CELLS and T == 12 else 100):
            assert all(torch.equal(a, b) for a, b in zip(alone, scan(), strict=True))


@pytest.mark.parametrize("level", range(len(LEVELS)), ids=LEVELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("function", ["sigmoid", "tanh"])
def test_gate_functions_are_accurate(level: int, dtype: torch.dtype, function: str) -> None:
    info = torch.finfo(dtype)
    end = -math.log(info.tiny)
    small = torch.logspace(math.log10(info.smallest_normal) - 5, 1.5, 100_001, dtype=torch.float64)
    x = torch.cat((torch.linspace(-end, end, 500_001, dtype=torch.float64), small, -small)).to(dtype)
    y = _evaluated(level, function, x)
    exact = x.numpy().astype(np.longdouble)
    e = np.exp(-np.abs(exact))
    expected = np.tanh(exact) if function == "tanh" else np.where(exact < 0, e, 1) / (1 + e)
    unit = np.spacing(np.abs(expected).astype(x.numpy().dtype)).astype(np.longdouble)
    normal = np.abs(expected) > 4 * info.tiny if function == "sigmoid" else np.full(len(x), True)
    errors = np.abs(y.numpy() - expected)
    assert (errors / unit)[normal].max() <= GATE_ULPS
    assert errors.max() <= 1e-6
    assert errors[~normal].max(initial=0) <= 2 * info.tiny


@pytest.mark.parametrize("level", range(len(LEVELS)), ids=LEVELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gate_functions_at_the_edges(level: int, dtype: torch.dtype) -> None:
    denormal = torch.finfo(dtype).smallest_normal / 4
    x = torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan, denormal, -denormal], dtype=dtype)
    sigmoid, tanh = (_evaluated(level, f, x) for f in ("sigmoid", "tanh"))
    assert torch.equal(sigmoid[[0, 1, 2, 3, 5, 6]], torch.tensor([0.5, 0.5, 1, 0, 0.5, 0.5], dtype=dtype))
    assert torch.equal(tanh[[0, 1, 2, 3, 5, 6]], torch.tensor([0, 0, 1, -1, denormal, -denormal], dtype=dtype))
    assert tanh[1].signbit()
    assert not tanh[0].signbit()
    assert sigmoid[4].isnan()
    assert tanh[4].isnan()


def _evaluated(level: int, function: str, x: Tensor) -> Tensor:
    y = torch.empty_like(x)
    _scan.evaluate(level, native.DTYPES[x.dtype], function == "sigmoid", len(x), x.data_ptr(), y.data_ptr())
    return y


def _call(cell: str, needs_grad: bool, masked: bool) -> tuple[Any, ...]:
    x, h_0, c_0, weights, masks = _native(Problem(cell, dtype=torch.float32), masked)
    tensors = [t if t is None else t.detach().requires_grad_(needs_grad) for t in (x, h_0, c_0, *weights)]
    return Problem(cell).kind, *tensors, *masks, "gates", False


@pytest.mark.sampled(0)
@pytest.mark.parametrize("cell", EVERY)
@pytest.mark.parametrize("needs_grad", [False, True])
def test_the_op_is_registered_well(cell: str, needs_grad: bool) -> None:
    op = torch.ops.chainrule.recurrence.default
    torch.library.opcheck(op, _call(cell, needs_grad, masked=True))


@pytest.mark.sampled(0)
@pytest.mark.parametrize("cell", EVERY)
@pytest.mark.parametrize("each_step", [False, True])
def test_the_backward_op_is_registered_well(cell: str, each_step: bool) -> None:
    kind, x, _, c_0, *rest, _, rounds = call = _call(cell, needs_grad=False, masked=False)
    y, h_n, c_n, *kept = torch.ops.chainrule.recurrence(*call)
    arguments = (kind, y, h_n, None if c_0 is None else c_n, x, *rest, *kept, [True] * 5, each_step, rounds)
    torch.library.opcheck(torch.ops.chainrule.recurrence_backward.default, arguments)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("cell", EVERY)
def test_compiled_into_one_graph(cell: str) -> None:
    problem = Problem(cell, dtype=torch.float32)
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    options = {"resets": problem.resets(), "zoneout": problem.zoneout()}

    def run(x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        return problem.run(2 * x, state, weights, **options)

    torch.compiler.reset()  # one cell after the other would count as recompiling
    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    towards = present(x, *state, *weights)
    for a, b in zip(gradients(compiled(x, *state), towards), gradients(run(x, *state), towards), strict=True):
        close(a, b)


@pytest.mark.parametrize("started", [False, True])
def test_runs_in_a_forked_child(started: bool, two_threads: None) -> None:
    """The child has none of its parent's threads, whether or not they had started; torch itself would wait for them."""
    x = torch.ones(64, 40, 8)
    h_0 = torch.zeros(64, 64)
    weights = Parameters(torch.ones(192, 8), torch.eye(64).repeat(3, 1))
    masks = Masks(None, None, False)

    def scan() -> None:
        native.forward("gru", x, h_0, None, weights, masks, "nothing")

    if started:
        scan()
    child = multiprocessing.get_context("fork").Process(target=scan)
    child.start()
    child.join(timeout=20)
    if child.exitcode is None:
        child.kill()
    assert child.exitcode == 0


def _lstm_call(x: Tensor, weights: Weights) -> RecurrenceCall:
    return RecurrenceCall(find_cell("lstm"), x, (), weights)


def test_which_backend_runs_and_why() -> None:
    problem = Problem("lstm", dtype=torch.float32)
    x = problem.inputs()
    weights = Weights(*problem.weights())  # type: ignore[arg-type]
    assert choose(_lstm_call(x, weights)) == ("cpu", f"torch.float32 on the CPU, instructions {LEVELS[0]}")
    for backend in BACKEND_NAMES:
        assert choose(_lstm_call(x, weights), backend)[0] == backend
    few = x[:1, :1]
    many = x[:1, :1].expand(17, 1, -1)
    assert choose(_lstm_call(few, weights)) == (
        "torch",
        "one step of at most 16 rows takes less time than packing the weights",
    )
    assert choose(_lstm_call(few, weights), "cpu")[0] == choose(_lstm_call(many, weights))[0] == "cpu"
    W_hr = torch.ones(3, 5)
    assert choose(_lstm_call(x, weights._replace(W_hr=W_hr))) == (
        "torch",
        "the kernels have no projection, and weight_hr is given",
    )
    assert backends_of("lstm_projected") == BACKEND_NAMES[1:]
    with pytest.raises(BackendError, match="cannot run this lstm: the kernels have no projection"):
        choose(_lstm_call(x, weights._replace(W_hr=W_hr)), "cpu")
    with pytest.raises(BackendError, match=r"cannot run this lstm: .* x is torch\.float16"):
        choose(_lstm_call(x.half(), weights), "cpu")
    with pytest.raises(BackendError, match=r"cannot run this lstm: .* x is on meta"):
        choose(_lstm_call(x.to("meta"), weights), "cpu")


def test_unknown_save() -> None:
    with pytest.raises(ArgumentError, match="unknown save 'all': expected 'gates' or 'states'"):
        gru(torch.zeros(1, 1, 1), None, torch.zeros(3, 1), torch.zeros(3, 1), save="all")
