"""What is measured: tasks, cells and shapes; and the weights and inputs that every engine draws from the same seed."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CELLS",
    "ENGINES",
    "GATES",
    "SGEMM",
    "SHAPES",
    "TASKS",
    "AnyPoint",
    "Array",
    "Point",
    "Shape",
    "grid",
    "inputs",
    "weights",
]

Array = NDArray[np.float32]

GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}
CELLS = tuple(GATES)

# Training: the outputs, and the gradients of inputs and weights for a fixed cotangent. Forward: the outputs alone.
# Stream: one step of one row from Python, the state carried. Options: chainrule against itself, training. bfloat16:
# training with products of bfloat16, beside the peers in the precision that is the faster one for them.
ENGINES = {
    "training": ("chainrule", "torch", "jax"),
    "bfloat16": ("chainrule", "torch", "jax"),
    "forward": ("chainrule", "torch", "jax", "onnxruntime"),
    "stream": ("chainrule", "torch", "jax", "onnxruntime"),
    "options": ("chainrule",),
}
TASKS = tuple(ENGINES)


class Shape(NamedTuple):
    """T steps of B rows, I inputs, H hidden units."""

    T: int
    B: int
    I: int
    H: int

    def __str__(self) -> str:
        return f"{self.T}x{self.B}x{self.I}x{self.H}"


SHAPES = (
    Shape(256, 1, 16, 32),
    Shape(1024, 1, 1, 64),
    Shape(128, 16, 32, 64),
    Shape(128, 32, 64, 128),
    Shape(128, 32, 128, 256),
    Shape(128, 64, 256, 512),
    Shape(64, 128, 512, 1024),
)
_QUICK = SHAPES[:4]
_STREAM = (Shape(1, 1, 64, 64),)
_OPTIONS = (SHAPES[3], SHAPES[0], SHAPES[4])
_WIDE = (Shape(64, 32, 64, 256), *SHAPES[4:])


class Point(NamedTuple):
    """One task of one cell at one shape."""

    task: str
    cell: str
    shape: Shape

    def __str__(self) -> str:
        return f"{self.task} {self.cell} {self.shape}"

    @property
    def engines(self) -> tuple[str, ...]:
        return ENGINES[self.task]

    @property
    def precision(self) -> str:
        """Of its products."""
        return "bfloat16" if self.task == "bfloat16" else "float32"

    @property
    def package(self) -> str:
        """Where the engines are."""
        return "benchmarks.engines"

    @property
    def label(self) -> str:
        """At the beginning of the table's row."""
        return f"{self.shape!s:<17}"

    @property
    def flops(self) -> float:
        """Of the products alone; a backward pass has twice the forward's."""
        T, B, I, H = self.shape
        return 2.0 * T * B * GATES[self.cell] * H * (I + H) * (1 if self.task in ("forward", "stream") else 3)


class AnyPoint(Protocol):
    """What measuring and tables ask of a point, whichever op it is of: a tuple of its task, its kind, its shape."""

    @property
    def task(self) -> str: ...
    @property
    def cell(self) -> str: ...
    @property
    def shape(self) -> Any: ...
    @property
    def engines(self) -> tuple[str, ...]: ...
    @property
    def precision(self) -> str: ...
    @property
    def package(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def flops(self) -> float: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __getitem__(self, key: Any, /) -> Any: ...


SGEMM = Point("sgemm", "", Shape(1, 1536, 1536, 1536))  # the limit: (B, I) times (I, H)


def grid(tasks: tuple[str, ...], cells: tuple[str, ...], shapes: tuple[Shape, ...], *, quick: bool) -> list[Point]:
    """The points of these tasks and cells; no shapes means the usual ones. The streamed step has one shape only."""
    usual = {
        "training": _QUICK if quick else SHAPES,
        "forward": _QUICK if quick else SHAPES,
        "options": _OPTIONS[:1] if quick else _OPTIONS,
        "bfloat16": _WIDE[:2] if quick else _WIDE,
    }
    return [
        Point(task, cell, shape)
        for task in tasks
        for cell in cells
        for shape in (_STREAM if task == "stream" else shapes or usual[task])
    ]


def weights(point: Point) -> dict[str, Array]:
    """ih (G H, I), hh (G H, H), b_ih and b_hh (G H,), drawn as torch.nn draws them, gates in torch's order."""
    rng = np.random.default_rng(0)
    G = GATES[point.cell]
    H = point.shape.H
    shapes: dict[str, Any] = {"ih": (G * H, point.shape.I), "hh": (G * H, H), "b_ih": G * H, "b_hh": G * H}
    bound = H**-0.5
    return {name: rng.uniform(-bound, bound, shape).astype(np.float32) for name, shape in shapes.items()}


def inputs(point: Point) -> tuple[Array, Array]:
    """x (T, B, I) and the cotangent dy (T, B, H)."""
    rng = np.random.default_rng(1)
    T, B, I, H = point.shape
    return rng.standard_normal((T, B, I), np.float32), rng.standard_normal((T, B, H), np.float32)
