"""The GRU with the reset before the product: against a step written out, ONNX's node tests, and the other GRU."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from chainrule import nn
from chainrule.errors import ArgumentError
from chainrule.functional import gru
from tests.ops.recurrence.problems import Problem, gradients, rungs
from tests.tolerances import close

Floats = NDArray[np.float64]
BACKENDS = pytest.mark.parametrize("backend", rungs("gru_reset_before"))


def _sigmoid(a: Floats) -> Floats:
    return 1 / (1 + np.exp(-a))


@BACKENDS
def test_one_unit_by_hand(backend: str) -> None:
    """r = sigmoid(0) and z = sigmoid(ln 3) are 1/2 and 3/4, so that h_1 = tanh(w r h_0 + b) / 4 + 3/4 h_0."""
    weights = torch.zeros(3, 1), torch.tensor([[0.0], [0.0], [3.0]])
    biases = torch.tensor([0.0, np.log(3.0), 0.0]), torch.tensor([0.0, 0.0, 0.5])
    tensors = [t.double() for t in (torch.zeros(1, 1, 1), torch.ones(1, 1), *weights, *biases)]
    y, h_n = gru(*tensors, reset_after=False, backend=backend)
    expected = torch.tensor([[np.tanh(2.0) / 4 + 0.75]], dtype=torch.float64)
    close(h_n, expected)
    close(y[:, 0], expected)


@BACKENDS
@pytest.mark.parametrize("bias", [False, True])
def test_the_paper_step_by_step(backend: str, bias: bool) -> None:
    problem = Problem("gru_reset_before", bias=bias)
    x, state, weights = problem.inputs(), problem.state(), problem.weights()
    outputs = problem.run(x, state, weights, backend=backend)
    H, (X, h) = problem.H, (t.detach().numpy() for t in (x, *state))
    W, U, *b = (np.zeros(3 * H) if w is None else w.detach().numpy() for w in weights)
    (W_r, W_z, W_n), (U_r, U_z, U_n), (b_r, b_z, b_n) = (np.split(each, 3) for each in (W, U, b[0] + b[1]))
    for t in range(problem.T):
        r = _sigmoid(X[:, t] @ W_r.T + h @ U_r.T + b_r)
        z = _sigmoid(X[:, t] @ W_z.T + h @ U_z.T + b_z)
        n = np.tanh(X[:, t] @ W_n.T + (r * h) @ U_n.T + b_n)
        h = (1 - z) * n + z * h
        close(outputs[0][:, t].detach(), torch.from_numpy(h))
    close(outputs[1].detach(), torch.from_numpy(h))


@BACKENDS
def test_where_each_unit_sees_itself_alone_both_are_one(backend: str) -> None:
    """w (r h) = r (w h): with a diagonal W_hn and no bias beside it, before and after are the same."""
    problem = Problem("gru")
    x, state, (W_ih, W_hh, b_ih, b_hh) = problem.inputs(), problem.state(), problem.weights()
    assert W_ih is not None
    assert W_hh is not None
    assert b_ih is not None
    assert b_hh is not None
    H = problem.H
    with torch.no_grad():
        W_hh[2 * H :] *= torch.eye(H, dtype=W_hh.dtype)
        b_hh[2 * H :] = 0
    options: dict[str, Any] = {"resets": problem.resets(), "lengths": problem.lengths(), "backend": backend}
    towards = [x, *state, W_ih, W_hh, b_ih]
    outcomes = []
    for reset_after in (True, False):
        outputs = gru(x, state[0], W_ih, W_hh, b_ih, b_hh, reset_after=reset_after, **options)
        found = gradients(outputs, towards)
        found[3] = found[3][: 2 * H]  # off the diagonal of W_hn they differ
        outcomes.append([*outputs, *found])
    for before, after in zip(*outcomes, strict=True):
        close(before, after)


@pytest.mark.parametrize("backend", ["auto", *rungs("gru_reset_before")])
def test_with_layer_normalisation_a_product_may_be_scaled_by_itself(backend: str) -> None:
    """Each of the two products is normalised apart: of large numbers, a factor on either alone changes nothing."""
    problem = Problem("gru_reset_before+norm", H=6)
    x, state, weights = problem.inputs(), problem.state(), problem.weights()
    assert weights[1] is not None
    with torch.no_grad():
        weights[1].mul_(1e6)
    y, _ = problem.run(x, state, weights, backend=backend)
    for rows in (slice(12), slice(12, None)):
        scaled = weights[1].detach().clone()
        scaled[rows] *= 7
        close(problem.run(x, state, (weights[0], scaled, *weights[2:]), backend=backend)[0], y.detach())


def test_reset_after_is_true_or_false() -> None:
    with pytest.raises(ArgumentError, match=r"reset_after is .*expected True or False"):
        gru(torch.ones(1, 1, 1), None, torch.ones(3, 1), torch.ones(3, 1), reset_after=1)  # type: ignore[call-overload]


def _node_tests() -> list[Any]:
    pytest.importorskip("onnx", reason="ONNX's node tests come with onnx")
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings(action="ignore"):  # of other nodes' tests, which it makes too
        return [case for case in collect_testcases("GRU") if case.name.startswith("test_gru")]


def test_onnx_node_tests() -> None:
    """All of ONNX's GRUs have its default, linear_before_reset=0; their rows are z, r, n."""
    cases = _node_tests()
    assert len(cases) >= 6
    for case in cases:
        _check_node(case)


def _check_node(case: Any) -> None:
    from onnx import helper

    (node,) = case.model.graph.node
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    ((inputs, outputs),) = case.data_sets
    given = dict(zip(node.input, (torch.from_numpy(np.asarray(i)) for i in inputs), strict=True))
    H, direction = attributes["hidden_size"], attributes.get("direction", b"forward").decode()
    x = given["X"].transpose(0, 1) if attributes.get("layout", 0) else given["X"]
    layer = nn.GRU(x.shape[2], H, bidirectional=direction == "bidirectional", reset_after=False)
    biases = given.get("B", torch.zeros(len(given["W"]), 6 * H)).split(3 * H, dim=1)
    with torch.no_grad():
        for k, suffix in enumerate(("", "_reverse")[: len(given["W"])]):
            for name, rows in (
                ("weight_ih", given["W"]),
                ("weight_hh", given["R"]),
                ("bias_ih", biases[0]),
                ("bias_hh", biases[1]),
            ):
                z, r, n = rows[k].chunk(3)
                layer.get_parameter(f"{name}_l0{suffix}").copy_(torch.cat((r, z, n)))
        y, h_n = layer(x.flip(0) if direction == "reverse" else x)
    y = (y.flip(0) if direction == "reverse" else y).unflatten(2, (-1, H)).transpose(1, 2)
    found = {"Y": y, "Y_h": h_n}
    if attributes.get("layout", 0):
        found = {"Y": y.permute(2, 0, 1, 3), "Y_h": h_n.transpose(0, 1)}
    for name, expected in zip([name for name in node.output if name], outputs, strict=True):
        close(found[name], torch.from_numpy(np.asarray(expected)))
