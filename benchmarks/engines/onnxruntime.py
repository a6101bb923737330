"""ONNX Runtime, inference only.

Its threads spin between two calls, as they do for its users. The parent waits until they have stopped before another
engine's turn. For small layers one thread is faster than several: both are tried.
"""

from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.engines import Built, Call
from benchmarks.peers.points import GATES, Array, Point, inputs, weights

__all__ = ["build"]

# torch's gates in ONNX's order: GRU z, r, n; LSTM i, o, f, g
_ORDER = {"rnn_tanh": (0,), "rnn_relu": (0,), "gru": (1, 0, 2), "lstm": (0, 3, 1, 2)}
_OPERATOR = {"rnn_tanh": "RNN", "rnn_relu": "RNN", "gru": "GRU", "lstm": "LSTM"}


def build(point: Point, threads: int) -> Built:
    built = Built({})
    counts = dict.fromkeys((threads, 1))
    for count in counts:
        session = _session(point, count)
        suffix = "" if len(counts) == 1 else f", {count} thread{'s' * (count > 1)}"
        if point.task == "forward":
            built.ways[f"run{suffix}"] = _forward(point, session)
        else:
            built.ways[f"run{suffix}"] = _stream(point, session)
            built.ways[f"io_binding{suffix}"] = _bound_stream(point, session)
    if point.task == "forward":
        # the arena keeps its memory from call to call and would hide it
        built.memory = _forward(point, _session(point, threads, arena=False))
    return built


def _session(point: Point, threads: int, *, arena: bool = True) -> onnxruntime.InferenceSession:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.enable_cpu_mem_arena = arena
    return onnxruntime.InferenceSession(_model(point), settings, providers=["CPUExecutionProvider"])


def _model(point: Point) -> bytes:
    """Forward: x -> y (T, 1, B, H). Stream: x, h[, c] -> h_n (1, B, H)[, c_n]."""
    w = {name: _reordered(point, value) for name, value in weights(point).items()}
    constants = {"w": w["ih"], "r": w["hh"], "b": np.concatenate([w["b_ih"], w["b_hh"]], axis=1)}
    states = _states(point) if point.task == "stream" else []
    outputs = [f"{s}_n" for s in states] or ["y"]
    options: dict[str, Any] = {"linear_before_reset": 1} if point.cell == "gru" else {}
    if point.cell == "rnn_relu":
        options["activations"] = ["Relu"]
    node = helper.make_node(
        _OPERATOR[point.cell],
        ["x", *constants, "", *states],
        ["", *outputs] if states else outputs,
        hidden_size=point.shape.H,
        **options,
    )
    graph = helper.make_graph(
        [node],
        point.cell,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", *states)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    serialised: bytes = model.SerializeToString()
    return serialised


def _reordered(point: Point, value: Array) -> Array:
    gates = value.reshape(GATES[point.cell], -1, *value.shape[1:])
    return np.ascontiguousarray(gates[list(_ORDER[point.cell])].reshape(value.shape))[None]


def _states(point: Point) -> list[str]:
    return ["h", "c"] if point.cell == "lstm" else ["h"]


def _forward(point: Point, session: Any) -> Call:
    feeds = {"x": inputs(point)[0]}
    return lambda: session.run(["y"], feeds)[0]


def _stream(point: Point, session: Any) -> Call:
    """As most users do it: the state comes out and goes in again."""
    states = _states(point)
    names = [f"{s}_n" for s in states]
    feeds = {"x": inputs(point)[0]} | {s: np.zeros((1, 1, point.shape.H), np.float32) for s in states}

    def step() -> Any:
        new = session.run(names, feeds)
        feeds.update(zip(states, new, strict=True))
        return new[0]

    return step


def _bound_stream(point: Point, session: Any) -> Call:
    """Two bindings to the same two sets of states, in and out changing places, so that nothing is allocated.

    The step's input is new each time, and is written to the memory that is bound.
    """
    x = inputs(point)[0]
    bound = np.empty_like(x)
    memory = [{s: np.zeros((1, 1, point.shape.H), np.float32) for s in _states(point)} for _ in range(2)]
    values = [{s: onnxruntime.OrtValue.ortvalue_from_numpy(a) for s, a in side.items()} for side in memory]
    value = onnxruntime.OrtValue.ortvalue_from_numpy(bound)
    bindings = [session.io_binding(), session.io_binding()]
    for binding, before, after in zip(bindings, values, reversed(values), strict=True):
        binding.bind_ortvalue_input("x", value)
        for s in _states(point):
            binding.bind_ortvalue_input(s, before[s])
            binding.bind_ortvalue_output(f"{s}_n", after[s])
    side = 0

    def step() -> Array:
        nonlocal side
        np.copyto(bound, x)
        session.run_with_iobinding(bindings[side])
        side = 1 - side
        return memory[side]["h"]  # the values share the arrays' memory

    return step
