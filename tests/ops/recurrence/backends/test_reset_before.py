"""The GRU with the reset before the product: against a step written out, ONNX's node tests, and the other GRU."""

import importlib
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule import nn
from chainrule.errors import ArgumentError
from chainrule.functional import gru
from tests.ops.recurrence.problems import Problem, backends_of, gradients
from tests.tolerances import close

Floats = NDArray[np.float64]
BACKENDS = pytest.mark.parametrize("backend", backends_of("gru_reset_before"))


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
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
    outputs = problem.run(x, state, weights, backend=backend)
    H = problem.H
    X, h = (t.detach().numpy() for t in (x, *state))
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
    x = problem.inputs()
    state = problem.state()
    W_ih, W_hh, b_ih, b_hh = problem.weights()
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


@pytest.mark.parametrize("backend", ["auto", *backends_of("gru_reset_before")])
def test_with_layer_normalisation_a_product_may_be_scaled_by_itself(backend: str) -> None:
    """Each of the two products is normalised apart: of large numbers, a factor on either alone changes nothing."""
    problem = Problem("gru_reset_before+norm", H=6)
    x = problem.inputs()
    state = problem.state()
    weights = problem.weights()
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


def test_onnx_node_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of ONNX's GRUs have its default, linear_before_reset=0; their rows are z, r, n."""
    onnx = pytest.importorskip("onnx", reason="ONNX's node tests come with onnx")
    cases = importlib.import_module("onnx.backend.test.case.node.gru")
    seen = []

    def check(node: Any, inputs: list[Any], outputs: list[Any], name: str) -> None:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        named = dict(zip(node.input, map(torch.from_numpy, inputs), strict=True))
        found = _by_layer(attributes, **named)
        for output, expected in zip([output for output in node.output if output], outputs, strict=True):
            close(found[output], torch.from_numpy(expected))
        seen.append(name)

    monkeypatch.setattr(cases, "expect", check)
    for name in dir(cases.GRU):
        if name.startswith("export"):
            getattr(cases.GRU, name)()
    assert len(seen) >= 6


def _by_layer(
    attributes: dict[str, Any], X: Tensor, W: Tensor, R: Tensor, B: Tensor | None = None
) -> dict[str, Tensor]:
    """What chainrule's layer makes of a node's inputs, as the node lays it out."""
    H = attributes["hidden_size"]
    direction = attributes.get("direction", b"forward").decode()
    batch_first = attributes.get("layout", 0) == 1
    reverse = direction == "reverse"
    layer = nn.GRU(X.shape[2], H, bidirectional=len(W) == 2, batch_first=batch_first, reset_after=False)
    biases = torch.zeros(len(W), 6 * H) if B is None else B
    rows = {"weight_ih": W, "weight_hh": R, "bias_ih": biases[:, : 3 * H], "bias_hh": biases[:, 3 * H :]}
    with torch.no_grad():
        for k, suffix in enumerate(("_l0", "_l0_reverse")[: len(W)]):
            for name, each in rows.items():
                z, r, n = each[k].chunk(3)
                layer.get_parameter(name + suffix).copy_(torch.cat((r, z, n)))
        time = 1 if batch_first else 0
        y, h_n = layer(X.flip(time) if reverse else X)
    y = (y.flip(time) if reverse else y).unflatten(2, (-1, H))
    if batch_first:
        return {"Y": y, "Y_h": h_n.transpose(0, 1)}
    return {"Y": y.transpose(1, 2), "Y_h": h_n}
