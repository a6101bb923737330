"""The Triton kernels = the reference: in Triton's interpreter where there is no GPU."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from itertools import cycle
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from chainrule.errors import BackendError
from chainrule.functional import gru, recurrence, rnn
from chainrule.nn import explain
from chainrule.ops import launching
from chainrule.ops.recurrence.backends.triton import scan
from chainrule.ops.recurrence.backends.triton.tiling import Processors, Tiling, products, tile
from chainrule.ops.recurrence.call import RecurrenceCall
from tests.ops.recurrence.backends.interpreted import programs_in_threads
from tests.ops.recurrence.problems import LEAKY, Problem, cells, gradients, present, problems
from tests.pretence import on_a_gpu
from tests.tolerances import close_rounded, close_scan

KINDS = ("rnn_tanh", "rnn_relu", "gru", "gru_reset_before", "lstm", "lstm_projected")
EVERY = (
    *("rnn_relu", "rnn_tanh+norm+mask", "gru", "gru+norm+rate", "gru_reset_before", "gru_reset_before+norm+mask"),
    *("lstm", "lstm+norm+peep+mask", "lstm_projected+norm+peep+rate"),
)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"  # on which the kernels are interpreted


@pytest.fixture(autouse=True)
def exact_products() -> Iterator[None]:
    precision: Any = torch.backends.cudnn.rnn
    before = precision.fp32_precision
    precision.fp32_precision = "ieee"
    yield
    precision.fp32_precision = before


def _moved(problem: Problem, device: str) -> tuple[Tensor, tuple[Tensor, ...], tuple[Tensor | None, ...]]:
    """x, the first state and the weights."""

    def there(t: Tensor | None) -> Tensor | None:
        return None if t is None else t.detach().to(device).requires_grad_()

    x = problem.inputs().detach().to(device).requires_grad_()
    return x, tuple(present(*map(there, problem.state()))), tuple(map(there, problem.weights()))


def _outcome(problem: Problem, backend: str, device: str, **options: Any) -> list[Tensor]:
    """Outputs, states, what the trace holds if there is one, and all gradients, on the CPU."""
    x, state, weights = _moved(problem, device)
    zoneout = problem.zoneout()
    if isinstance(zoneout, Tensor):
        zoneout = zoneout.to(device)
    elif isinstance(zoneout, tuple):
        zoneout = tuple(part.to(device) if isinstance(part, Tensor) else part for part in zoneout)
    there = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in options.items()}
    found = problem.run(x, state, weights, backend=backend, zoneout=zoneout, **there)
    outputs = [part for part in found if isinstance(part, Tensor)]
    drawn = [replace(problem, dtype=torch.float64).draw(*o.shape, offset=50 + k) for k, o in enumerate(outputs)]
    cotangents = [d.to(o) for d, o in zip(drawn, outputs, strict=True)]
    towards = present(x, *state, *weights)
    towards_each = torch.autograd.grad(outputs, towards, cotangents, allow_unused=True, materialize_grads=True)
    traced: list[Tensor] = []
    for trace in found[len(outputs) :]:
        for tensors in (trace.states, trace.gates, trace.dstates, trace.dgates):
            traced += tensors.values()
    return [t.detach().cpu() for t in (*outputs, *traced, *towards_each)]


def _check(problem: Problem, **options: Any) -> None:
    single = problem.of(torch.float32)
    expected = _outcome(problem, "formula" if "return_all" in options else "reference", "cpu", **options)
    found = _outcome(single, "triton", DEVICE, **options)
    for actual, other in zip(found, expected, strict=True):
        close_scan(actual, other, problem.T, problem.H, normalised="+norm" in problem.cell)


@pytest.mark.slow
@settings(deadline=None, max_examples=10)  # on a GPU each is compiled
@given(
    problems(cell=cells(KINDS), B=st.integers(1, 20), H=st.integers(1, 20)),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_equals_the_reference(problem: Problem, resets: bool, lengths: bool, reverse: bool) -> None:
    assume(problem.H > 3 or "+norm" not in problem.cell)  # of two numbers rounding may be all that is left
    _check(
        problem,
        resets=problem.resets() if resets else None,
        lengths=problem.lengths() if lengths else None,
        reverse=reverse,
    )


@pytest.mark.sampled(0)
@pytest.mark.parametrize(("cell", "reverse"), list(zip(EVERY, cycle([False, True]), strict=False)))
def test_traces_hold_what_the_formula_s_do(cell: str, reverse: bool) -> None:
    problem = Problem(cell, seed=300)
    _check(problem, resets=problem.resets(), lengths=problem.lengths(), reverse=reverse, return_all=True)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("cell", EVERY)
def test_a_group_of_programs(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three programs, each with 16 of the units, that wait for each other at each step, and for sums."""
    _tile_as(monkeypatch, units=16, parts=3)
    problem = Problem(cell, B=3, T=3, H=40, seed=700)
    with programs_in_threads() if DEVICE == "cpu" else nullcontext():
        _check(problem, resets=problem.resets(), lengths=problem.lengths())


