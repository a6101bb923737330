"""The derived backward pass against finite differences, once and twice, and against closed forms."""

import itertools

import pytest
import torch
from torch import Tensor

from chainrule.functional import rnn
from tests.ops.recurrence.problems import (
    BACKEND_NAMES,
    CELLS,
    OPTIONED,
    OTHERS,
    Problem,
    backends_of,
    gradients,
    present,
)
from tests.tolerances import close

DERIVED = [
    (cell, backend) for cell in CELLS + OTHERS + OPTIONED for backend in backends_of(cell) if backend != "reference"
]
MASKED = list(itertools.product([False, True], [False, True]))  # whether masked, and reverse
# with options the masks go with one direction, and no masks with the other: enough, and half the time
EVERY = [(*case, *m) for case in DERIVED for m in (MASKED if case[0] in CELLS else ((False, False), (True, True)))]


def _tiny(cell: str, backend: str, masked: bool, reverse: bool) -> tuple[Problem, dict[str, object]]:
    problem = Problem(cell, B=2, T=3, I=2, H=3 if "+norm" in cell or "projected" in cell else 2)
    options: dict[str, object] = {"reverse": reverse, "backend": backend}
    if masked:
        options["resets"] = torch.tensor([[False, True, False], [True, True, False]])
        options["lengths"] = torch.tensor([3, 2])
    return problem, options


def _function(problem: Problem, options: dict[str, object], *tensors: Tensor) -> tuple[Tensor, ...]:
    n = len(problem.state())
    return problem.run(tensors[0], tensors[1 : 1 + n], tensors[1 + n :], **options)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("cell", "backend", "masked", "reverse"), EVERY)
def test_first_derivative(cell: str, backend: str, masked: bool, reverse: bool) -> None:
    problem, options = _tiny(cell, backend, masked, reverse)
    tensors = present(problem.inputs(), *problem.state(), *problem.weights())
    assert torch.autograd.gradcheck(lambda *t: _function(problem, options, *t), tensors)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("cell", "backend", "masked", "reverse"), EVERY)
def test_second_derivative(cell: str, backend: str, masked: bool, reverse: bool) -> None:
    problem, options = _tiny(cell, backend, masked, reverse)
    tensors = present(problem.inputs(), *problem.state(), *problem.weights())
    # along random directions, which a wrong entry turns: all entries one by one take ten times as long
    assert torch.autograd.gradgradcheck(lambda *t: _function(problem, options, *t), tensors, fast_mode=True)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("cell", "derived"), DERIVED)
def test_third_derivative_equals_the_references(cell: str, derived: str) -> None:
    thirds = []
    for backend in (derived, "reference"):
        problem, options = _tiny(cell, backend, masked=False, reverse=False)
        tensors = present(problem.inputs(), *problem.state(), *problem.weights())
        outputs = _function(problem, options, *tensors)
        total = torch.stack([o.pow(3).sum() for o in outputs]).sum()
        for _ in range(2):
            grads = torch.autograd.grad(total, tensors, create_graph=True)
            total = torch.stack([g.pow(2).sum() for g in grads]).sum()
        thirds.append(torch.autograd.grad(total, tensors))
    for actual, expected in zip(*thirds, strict=True):
        close(actual, expected)


@pytest.mark.parametrize(("cell", "backend"), DERIVED)
def test_each_gradient_alone_equals_all_together(cell: str, backend: str) -> None:
    problem = Problem(cell)
    tensors = present(problem.inputs(), *problem.state(), *problem.weights())
    options: dict[str, object] = {"backend": backend}
    together = gradients(_function(problem, options, *tensors), tensors)
    for k, expected in enumerate(together):
        alone = [t.detach() for t in tensors]
        alone[k].requires_grad_()
        (actual,) = gradients(_function(problem, options, *alone), [alone[k]])
        assert torch.equal(actual, expected)


@pytest.mark.parametrize("backend", BACKEND_NAMES)
@pytest.mark.parametrize("w", [0.5, 1.0, 2.0])
def test_vanishing_and_exploding_in_closed_form(backend: str, w: float) -> None:
    """A relu network on positive numbers is linear: h_t = w h_{t-1} + x_t, so that dh_T/dx_t = w^(T-t)."""
    T = 12
    x = torch.ones(1, T, 1, dtype=torch.float64, requires_grad=True)
    h_0 = torch.ones(1, 1, dtype=torch.float64, requires_grad=True)
    W_hh = torch.full((1, 1), w, dtype=torch.float64, requires_grad=True)
    one = torch.ones(1, 1, dtype=torch.float64)
    _, h_n = rnn(x, h_0, one, W_hh, nonlinearity="relu", backend=backend)
    dx, dh_0, dw = torch.autograd.grad(h_n.sum(), [x, h_0, W_hh])
    powers = torch.tensor([w**k for k in range(T + 1)], dtype=torch.float64)
    close(h_n.detach().flatten(), powers.sum().reshape(1))
    close(dx.flatten(), powers[:T].flip(0))
    close(dh_0.flatten(), powers[T:])
    close(dw.flatten(), (torch.arange(1, T + 1) * powers[:T]).sum().reshape(1))
