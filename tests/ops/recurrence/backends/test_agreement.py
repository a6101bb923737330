"""cpu = formula = reference = torch.nn's own: outputs, last states and every gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.ops.recurrence.problems import CELLS, OPTIONED, OTHERS, Problem, backends_of, gradients, posed, present
from tests.tolerances import close

EVERY = [(cell, backend) for cell in CELLS + OTHERS + OPTIONED for backend in backends_of(cell)]


def _outcome(problem: Problem, x: Tensor, **options: object) -> list[Tensor]:
    """Outputs, states, and the gradients towards the input, the first state and the weights."""
    state = problem.state()
    weights = problem.weights()
    outputs = problem.run(x, state, weights, **options)
    return [*outputs, *gradients(outputs, present(x, *state, *weights))]


@settings(deadline=None, max_examples=80)
@given(posed(), st.booleans(), st.booleans(), st.booleans())
def test_every_backend_equals_the_reference(
    case: tuple[Problem, str], resets: bool, lengths: bool, reverse: bool
) -> None:
    problem, backend = case
    options = {
        "resets": problem.resets() if resets else None,
        "lengths": problem.lengths() if lengths else None,
        "reverse": reverse,
    }
    outcome = _outcome(problem, problem.inputs(), backend=backend, **options)
    reference = _outcome(problem, problem.inputs(), backend="reference", **options)
    for actual, expected in zip(outcome, reference, strict=True):
        close(actual, expected)


def _torch_outcome(problem: Problem, reverse: bool) -> list[Tensor]:
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    layer = _torch_layer(problem)
    parameters = dict(zip(layer._flat_weights_names, present(*weights), strict=True))
    hx = tuple(s.unsqueeze(0) for s in state)
    call = (x.flip(1) if reverse else x, hx if len(hx) > 1 else hx[0])
    y, last = torch.func.functional_call(layer, parameters, call)
    y = y.flip(1) if reverse else y
    outputs = [y, *(s.squeeze(0) for s in (last if isinstance(last, tuple) else (last,)))]
    return [*outputs, *gradients(outputs, present(x, *state, *weights))]


def _torch_layer(problem: Problem) -> torch.nn.RNNBase:
    options = {"bias": problem.bias, "batch_first": True, "dtype": problem.dtype}
    if problem.cell.startswith("lstm"):
        proj_size = problem.P if problem.cell == "lstm_projected" else 0
        return torch.nn.LSTM(problem.I, problem.H, proj_size=proj_size, **options)
    if problem.cell == "gru":
        return torch.nn.GRU(problem.I, problem.H, **options)
    return torch.nn.RNN(problem.I, problem.H, nonlinearity=problem.cell.removeprefix("rnn_"), **options)


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@settings(deadline=None, max_examples=50)
@given(posed(H=st.integers(2, 7), cell=st.sampled_from([c for c in CELLS if c != "gru_reset_before"])), st.booleans())
def test_equals_torch(case: tuple[Problem, str], reverse: bool) -> None:
    problem, backend = case
    ours = _outcome(problem, problem.inputs(), backend=backend, reverse=reverse)
    for actual, expected in zip(ours, _torch_outcome(problem, reverse), strict=True):
        close(actual, expected)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("cell", "backend"), EVERY)
def test_single_precision(cell: str, backend: str) -> None:
    problem = Problem(cell, B=5, T=40, I=7, H=16, dtype=torch.float32)
    outcome = _outcome(problem, problem.inputs(), backend=backend)
    reference = _outcome(problem, problem.inputs(), backend="reference")
    for actual, expected in zip(outcome, reference, strict=True):
        close(actual, expected)


@pytest.mark.parametrize(("cell", "backend"), EVERY)
def test_strides_do_not_matter(cell: str, backend: str) -> None:
    problem = Problem(cell)
    dense = problem.inputs()
    strided = torch.empty(problem.I, problem.B, 2 * problem.T, dtype=dense.dtype)[..., ::2].permute(1, 2, 0)
    strided = strided.copy_(dense.detach()).requires_grad_()
    assert not strided.is_contiguous()
    for actual, expected in zip(
        _outcome(problem, strided, backend=backend), _outcome(problem, dense, backend=backend), strict=True
    ):
        close(actual, expected)


@pytest.mark.parametrize("cell", CELLS + OTHERS + OPTIONED)
def test_no_grad_gives_the_same_outputs(cell: str) -> None:
    problem = Problem(cell)
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    options = {"resets": problem.resets(), "lengths": problem.lengths()}
    with_graph = problem.run(x, state, weights, **options)
    with torch.no_grad():
        without = problem.run(x, state, weights, **options)
    for a, b in zip(with_graph, without, strict=True):
        assert a.requires_grad
        assert not b.requires_grad
        assert torch.equal(a, b)


@pytest.mark.parametrize(("cell", "backend"), EVERY)
def test_no_state_is_a_state_of_zeros(cell: str, backend: str) -> None:
    problem = Problem(cell)
    x = problem.inputs()
    weights = problem.weights()
    zeros = tuple(torch.zeros_like(s) for s in problem.state())
    for a, b in zip(
        problem.run(x, None, weights, backend=backend),
        problem.run(x, zeros, weights, backend=backend),
        strict=True,
    ):
        assert torch.equal(a, b)
