"""ONNX's own cases for its recurrent and convolution nodes, put to our ops: another definition than torch's."""

import importlib
import warnings
from typing import Any

import numpy as np
import onnx
import onnx.backend.test.case.node as nodes
import pytest
import torch
from torch import Tensor

from chainrule import functional

with warnings.catch_warnings():
    warnings.simplefilter("ignore", RuntimeWarning)  # now and then NumPy reports what unused lanes of a product held
    for node in ("conv", "gru", "lstm", "rnn"):
        importlib.import_module(f"onnx.backend.test.case.node.{node}")  # which makes its cases

ORDER = {"RNN": [0], "GRU": [1, 0, 2], "LSTM": [0, 2, 3, 1]}  # of our gates, among theirs
CASES = {case.name: case for case in nodes._NodeTestCases if case.model.graph.node[0].op_type in {*ORDER, "Conv"}}


def _gates(weights: Tensor, op: str) -> Tensor:
    """(gates * hidden, ...), in our order."""
    parts = weights.chunk(len(ORDER[op]))
    return torch.cat([parts[k] for k in ORDER[op]])


def _direction(op: str, k: int, given: dict[str, Tensor], x: Tensor, options: dict[str, Any]) -> tuple[Tensor, ...]:
    """y (batch, time, hidden), h_n and c_n of one direction."""
    weights = [_gates(given[name][k], op) for name in ("W", "R")]
    if "B" in given:
        weights += [_gates(part, op) for part in given["B"][k].chunk(2)]
    h_0 = given["initial_h"][k] if "initial_h" in given else None
    if op == "LSTM":
        if "P" in given:
            i, o, f = given["P"][k].chunk(3)
            options = {**options, "weight_peep": torch.cat([i, f, o])}
        state = None if h_0 is None else (h_0, given["initial_c"][k])
        y, (h, c) = functional.lstm(x, state, *weights, **options)
        return y, h, c
    return (functional.gru if op == "GRU" else functional.rnn)(x, h_0, *weights, **options)


def _recurrent(op: str, given: dict[str, Tensor], attributes: dict[str, Any]) -> dict[str, Tensor]:
    batchwise = attributes.get("layout", 0) == 1
    x = given["X"] if batchwise else given["X"].transpose(0, 1)
    direction = attributes.get("direction", b"forward")
    reverses = {b"forward": [False], b"reverse": [True], b"bidirectional": [False, True]}[direction]
    options: dict[str, Any] = {"lengths": given["sequence_lens"]} if "sequence_lens" in given else {}
    if op == "GRU":
        options["reset_after"] = bool(attributes.get("linear_before_reset", 0))
    runs = [_direction(op, k, given, x, {**options, "reverse": reverse}) for k, reverse in enumerate(reverses)]
    y, *last = (torch.stack(column, dim=-2) for column in zip(*runs, strict=True))  # (batch, ..., directions, hidden)
    if not batchwise:
        y = y.permute(1, 2, 0, 3)
        last = [part.transpose(0, 1) for part in last]
    return dict(zip(("Y", "Y_h", "Y_c"), (y, *last), strict=False))


def _convolved(given: dict[str, Tensor], attributes: dict[str, Any]) -> dict[str, Tensor]:
    x = given["x"]
    weight = given["W"]
    strides = attributes.get("strides", [1, 1])
    half = len(attributes.get("pads", [])) // 2
    pairs = [(attributes["pads"][k], attributes["pads"][half + k]) for k in range(half)]
    if attributes.get("auto_pad") == b"SAME_LOWER":
        reach = [
            max((-(-n // s) - 1) * s + k - n, 0) for n, s, k in zip(x.shape[2:], strides, weight.shape[2:], strict=True)
        ]
        pairs = [(r - r // 2, r // 2) for r in reach]
    return {"y": functional.convolution(x, weight, stride=strides, padding=pairs)}


@pytest.mark.parametrize("name", CASES)
def test_what_onnx_defines(name: str) -> None:
    (node,) = CASES[name].model.graph.node
    ((inputs, outputs),) = CASES[name].data_sets
    named = [each for each in node.input if each]
    given = {each: torch.from_numpy(np.array(value)) for each, value in zip(named, inputs, strict=True)}
    attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    found = _convolved(given, attributes) if node.op_type == "Conv" else _recurrent(node.op_type, given, attributes)
    for output, expected in zip([each for each in node.output if each], outputs, strict=True):
        torch.testing.assert_close(found[output], torch.from_numpy(np.array(expected)), rtol=1e-5, atol=1e-6)
