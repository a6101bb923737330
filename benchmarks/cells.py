"""The same recurrent layer in every framework, from the same weights."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import Tensor, nn

__all__ = ["CELLS", "GATES", "Layer", "Shape", "in_jax", "in_onnxruntime", "make_layer"]

CELLS = ("rnn_tanh", "rnn_relu", "gru", "lstm")
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}

Layer = nn.RNN | nn.GRU | nn.LSTM
_Array = NDArray[np.float32]


class Shape(NamedTuple):
    """T steps of B rows, I inputs, H hidden units."""

    T: int
    B: int
    I: int  # noqa: E741 (the derivation's symbol)
    H: int

    def __str__(self) -> str:
        return f"{self.T}x{self.B}x{self.I}x{self.H}"


def make_layer(cell: str, shape: Shape, library: Any) -> Layer:
    """The layer of ``torch.nn`` or ``chainrule.nn``, time first, the same weights for the same seed."""
    torch.manual_seed(0)
    if cell in ("gru", "lstm"):
        layer: Layer = getattr(library, cell.upper())(shape.I, shape.H)
        return layer
    relu: Layer = library.RNN(shape.I, shape.H, nonlinearity=cell.removeprefix("rnn_"))
    return relu


def _step(cell: str, H: int) -> Callable[[Any, Any, Any], Any]:
    """One step in JAX: (state, gx, weights) -> state."""

    def gru(state: Any, gx: Any, w: Any) -> Any:
        (h,) = state
        gh = h @ w["hh"].T + w["b_hh"]
        rz = jax.nn.sigmoid(gx[..., : 2 * H] + gh[..., : 2 * H])
        n = jnp.tanh(gx[..., 2 * H :] + rz[..., :H] * gh[..., 2 * H :])
        z = rz[..., H:]
        return (n + z * (h - n),)

    def lstm(state: Any, gx: Any, w: Any) -> Any:
        h, c = state
        a = gx + h @ w["hh"].T + w["b_hh"]
        i, f, g, o = (a[..., k * H : (k + 1) * H] for k in range(4))
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c

    def rnn(state: Any, gx: Any, w: Any) -> Any:
        (h,) = state
        a = gx + h @ w["hh"].T + w["b_hh"]
        return (jnp.tanh(a) if cell == "rnn_tanh" else jax.nn.relu(a),)

    return {"gru": gru, "lstm": lstm}.get(cell, rnn)


def in_jax(cell: str, layer: Layer) -> tuple[Any, Callable[[Any, Any], Any], Callable[[Any, Any, Any], Any]]:
    """Weights, forward(weights, x) -> y, and step(weights, x_t, state) -> state, time first, not jitted yet."""
    weights = {
        name: jnp.asarray(getattr(layer, attribute).detach().numpy())
        for name, attribute in (
            ("ih", "weight_ih_l0"),
            ("hh", "weight_hh_l0"),
            ("b_ih", "bias_ih_l0"),
            ("b_hh", "bias_hh_l0"),
        )
    }
    step, H = _step(cell, layer.hidden_size), layer.hidden_size

    def forward(w: Any, x: Any) -> Any:
        gx = x @ w["ih"].T + w["b_ih"]
        zeros = jnp.zeros((x.shape[1], H), x.dtype)
        first = (zeros, zeros) if cell == "lstm" else (zeros,)

        def body(state: Any, gx_t: Any) -> Any:
            state = step(state, gx_t, w)
            return state, state[0]

        return jax.lax.scan(body, first, gx)[1]

    def one(w: Any, x_t: Any, state: Any) -> Any:
        return step(state, x_t @ w["ih"].T + w["b_ih"], w)

    return weights, forward, one


# torch's gates in ONNX's order: GRU z, r, n; LSTM i, o, f, g.
_ONNX_ORDER = {"rnn_tanh": (0,), "rnn_relu": (0,), "gru": (1, 0, 2), "lstm": (0, 3, 1, 2)}


def in_onnxruntime(cell: str, layer: Layer, threads: int) -> Callable[[dict[str, _Array]], list[_Array]]:
    """A session's run: {"x": (T, B, I), "h": (1, B, H)[, "c"]} -> [y (T, 1, B, H), h[, c]]."""
    order, G = _ONNX_ORDER[cell], GATES[cell]

    def reordered(parameter: Tensor) -> _Array:
        gates = parameter.detach().numpy().reshape(G, -1, *parameter.shape[1:])
        return np.ascontiguousarray(gates[list(order)].reshape(parameter.shape))[None]

    bias = np.concatenate([reordered(layer.bias_ih_l0), reordered(layer.bias_hh_l0)], axis=1)
    constants = {"w": reordered(layer.weight_ih_l0), "r": reordered(layer.weight_hh_l0), "b": bias}
    options: dict[str, Any] = {"linear_before_reset": 1} if cell == "gru" else {}
    if cell == "rnn_relu":
        options["activations"] = ["Relu"]
    states = ["h", "c"] if cell == "lstm" else ["h"]
    operator = {"gru": "GRU", "lstm": "LSTM"}.get(cell, "RNN")
    outputs = ["y", *(f"{s}_n" for s in states)]
    node = helper.make_node(
        operator, ["x", "w", "r", "b", "", *states], outputs, hidden_size=layer.hidden_size, **options
    )
    graph = helper.make_graph(
        [node],
        cell,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", *states)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)
