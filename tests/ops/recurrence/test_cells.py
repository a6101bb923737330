"""Cells: what a CellSpec refuses, the table of them, and the equations of those that only the library has."""

import copy
import pickle
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from chainrule.errors import ArgumentError, ShapeError
from chainrule.functional import recurrence
from chainrule.models.settings import LATENT
from chainrule.nn import CellSpec, register_cell
from chainrule.ops.recurrence.backends.cpu import native
from chainrule.ops.recurrence.cells import BUILT_IN, cells, find_cell
from chainrule.ops.recurrence.cells.spec import Gates, State
from tests.ops.recurrence.problems import LEAKY, OTHERS, Problem, gradients, present
from tests.tolerances import close


def _step(x: Tensor, state: State, w: Any) -> tuple[State, Gates]:
    raise AssertionError


GOOD: dict[str, Any] = {"name": "own", "gates": {"n": "tanh"}, "step": _step}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "my cell"}, "must be an identifier, got 'my cell'"),
        ({"gates": {}}, "needs gates"),
        ({"gates": {"n": "softplus"}}, "squashed by 'softplus'; expected one of sigmoid, tanh"),
        ({"state": ()}, 'with "h", the output, first'),
        ({"state": ("c", "h")}, 'with "h", the output, first'),
        ({"state": ("h", "h")}, "all different"),
        ({"weights": {"W_hh": "G H"}}, 'must have W_ih of the sizes "G I"'),
        ({"weights": {"W_ih": "G I", "u": "3K"}}, "'u' of the cell own has the sizes '3K'"),
        ({"weights": {"W_ih": "G I", "u": "G H H"}}, "one or two sizes"),
        ({"zoneout": ("c",)}, "zoneout of the cell own keeps c; expected parts of its state, h"),
    ],
)
def test_what_a_cell_cannot_be(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        CellSpec(**(GOOD | wrong))


@pytest.mark.parametrize("name", ["gruu", "", "GRU", None, 3])
def test_unknown_names_are_refused_with_the_known_ones(name: Any) -> None:
    with pytest.raises(ArgumentError, match=r"unknown cell .*; the known ones are rnn_tanh, rnn_relu, gru, .*slstm"):
        find_cell(name)


def test_the_library_s_own_cells_stay() -> None:
    with pytest.raises(ArgumentError, match="gru is one of the library's own cells"):
        register_cell(CellSpec(**(GOOD | {"name": "gru"})))
    with pytest.raises(ArgumentError, match="gru is one of the library's own cells"):  # a backend would take it for it
        recurrence(CellSpec(**(GOOD | {"name": "gru"})), torch.ones(1, 1, 1), None, {"weight_ih": torch.ones(1, 1)})
    with pytest.raises(ArgumentError, match="takes a CellSpec, got str"):
        register_cell("gru")  # type: ignore[arg-type]
    assert cells()[: len(BUILT_IN)] == BUILT_IN


def test_a_cell_may_be_registered_again() -> None:
    assert find_cell("leaky") is register_cell(LEAKY)
    assert register_cell(LEAKY) in cells()


def test_copies_and_pickles_are_the_same_cell() -> None:
    assert copy.deepcopy(LEAKY) is LEAKY
    assert pickle.loads(pickle.dumps(LEAKY)) is LEAKY  # noqa: S301  # made a moment ago


def test_the_kernels_have_the_cells_that_say_so() -> None:
    numbers = [spec.kernel for spec in BUILT_IN if spec.kernel is not None]
    assert sorted(numbers) == list(range(len(numbers)))
    assert native.CELLS.keys() == {spec.name for spec in BUILT_IN if spec.kernel is not None}


def test_the_models_are_named_without_the_cells_that_name_them() -> None:
    assert tuple(spec.model for spec in BUILT_IN if spec.model is not None) == LATENT


@pytest.mark.parametrize("cell", OTHERS)
def test_weights_and_states_that_do_not_fit(cell: str) -> None:
    problem = Problem(cell)
    x = problem.inputs()
    names = dict(zip(find_cell(cell).symbols, problem.weights(), strict=False))
    with pytest.raises(ArgumentError, match=f"the cell {cell} has no weight_hr; its weights are weight_ih"):
        recurrence(cell, x, None, names | {"weight_hr": x})
    with pytest.raises(ArgumentError, match=f"the cell {cell} needs weight_ih"):
        recurrence(cell, x, None, {name: w for name, w in names.items() if name != "weight_ih"})
    with pytest.raises(ArgumentError, match=f"state of {cell} must be None or a tuple of its parts"):
        recurrence(cell, x, [x] * 7, names)
    with pytest.raises(ShapeError, match=r"h_0 must be \(3, 5\)"):
        recurrence(cell, x, [x] * len(find_cell(cell).state), names)


@pytest.mark.parametrize("cell", ["rnn_tanh", "gru", "gru_reset_before", "lstm", "mingru", "slstm"])
def test_autograd_stands_in_for_a_formula(cell: str) -> None:
    """The same cell without its formula and kernel: what a cell of one's own is."""
    spec = replace(find_cell(cell), name="bare", formula=None, kernel=None)
    problem = Problem(cell)
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    names = dict(zip(find_cell(cell).symbols, weights, strict=False))
    options: dict[str, Any] = {"resets": problem.resets(), "lengths": problem.lengths(), "backend": "formula"}
    outcomes = []
    for each in (spec, find_cell(cell)):
        y, last, trace = recurrence(each, x, state, names, return_all=True, **options)
        found = gradients([y, *last], present(x, *state, *weights))
        outcomes.append([y, *last, *found, *trace.gates.values(), *trace.dgates.values(), *trace.dstates.values()])
    for actual, expected in zip(*outcomes, strict=True):
        close(actual, expected)


def test_mingru_by_its_equations() -> None:
    """Feng et al. (2024), section 3.1."""
    problem = Problem("mingru", T=9)
    x = problem.inputs()
    (h,) = problem.state()
    W, b = present(*problem.weights())
    y, _ = recurrence("mingru", x, (h,), {"weight_ih": W, "bias_ih": b})
    for t in range(problem.T):
        z = torch.sigmoid(x[:, t] @ W[: problem.H].T + b[: problem.H])
        candidate = x[:, t] @ W[problem.H :].T + b[problem.H :]
        h = (1 - z) * h + z * candidate
        close(y[:, t], h)


def _without_stabiliser(x: Tensor, W: Tensor, R: Tensor) -> Tensor:
    """Beck et al. (2024), equations 8 to 14: exponential input gate, sigmoid forget gate."""
    h = c = n = x.new_zeros(len(x), R.shape[1])
    outputs = []
    for t in range(x.shape[1]):
        a_i, a_f, a_z, a_o = (x[:, t] @ W.T + h @ R.T).chunk(4, -1)
        c = torch.sigmoid(a_f) * c + torch.exp(a_i) * torch.tanh(a_z)
        n = torch.sigmoid(a_f) * n + torch.exp(a_i)
        h = torch.sigmoid(a_o) * c / n
        outputs.append(h)
    return torch.stack(outputs, 1)


def test_slstm_by_its_equations() -> None:
    problem = Problem("slstm", T=9, bias=False)
    x = problem.inputs()
    W, R = present(*problem.weights())
    y, _ = recurrence("slstm", x, None, {"weight_ih": W, "weight_hh": R})
    expected = _without_stabiliser(x, W, R)
    close(y, expected)
    for actual, theirs in zip(gradients([y], [x, W, R]), gradients([expected], [x, W, R]), strict=True):
        close(actual, theirs)


@pytest.mark.parametrize("backend", ["formula", "reference"])
def test_slstm_does_not_overflow(backend: str) -> None:
    """Inputs whose exponentials float32 does not hold, up and down."""
    x = torch.tensor([[300.0, -300.0, 300.0, -300.0, 0.0]]).unsqueeze(-1).requires_grad_()
    W = torch.tensor([[1.0], [-1.0], [0.5], [0.2]], requires_grad=True)
    R = torch.full((4, 1), 0.1, requires_grad=True)
    y, (_, _, n, _) = recurrence("slstm", x, None, {"weight_ih": W, "weight_hh": R}, backend=backend)
    assert y.isfinite().all()
    assert n.min() >= 1
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(y.sum(), [x, W, R]))
