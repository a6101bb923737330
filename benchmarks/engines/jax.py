"""JAX: a jitted scan. XLA's threads are as many as the processors that the worker may use.

Two ways, of which now one and now the other is faster: the plain scan with weights as torch lays them out, and
four steps unrolled with the weights transposed beforehand.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.engines import Built, Call
from benchmarks.peers.points import Point, inputs, weights

__all__ = ["build"]

_State = tuple[Any, ...]


class _Way(NamedTuple):
    """Weights as torch lays them out or transposed, and how many steps of the scan are unrolled."""

    w: dict[str, Any]
    transposed: bool
    unroll: int

    def times(self, x: Any, W: Any) -> Any:
        return x @ (W if self.transposed else W.T)


def build(point: Point, threads: int) -> Built:
    make = {"training": _training, "bfloat16": _training, "forward": _forward, "stream": _stream}[point.task]
    plain = {name: jnp.asarray(value) for name, value in weights(point).items()}
    transposed = {name: jnp.asarray(value.T.copy()) for name, value in weights(point).items()}
    return Built({"scan": make(point, _Way(plain, False, 1)), "unrolled": make(point, _Way(transposed, True, 4))})


def _training(point: Point, way: _Way) -> Call:
    x, dy = map(jnp.asarray, inputs(point))

    def both(w: Any, x: Any, dy: Any) -> Any:
        y, backward = jax.vjp(lambda w, x: _scan(point, way, w, x, _zeros(point))[1], w, x)
        dw, dx = backward(dy)
        return y, dx, dw["ih"], dw["hh"], dw["b_ih"], dw["b_hh"]

    step = jax.jit(both)

    def turned() -> Any:
        y, dx, d_ih, d_hh, *rest = jax.block_until_ready(step(way.w, x, dy))
        return y, dx, np.asarray(d_ih).T, np.asarray(d_hh).T, *rest  # views of JAX's own memory

    return turned if way.transposed else lambda: jax.block_until_ready(step(way.w, x, dy))


def _forward(point: Point, way: _Way) -> Call:
    x = jnp.asarray(inputs(point)[0])
    step = jax.jit(lambda w, x: _scan(point, way, w, x, _zeros(point))[1])
    return lambda: jax.block_until_ready(step(way.w, x))


def _stream(point: Point, way: _Way) -> Call:
    # weights as constants: XLA may prepare them, and the call has fewer arguments to look at
    x = jnp.asarray(inputs(point)[0])
    state = _zeros(point)
    jitted = jax.jit(lambda x, state: _scan(point, way, way.w, x, state)[0])

    def step() -> Any:
        nonlocal state
        state = jax.block_until_ready(jitted(x, state))
        return state[0]

    return step


def _scan(point: Point, way: _Way, w: Any, x: Any, state: _State) -> Any:
    """All steps: the last state, and the outputs (T, B, H)."""
    step = _step(point)

    def body(state: _State, gx: Any) -> tuple[_State, Any]:
        state = step(state, gx, way.times(state[0], w["hh"]) + w["b_hh"])
        return state, state[0]

    return jax.lax.scan(body, state, way.times(x, w["ih"]) + w["b_ih"], unroll=way.unroll)


def _zeros(point: Point) -> _State:
    zeros = jnp.zeros((point.shape.B, point.shape.H), jnp.float32)
    return (zeros, zeros) if point.cell == "lstm" else (zeros,)


def _step(point: Point) -> Callable[[_State, Any, Any], _State]:
    """One step: (state, gx_t, gh_t) -> state."""
    H = point.shape.H

    def gru(state: _State, gx: Any, gh: Any) -> _State:
        rz = jax.nn.sigmoid(gx[..., : 2 * H] + gh[..., : 2 * H])
        n = jnp.tanh(gx[..., 2 * H :] + rz[..., :H] * gh[..., 2 * H :])
        return (n + rz[..., H:] * (state[0] - n),)

    def lstm(state: _State, gx: Any, gh: Any) -> _State:
        i, f, g, o = jnp.split(gx + gh, 4, axis=-1)
        c = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c

    def rnn(state: _State, gx: Any, gh: Any) -> _State:
        return ((jnp.tanh if point.cell == "rnn_tanh" else jax.nn.relu)(gx + gh),)

    return {"gru": gru, "lstm": lstm}.get(point.cell, rnn)