@pytest.mark.sampled(0)
@pytest.mark.parametrize("cell", KINDS)
def test_weights_that_are_read_at_every_step(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _tile_as(monkeypatch, terms=(16, 16), split=(1, 1), is_resident=False)
    problem = Problem(cell, T=3, H=40)
    _check(problem, resets=problem.resets())


@pytest.mark.sampled(0)
@pytest.mark.parametrize("cell", ["gru", "lstm+norm+mask"])
def test_more_rows_than_one_launch_takes(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "chainrule.ops.recurrence.backends.triton.autograd.most_rows", lambda call: min(2, call.x.shape[0])
    )
    problem = Problem(cell, B=3, T=4)
    _check(problem, resets=problem.resets(), lengths=problem.lengths())


def _tile_as(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    of_call = scan.tiling_of

    def changed(call: RecurrenceCall, rows: int, *, backward: bool) -> Tiling:
        tiling = of_call(call, rows, backward=backward)
        assert tiling is not None
        return tiling._replace(**changes)

    monkeypatch.setattr(scan, "tiling_of", changed)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("cell", [cell for cell in EVERY if cell != "rnn_relu"])  # whose slope jumps
def test_products_of_bfloat16(cell: str) -> None:
    """Of tensors that are bfloat16 themselves."""
    problem = Problem(cell, B=4, T=5, H=17)
    expected = _outcome(problem, "reference", "cpu", resets=problem.resets())
    found = _outcome(problem.of(torch.bfloat16), "triton", DEVICE, resets=problem.resets())
    for actual, other in zip(found, expected, strict=True):
        close_rounded(actual, other, problem.T, normalised="+norm" in problem.cell)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("cell", EVERY)
def test_without_gradients_the_same_bits(cell: str) -> None:
    problem = Problem(cell, H=20, dtype=torch.float32)
    x, state, weights = _moved(problem, DEVICE)
    masks = [part.to(DEVICE) for part in present(problem.resets(), problem.lengths())]
    options: dict[str, Any] = {"backend": "triton", "resets": masks[0], "lengths": masks[1], "zoneout": 0.2}
    learning = problem.run(x, state, weights, **options)
    with torch.no_grad():
        again = problem.run(x, state, weights, **options)
    for a, b in zip(learning, again, strict=True):
        assert a.requires_grad
        assert torch.equal(a, b)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("cell", KINDS)
def test_a_sequence_in_two_parts(cell: str) -> None:
    problem = Problem(cell, T=9, H=20, dtype=torch.float32)
    x, state, weights = _moved(problem, DEVICE)
    y, *last = problem.run(x, state, weights, backend="triton", zoneout=None)
    first, *between = problem.run(x[:, :4], state, weights, backend="triton", zoneout=None)
    second, *end = problem.run(x[:, 4:], tuple(between), weights, backend="triton", zoneout=None)
    assert torch.equal(torch.cat((first, second), 1), y)
    assert all(map(torch.equal, end, last))


def test_the_outputs_may_be_worked_on_in_place() -> None:
    problem = Problem("gru", dtype=torch.float32)
    results = []
    for in_place in (False, True):
        x, state, weights = _moved(problem, DEVICE)
        y, h_n = problem.run(x, state, weights, backend="triton")
        twice = y.mul_(2) if in_place else 2 * y
        results.append(gradients([twice.cpu(), h_n.cpu()], present(x, *state, *weights)))
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)


def test_second_derivatives_are_the_formula_s() -> None:
    problem = Problem("gru", T=3, dtype=torch.float32)
    found = []
    for backend in ("triton", "formula"):
        x, state, weights = _moved(problem, DEVICE)
        y, _ = problem.run(x, state, weights, backend=backend)
        (dx,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(dx.square().sum(), present(x, *weights)))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@settings(deadline=None, max_examples=300)
@given(
    cell=st.sampled_from(KINDS),
    B=st.integers(1, 5000),
    H=st.integers(1, 3000),
    share=st.floats(0.01, 1),
    itemsize=st.sampled_from([2, 4]),
    processors=st.builds(Processors, st.integers(1, 200), st.sampled_from([99, 163, 227]).map(lambda k: 1024 * k)),
    backward=st.booleans(),
    exact=st.booleans(),
)
def test_tilings_cover_all_and_fit(
    cell: str, B: int, H: int, share: float, itemsize: int, processors: Processors, backward: bool, exact: bool
) -> None:
    P = max(1, int(share * H)) if cell == "lstm_projected" else H
    each = products(cell, H, P, backward=backward)
    found = tile(each, B, H, itemsize=itemsize, processors=processors, backward=backward, exact=exact)
    if found is None:
        assert processors.number < -(-B // 16) * -(-H // 32), "tiles of 16 rows by 32 units would have done"
        return
    assert found.parts == 1 or found.groups * found.parts <= processors.number
    assert found.groups * found.rows >= B
    assert found.parts * found.units >= H
    held = sum(k * product.sums for k, product in zip(found.terms, each, strict=True)) * found.units * itemsize
    assert not found.is_resident or held < processors.memory
    for terms, split, product in zip(found.terms, found.split, each, strict=True):
        assert not found.is_resident or terms >= product.terms
        assert terms % (16 * split) == 0


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda x, w: recurrence("mingru", x, None, {"weight_ih": w[:2]}, backend="triton"), "kernels have no mingru"),
        (
            lambda x, w: recurrence(LEAKY, x, None, {"weight_ih": w[:1], "u": w[0]}, backend="triton"),
            "cell of your own",
        ),
        (lambda x, w: gru(x.double(), None, w.double(), w.double(), backend="triton"), "float32 and bfloat16"),
        (
            lambda x, w: torch.func.vmap(lambda x: gru(x, None, w, w, backend="triton")[0])(x.expand(2, 1, 1, 1)),
            "torch.func",
        ),
        (lambda x, w: gru(x[:0], None, w, w, backend="triton"), "no rows"),
    ],
)
def test_what_the_kernels_cannot_run(call: Any, why: str) -> None:
    with pytest.raises(BackendError, match=why):
        call(torch.ones(1, 1, 1, device=DEVICE), torch.ones(3, 1, device=DEVICE))


