"""torch.compile: one graph, with all options, for all sizes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo import mark_dynamic
from torch._dynamo.testing import CompileCounterWithBackend

from tests.ops.recurrence.problems import CELLS, Problem, backends_of, gradients, present
from tests.tolerances import close

# the compiler instantiates functions and uses torch.jit, and torch deprecates both
pytestmark = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning", "ignore:.*torch.jit")

KERNELS = [cell for cell in CELLS if "cpu" in backends_of(cell)]
_Run = Callable[..., tuple[Tensor, ...]]


@pytest.fixture(autouse=True)
def _forget_graphs() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def _function(cell: str, **options: Any) -> tuple[_Run, list[Tensor]]:
    """A cell with weights of its own, as a function of x, resets, lengths and the state."""
    problem = Problem(cell, dtype=torch.float32)
    weights = problem.weights()

    def run(x: Tensor, resets: Tensor, lengths: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        return problem.run(2 * x, state, weights, resets=resets, lengths=lengths, **options)

    return run, present(*weights)


def _arguments(cell: str, B: int = 3, T: int = 6) -> list[Tensor]:
    problem = Problem(cell, B, T, dtype=torch.float32)
    return [problem.inputs(), problem.resets(), problem.lengths(), *problem.state()]


def _agree(compiled: _Run, run: _Run, arguments: list[Tensor], weights: list[Tensor]) -> None:
    towards = [*(t for t in arguments if t.requires_grad), *weights]
    outcomes = [[*outputs, *gradients(outputs, towards)] for outputs in (f(*arguments) for f in (compiled, run))]
    for actual, expected in zip(*outcomes, strict=True):
        close(actual, expected)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("reverse", [False, True])
def test_resets_and_lengths_in_one_graph(cell: str, reverse: bool) -> None:
    run, weights = _function(cell, reverse=reverse)
    _agree(torch.compile(run, fullgraph=True, backend="aot_eager"), run, _arguments(cell), weights)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("cell", KERNELS)
def test_one_graph_for_every_batch_and_length(cell: str) -> None:
    run, weights = _function(cell)
    backend = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(run, fullgraph=True, backend=backend)
    for B, T in ((3, 6), (5, 9), (2, 4)):
        x, resets, lengths, *state = arguments = _arguments(cell, B=B, T=T)
        for tensor, dims in ((x, (0, 1)), (resets, (0, 1)), (lengths, 0), *((s, 0) for s in state)):
            mark_dynamic(tensor, dims)
        _agree(compiled, run, arguments, weights)
    assert backend.frame_count == 1


def test_without_gradients() -> None:
    run, _ = _function("lstm")
    arguments = _arguments("lstm")
    with torch.no_grad():
        compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
        for actual, expected in zip(compiled(*arguments), run(*arguments), strict=True):
            close(actual, expected)


@pytest.mark.slow
def test_the_default_backend() -> None:
    run, weights = _function("gru")
    _agree(torch.compile(run, fullgraph=True), run, _arguments("gru"), weights)


def test_lengths_out_of_range() -> None:
    run, _ = _function("gru")
    x, resets, lengths, *state = _arguments("gru")
    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    compiled(x, resets, lengths, *state)
    with pytest.raises(RuntimeError, match="lengths are out of range"):
        compiled(x, resets, lengths + x.shape[1] + 1, *state)
