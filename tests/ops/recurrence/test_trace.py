"""return_all: every step's states and gates, and the gradients of both, beside what autograd finds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chainrule.errors import TraceError
from chainrule.functional import Trace
from chainrule.ops.recurrence.cells import find_cell
from tests.ops.recurrence.problems import CELLS, OPTIONED, OTHERS, Problem, backends_of, gradients, posed, present
from tests.tolerances import close

EVERY = [(cell, backend) for cell in CELLS + OTHERS + OPTIONED for backend in backends_of(cell)]


def _parts(trace: Trace) -> list[Tensor]:
    parts = present(trace.h, trace.c, *trace.gates.values(), trace.dh, trace.dc, *trace.dgates.values())
    assert not any(part.requires_grad for part in parts)
    return parts


@settings(deadline=None, max_examples=60)
@given(posed(), st.booleans(), st.booleans(), st.booleans(), st.sampled_from(["gates", "states"]))
def test_every_backend_hands_out_the_same(
    case: tuple[Problem, str], resets: bool, lengths: bool, reverse: bool, save: str
) -> None:
    problem, backend = case
    options = {
        "resets": problem.resets() if resets else None,
        "lengths": problem.lengths() if lengths else None,
        "reverse": reverse,
        "save": save,
    }
    traces = []
    for name in (backend, "reference"):
        x = problem.inputs()
        state = problem.state()
        weights = problem.weights()
        *outputs, trace = problem.run(x, state, weights, backend=name, return_all=True, **options)
        plain = problem.run(x, state, weights, backend=name, **options)
        towards = present(x, *state, *weights)
        found = [*outputs, *gradients(outputs, towards)]
        for a, b in zip(found, [*plain, *gradients(plain, towards)], strict=True):
            close(a, b)
        traces.append(trace)
        assert torch.equal(trace.h, plain[0])
    for actual, expected in zip(*map(_parts, traces), strict=True):
        close(actual, expected)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("cell", "backend"), EVERY)
def test_gradients_of_the_states_by_cutting_the_scan(cell: str, backend: str) -> None:
    """The state after step t, handed on to a scan of the rest, is a leaf, whose gradient is autograd's alone."""
    problem = Problem(cell)
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    *outputs, trace = problem.run(x, state, weights, backend=backend, return_all=True)
    cotangents = [problem.draw(*o.shape, offset=50 + k) for k, o in enumerate(outputs)]
    torch.autograd.backward(outputs, cotangents)
    every = slice(None)
    for t in range(problem.T - 1):
        first = problem.run(x[:, : t + 1], state, weights, every, slice(t + 1), backend="reference")
        carried = tuple(s.detach().requires_grad_() for s in first[1:])
        rest = problem.run(x[:, t + 1 :], carried, weights, every, slice(t + 1, None), backend="reference")
        through = torch.autograd.grad(rest, carried, [cotangents[0][:, t + 1 :], *cotangents[1:]])
        close(trace.dh[:, t], through[0] + cotangents[0][:, t])
        close(trace.h[:, t], carried[0].detach())
        if problem.has_c:
            close(trace.c[:, t], carried[1].detach())
        if problem.has_c and problem.zoneout() is not None:  # else c_t reaches the loss through h_t as well
            close(trace.dc[:, t], through[1])


@pytest.mark.parametrize(("cell", "backend"), EVERY)
def test_gradients_of_the_gates_by_their_bias(cell: str, backend: str) -> None:
    """b_ih enters each gate at every step, so that the gradients of all steps sum up to its own."""
    problem = Problem(cell)
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    *outputs, trace = problem.run(x, state, weights, backend=backend, lengths=problem.lengths(), return_all=True)
    names = list(find_cell(problem.kind.removesuffix("_projected")).weights)
    b_ih = weights[names.index("b_ih")]
    assert b_ih is not None
    (db_ih,) = gradients(outputs, [b_ih])
    close(torch.cat([d.sum((0, 1)) for d in trace.dgates.values()]), db_ih)


def test_what_the_gates_are_called() -> None:
    names = {
        "rnn_tanh": "n",
        "rnn_relu": "n",
        "gru": "rzn",
        "gru_reset_before": "rzn",
        "lstm": "ifgo",
        "lstm_projected": "ifgo",
    }
    for cell in CELLS:
        problem = Problem(cell)
        *_, trace = problem.run(problem.inputs(), None, problem.weights(), return_all=True)
        assert "".join(trace.gates) == names[cell]
        assert all(gate.shape == (problem.B, problem.T, problem.H) for gate in trace.gates.values())
        assert (trace.c is not None) == problem.has_c


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("cell", "backend"), EVERY)
@pytest.mark.parametrize("needs_grad", [False, True])
def test_no_gradients_before_a_backward_pass(cell: str, backend: str, needs_grad: bool) -> None:
    problem = Problem(cell)
    with torch.set_grad_enabled(needs_grad):
        *_, trace = problem.run(problem.inputs(), None, problem.weights(), backend=backend, return_all=True)
    for name in ("dh", "dc", "dgates"):
        with pytest.raises(TraceError, match=r"no gradients yet.*Call \.backward\(\)"):
            getattr(trace, name)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("cell", "backend"), EVERY)
def test_the_last_backward_pass_counts(cell: str, backend: str) -> None:
    problem = Problem(cell)
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    y, *_, trace = problem.run(x, state, weights, backend=backend, return_all=True)
    y.sum().backward(retain_graph=True)
    assert trace.dh[:, -1].any()
    y[:, 0].sum().backward()
    assert not trace.dh[:, 1:].any()
    close(trace.dh[:, 0], torch.ones_like(trace.dh[:, 0]))


@pytest.mark.parametrize("backend", ["cpu", "formula", "reference"])
def test_a_trace_survives_work_in_place(backend: str) -> None:
    problem = Problem("gru")
    y, _, trace = problem.run(problem.inputs(), None, problem.weights(), backend=backend, return_all=True)
    before = trace.h.clone()
    y.detach().zero_()
    assert torch.equal(trace.h, before)


@pytest.mark.parametrize("backend", ["cpu", "formula", "reference"])
def test_no_steps(backend: str) -> None:
    problem = Problem("lstm", T=0)
    *_, trace = problem.run(problem.inputs(), None, problem.weights(), backend=backend, return_all=True)
    assert trace.h.shape == trace.c.shape == trace.gates["o"].shape == (problem.B, 0, problem.H)


def test_create_graph_hands_out_the_same() -> None:
    problem = Problem("lstm+norm+peep+mask")
    found = []
    for create_graph in (False, True):
        x = problem.inputs()
        y, *_, trace = problem.run(x, problem.state(), problem.weights(), return_all=True)
        torch.autograd.grad(y.square().sum(), x, create_graph=create_graph)
        found.append(_parts(trace))
    for a, b in zip(*found, strict=True):
        close(a, b)