@pytest.mark.skipif(DEVICE == "cuda", reason="it pretends a GPU")
@pytest.mark.parametrize(("cell", "why"), [("leaky", "a cell of your own"), ("mingru", "the Triton kernels have no")])
def test_what_other_cells_run_by_on_a_gpu_and_why(cell: str, why: str) -> None:
    problem = Problem(cell, dtype=torch.float32)
    with on_a_gpu():
        (call,) = explain(problem.run, problem.inputs(), problem.state(), problem.weights()).calls
    assert call.backend == "formula"
    assert why in call.reason


def test_without_the_interpreter_they_run_on_a_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    one = torch.ones(1, 1)
    with pytest.raises(BackendError, match="run on a GPU, and x is on cpu"):
        rnn(one.unsqueeze(0), None, one, one, backend="triton")


def test_without_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "_is_installed", lambda: False)
    one = torch.ones(1, 1, device=DEVICE)
    with pytest.raises(BackendError, match=r"pip install '\.\[triton\]'"):
        rnn(one.unsqueeze(0), None, one, one, backend="triton")


@pytest.mark.slow
def test_the_kernels_compile_for_a_gpu() -> None:
    """By Triton and ptxas for compute capability 9.0, with all options and with none; no GPU is needed for that."""
    script = os.path.join(os.path.dirname(__file__), "compile_kernels.py")
    alone = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    found = subprocess.run([sys.executable, "-W", "error", script], env=alone, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(("setting", "precision"), [("tf32", "tf32"), ("ieee", "ieee"), ("none", "ieee")])
def test_products_are_made_as_torch_says(setting: str, precision: str) -> None:
    """Torch itself sets "none" where torch.backends.cudnn.allow_tf32 is False."""
    settings: Any = torch.backends.cudnn.rnn
    settings.fp32_precision = setting
    assert scan.precision() == precision
