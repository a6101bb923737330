"""JAX, jitted. XLA's threads are as many as the processors that the worker may use."""

from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.engines import Built
from benchmarks.peers.convolutions import ConvolutionPoint, inputs, weights

__all__ = ["build"]


def build(point: ConvolutionPoint, threads: int) -> Built:
    s = point.shape
    x, dy = map(jnp.asarray, inputs(point))
    weight, bias = map(jnp.asarray, weights(point))
    dims = len(s.size)

    def convolve(x: Any, weight: Any, bias: Any) -> Any:
        y = jax.lax.conv_general_dilated(
            x,
            weight,
            window_strides=(1,) * dims,
            padding=((s.padding, s.padding),) * dims,
            rhs_dilation=(s.dilation,) * dims,
            feature_group_count=s.groups,
        )
        return y + bias[(..., *(None for _ in s.size))]

    def both(x: Any, weight: Any, bias: Any, dy: Any) -> Any:
        y, backward = jax.vjp(convolve, x, weight, bias)
        return y, *backward(dy)

    if point.task == "forward":
        forward = jax.jit(convolve)
        return Built({"jitted": lambda: jax.block_until_ready(forward(x, weight, bias))})
    step = jax.jit(both)
    return Built({"jitted": lambda: jax.block_until_ready(step(x, weight, bias, dy))})
