"""RNN, GRU and LSTM: a training step, and the forward pass."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

import chainrule.nn
from benchmarks.cells import CELLS, GATES, Shape, in_jax, in_onnxruntime, make_layer
from benchmarks.timing import Call, Timing, first_call, measure
from chainrule.runs.memory import peak_memory

__all__ = ["QUICK", "SHAPES", "Point", "run"]

SHAPES = tuple(
    Shape(*sizes)
    for sizes in (
        (256, 1, 16, 32),
        (1024, 1, 1, 64),
        (128, 16, 32, 64),
        (128, 32, 64, 128),
        (128, 32, 128, 256),
        (128, 64, 256, 512),
        (64, 128, 512, 1024),
    )
)
QUICK = SHAPES[:4]

_AGREE = 2e-3  # of the largest magnitude, float32 sums over up to 1,024 steps


@dataclass(frozen=True)
class Point:
    """One cell, shape and task: the seconds of every candidate, or why there are none."""

    task: str
    cell: str
    shape: str
    flops: float
    timings: dict[str, Timing]
    peak_bytes: dict[str, int | None]
    disagreement: str | None = None

    @property
    def ratio(self) -> float:
        """How many times faster than the fastest peer."""
        if self.disagreement:
            return math.nan
        return (
            min(t.median for name, t in self.timings.items() if name != "chainrule") / self.timings["chainrule"].median
        )

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": None if math.isnan(self.ratio) else self.ratio}


def run(shapes: tuple[Shape, ...], *, turns: int, threads: int, report: Callable[[Point], None]) -> list[Point]:
    """Measure every cell at every shape."""
    torch.set_num_threads(threads)
    points = []
    for task in (_training, _forward):
        for cell in CELLS:
            for shape in shapes:
                point = task(cell, shape, turns, threads)
                report(point)
                points.append(point)
    return points


def _flops(cell: str, shape: Shape, passes: int) -> float:
    """Of the products alone; a backward pass has twice the forward's."""
    return 2.0 * shape.T * shape.B * GATES[cell] * shape.H * (shape.I + shape.H) * passes


def _training(cell: str, shape: Shape, turns: int, threads: int) -> Point:
    """Outputs, and the gradients of inputs and weights for a fixed cotangent."""
    x = torch.randn(shape.T, shape.B, shape.I, generator=torch.Generator().manual_seed(1))
    dy = torch.randn(shape.T, shape.B, shape.H, generator=torch.Generator().manual_seed(2))
    layers = {"chainrule": make_layer(cell, shape, chainrule.nn), "torch": make_layer(cell, shape, torch.nn)}

    def step_of(layer: Any) -> Callable[[], list[np.ndarray]]:
        inputs = [x.clone().requires_grad_(), *layer.parameters()]

        def step() -> list[Any]:
            y, _ = layer(inputs[0])
            return [y, *torch.autograd.grad(y, inputs, dy)]

        return step

    weights, forward, _ = in_jax(cell, layers["torch"])
    x_jax, dy_jax = jnp.asarray(x.numpy()), jnp.asarray(dy.numpy())

    @jax.jit
    def jax_step(w: Any, x: Any) -> Any:
        y, backward = jax.vjp(forward, w, x)
        dw, dx = backward(dy_jax)
        return y, dx, dw["ih"], dw["hh"], dw["b_ih"], dw["b_hh"]

    calls: dict[str, Call] = {name: step_of(layer) for name, layer in layers.items()}
    calls["jax"] = lambda: jax.block_until_ready(jax_step(weights, x_jax))
    return _point("training", cell, shape, _flops(cell, shape, 3), calls, turns)


def _forward(cell: str, shape: Shape, turns: int, threads: int) -> Point:
    """Outputs alone."""
    x = torch.randn(shape.T, shape.B, shape.I, generator=torch.Generator().manual_seed(1))
    ours, theirs = make_layer(cell, shape, chainrule.nn), make_layer(cell, shape, torch.nn)
    weights, forward, _ = in_jax(cell, theirs)
    jitted, x_jax = jax.jit(forward), jnp.asarray(x.numpy())
    session = in_onnxruntime(cell, theirs, threads)
    state = np.zeros((1, shape.B, shape.H), np.float32)
    inputs = {"x": x.numpy(), "h": state} | ({"c": state} if cell == "lstm" else {})

    def torch_call(layer: Any) -> Callable[[], list[Any]]:
        def call() -> list[Any]:
            with torch.no_grad():
                return [layer(x)[0]]

        return call

    calls: dict[str, Call] = {
        "chainrule": torch_call(ours),
        "torch": torch_call(theirs),
        "jax": lambda: [jax.block_until_ready(jitted(weights, x_jax))],
        "onnxruntime": lambda: [session(inputs)[0][:, 0]],
    }
    return _point("forward", cell, shape, _flops(cell, shape, 1), calls, turns)


def _point(task: str, cell: str, shape: Shape, flops: float, calls: dict[str, Call], turns: int) -> Point:
    """Check that all agree, then time them in turns, then watch their memory."""
    firsts = {name: first_call(call) for name, call in calls.items()}
    disagreement = _disagreement({name: result for name, (_, result) in firsts.items()})
    timings: dict[str, Timing] = {}
    if disagreement is None:
        timings = measure(calls, turns=turns, first={name: seconds for name, (seconds, _) in firsts.items()})
    peaks: dict[str, int | None] = {}
    for name, call in calls.items():
        with peak_memory() as peak:
            call()
        peaks[name] = peak.bytes
    return Point(task, cell, str(shape), flops, timings, peaks, disagreement)


def _disagreement(results: dict[str, Any]) -> str | None:
    expected = [_array(part) for part in results["torch"]]
    for name, parts in results.items():
        for i, (part, reference) in enumerate(zip(parts, expected, strict=True)):
            worst = np.abs(_array(part) - reference).max() / np.abs(reference).max()
            if not worst <= _AGREE:
                return f"{name} differs from torch by {worst:.1e} in result {i}"
    return None


def _array(part: Any) -> np.ndarray:
    return part.detach().numpy() if isinstance(part, torch.Tensor) else np.asarray(part)
