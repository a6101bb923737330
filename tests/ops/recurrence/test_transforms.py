"""torch.func's transforms of the recurrence, beside ordinary autograd and one row at a time."""

import pytest
import torch
from torch import Tensor
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap

from chainrule.errors import BackendError
from tests.ops.recurrence.problems import CELLS, OPTIONED, OTHERS, Problem, gradients, present
from tests.tolerances import close

# torch's own forward mode uses what torch itself deprecates
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:.*torch.jit:FutureWarning")

# masks of zoneout would have to be mapped too, and the problem draws them inside
cells = pytest.mark.parametrize("cell", [cell for cell in CELLS + OTHERS + OPTIONED if "+mask" not in cell])


def _states(problem: Problem) -> int:
    return problem.parts


def loss(problem: Problem, *tensors: Tensor, **options: object) -> Tensor:
    """A number that depends on every output, of x, the states and the weights."""
    n = _states(problem)
    outputs = problem.run(tensors[0], tensors[1 : 1 + n], tensors[1 + n :], backend="formula", **options)
    return torch.stack([y.square().sum() for y in outputs]).sum()


def leaves(problem: Problem) -> list[Tensor]:
    return present(problem.inputs(), *problem.state(), *problem.weights())


@pytest.mark.sampled(1)
@cells
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_gradients(cell: str, masked: bool, reverse: bool) -> None:
    problem = Problem(cell)
    masks = {"resets": problem.resets(), "lengths": problem.lengths()} if masked else {}
    tensors = leaves(problem)
    expected = torch.autograd.grad(loss(problem, *tensors, reverse=reverse, **masks), tensors)
    every = tuple(range(len(tensors)))
    detached = [t.detach() for t in tensors]
    actual = grad(lambda *t: loss(problem, *t, reverse=reverse, **masks), every)(*detached)
    for one, other in zip(actual, expected, strict=True):
        close(one, other)


@cells
def test_gradients_of_each_sample_with_its_own_resets(cell: str) -> None:
    problem = Problem(cell)
    tensors = leaves(problem)
    resets = problem.resets()
    n = _states(problem)
    every = tuple(range(len(tensors)))
    mapped = (*(0 for _ in range(1 + n)), *(None for _ in tensors[1 + n :]), 0)

    def sample(*each: Tensor) -> Tensor:
        batched = [t[None] for t in each[: 1 + n]]
        return loss(problem, *batched, *each[1 + n : -1], resets=each[-1][None])

    actual = vmap(grad(sample, every), mapped)(*(t.detach() for t in tensors), resets)
    for b in range(problem.B):
        row = [t[b : b + 1] for t in tensors[: 1 + n]]
        expected = torch.autograd.grad(loss(problem, *row, *tensors[1 + n :], resets=resets[b : b + 1]), tensors)
        for k, (one, other) in enumerate(zip(actual, expected, strict=True)):
            close(one[b], other[b] if k < 1 + n else other)


@cells
def test_the_tangent_is_the_gradient_along_the_direction(cell: str) -> None:
    problem = Problem(cell)
    tensors = leaves(problem)
    directions = [problem.draw(*t.shape, offset=40 + k) for k, t in enumerate(tensors)]
    total = loss(problem, *tensors)
    slopes = torch.autograd.grad(total, tensors)
    expected = torch.stack([(g * d).sum() for g, d in zip(slopes, directions, strict=True)]).sum()
    detached = tuple(t.detach() for t in tensors)
    value, tangent = jvp(lambda *t: loss(problem, *t), detached, tuple(directions))  # type: ignore[misc]
    close(value, total.detach())
    close(tangent, expected)


@cells
def test_second_derivatives(cell: str) -> None:
    problem = Problem(cell, B=1, T=3, I=2, H=3)
    x, *others = (t.detach() for t in leaves(problem))
    expected = torch.autograd.functional.hessian(lambda x: loss(problem, x, *others), x)
    close(hessian(lambda x: loss(problem, x, *others))(x), expected)
    close(jacrev(jacfwd(lambda x: loss(problem, x, *others)))(x), expected)


def test_an_ensemble_of_weights() -> None:
    problem = Problem("gru")
    x, h_0, *weights = (t.detach() for t in leaves(problem))
    members = [torch.stack([w, 2 * w]) for w in weights]
    y, h_n = vmap(lambda *w: problem.run(x, (h_0,), w))(*members)
    for k in range(2):
        y_k, h_k = problem.run(x, (h_0,), [w[k] for w in members])
        close(y[k], y_k)
        close(h_n[k], h_k)


def test_gradients_through_a_vmap() -> None:
    """Here autograd stands outside of the transform."""
    problem = Problem("lstm")
    x, h_0, c_0, *weights = leaves(problem)
    rows = vmap(lambda *r: problem.run(r[0][None], (r[1][None], r[2][None]), weights))(x, h_0, c_0)
    expected = problem.run(x, (h_0, c_0), weights)
    tensors = [x, h_0, c_0, *present(*weights)]
    for one, other in zip(gradients([r[:, 0] for r in rows], tensors), gradients(expected, tensors), strict=True):
        close(one, other)


@pytest.mark.parametrize("backend", ["formula", "reference"])
def test_mapped_lengths_are_refused(backend: str) -> None:
    problem = Problem("gru")
    x = problem.inputs()
    weights = problem.weights()
    with pytest.raises(BackendError, match="lengths cannot be mapped"):
        vmap(lambda x, n: problem.run(x[None], None, weights, lengths=n[None], backend=backend))(x, problem.lengths())


def test_no_trace_inside() -> None:
    problem = Problem("gru")
    x = problem.inputs()
    weights = problem.weights()
    with pytest.raises(BackendError, match=r"return_all=True .* neither under torch\.func"):
        vmap(lambda x: problem.run(x[None], None, weights, return_all=True)[0])(x)
