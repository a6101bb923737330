"""What is measured of convolutions: tasks, kinds and shapes; weights and inputs, alike in every engine; the targets."""

from collections.abc import Mapping
from math import prod
from typing import NamedTuple

import numpy as np

from benchmarks.peers.points import Array
from benchmarks.peers.results import Result
from benchmarks.peers.targets import every, mean

__all__ = ["LAYERS", "TASKS", "ConvolutionPoint", "ConvolutionShape", "grid", "inputs", "verdicts", "weights"]

# Training: y and the gradients of x, kernel and bias for a fixed cotangent. Forward: y alone. Model: a training step of
# eight residual layers of dilated causal convolutions. Stream: one more step of that model, from Python. bfloat16:
# training under autocast to it, x and dy of bfloat16 as within a net, beside the peers in their faster precision.
TASKS = ("training", "bfloat16", "forward", "model", "stream")


class ConvolutionShape(NamedTuple):
    """B rows, C input and O output channels, in groups; the kernel is K in every dimension of ``size``."""

    B: int
    C: int
    O: int
    size: tuple[int, ...]
    K: int
    dilation: int = 1
    groups: int = 1
    padding: int = 0

    def __str__(self) -> str:
        channels = f"{self.C}" if self.groups == self.C > 1 else f"{self.C}->{self.O}"
        dilation = f" d{self.dilation}" if self.dilation > 1 else ""
        return f"{self.B},{channels},{'x'.join(map(str, self.size))} k{self.K}{dilation}"

    @property
    def outputs(self) -> tuple[int, ...]:
        return tuple(h + 2 * self.padding - self.dilation * (self.K - 1) for h in self.size)


_SHAPES = {
    "1-D": (
        ConvolutionShape(16, 32, 32, (1024,), 3),
        ConvolutionShape(16, 32, 32, (1024,), 3, dilation=8),
        ConvolutionShape(16, 64, 64, (1024,), 3, dilation=64),
        ConvolutionShape(1, 16, 16, (16000,), 2, dilation=512),
        ConvolutionShape(8, 256, 256, (512,), 3),
    ),
    "special": (  # one input channel a group, and long kernels
        ConvolutionShape(8, 256, 256, (1024,), 4, groups=256),
        ConvolutionShape(1, 1, 1, (1_000_000,), 64),
        ConvolutionShape(1, 1, 1, (1_000_000,), 4096),
        ConvolutionShape(16, 128, 128, (28, 28), 3, groups=128, padding=1),
        ConvolutionShape(1, 1, 1, (1024, 1024), 15),
    ),
    "narrow": (  # few input channels
        ConvolutionShape(64, 1, 32, (28, 28), 3),
        ConvolutionShape(1, 3, 16, (224, 224), 3, padding=1),
        ConvolutionShape(2, 8, 16, (32, 32, 32), 3, padding=1),
    ),
    "wide": (
        ConvolutionShape(64, 32, 64, (26, 26), 3),
        ConvolutionShape(32, 64, 64, (32, 32), 3, padding=1),
        ConvolutionShape(16, 128, 128, (28, 28), 3, padding=1),
    ),
}
_MODEL = ConvolutionShape(16, 64, 64, (1024,), 3)
LAYERS = 8  # of the model, dilated by 1, 2, 4, ...
_STREAMED = ConvolutionShape(1, 64, 64, (1,), 3)
_LAYERED = "8 layers"
_ROUNDED = {  # 32 channels and more
    "1-D": (
        *_SHAPES["1-D"][:3],
        ConvolutionShape(16, 64, 64, (1024,), 1),
        ConvolutionShape(16, 128, 128, (512,), 5),
        _SHAPES["1-D"][4],
    ),
    "2-D": (
        ConvolutionShape(16, 32, 32, (56, 56), 3, padding=1),
        *_SHAPES["wide"][:2],
        ConvolutionShape(16, 64, 64, (56, 56), 1),
        _SHAPES["wide"][2],
        ConvolutionShape(16, 256, 256, (14, 14), 3, padding=1),
    ),
}
_SPECIAL: dict[str, dict[str, tuple[ConvolutionShape, ...]]] = {
    "model": {_LAYERED: (_MODEL,)},
    "stream": {_LAYERED: (_STREAMED,)},
    "bfloat16": _ROUNDED,
}


class ConvolutionPoint(NamedTuple):
    """One task at one shape; ``cell`` is the kind of the shape."""

    task: str
    cell: str
    shape: ConvolutionShape

    def __str__(self) -> str:
        return f"{self.task} {self.shape}"

    @property
    def engines(self) -> tuple[str, ...]:
        return ("chainrule", "torch") if self.cell == _LAYERED else ("chainrule", "torch", "jax")

    @property
    def precision(self) -> str:
        """Of its products."""
        return "bfloat16" if self.task == "bfloat16" else "float32"

    @property
    def package(self) -> str:
        return "benchmarks.engines.convolution"

    @property
    def label(self) -> str:
        return f"{self.shape!s:<23}"

    @property
    def flops(self) -> float:
        """Of the definition's products; a backward pass has twice the forward's."""
        s = self.shape
        layers = LAYERS if self.cell == _LAYERED else 1
        outputs = s.size if self.cell == _LAYERED else s.outputs
        terms = s.B * s.O * prod(outputs) * (s.C // s.groups) * s.K ** len(s.size)
        return 2.0 * float(terms) * layers * (1 if self.task in ("forward", "stream") else 3)


def grid(tasks: tuple[str, ...], *, quick: bool) -> list[ConvolutionPoint]:
    """The points of these tasks; quick ones are the first two of each kind."""
    return [
        ConvolutionPoint(task, kind, shape)
        for task in tasks
        for kind, shapes in _SPECIAL.get(task, _SHAPES).items()
        for shape in shapes[: 2 if quick else None]
    ]


def weights(point: ConvolutionPoint) -> tuple[Array, Array]:
    """The kernel (O, C / groups, *K) and the bias (O,), drawn as torch.nn draws them."""
    rng = np.random.default_rng(0)
    s = point.shape
    kernel = (s.O, s.C // s.groups, *(s.K for _ in s.size))
    bound = prod(kernel[1:]) ** -0.5
    return rng.uniform(-bound, bound, kernel).astype(np.float32), rng.uniform(-bound, bound, s.O).astype(np.float32)


def inputs(point: ConvolutionPoint) -> tuple[Array, Array]:
    """x (B, C, *size) and the cotangent dy (B, O, *outputs)."""
    rng = np.random.default_rng(1)
    s = point.shape
    outputs = s.size if point.cell == _LAYERED else s.outputs
    return rng.standard_normal((s.B, s.C, *s.size), np.float32), rng.standard_normal((s.B, s.O, *outputs), np.float32)


def verdicts(results: list[Result], limits: Mapping[str, float]) -> list[str]:
    """Whether the run met each target, of which it measured something."""
    good = [r for r in results if r.problem is None]
    training = [r for r in good if r.point.task == "training"]

    def kind(*names: str) -> list[Result]:
        return [r for r in training if r.point.cell in names]

    rounded = [r for r in good if r.point.task == "bfloat16"]
    layered = [r for r in good if r.point.cell == _LAYERED]
    bound = [
        r for r in kind("1-D", "narrow", "wide") if r.point.shape.C * r.point.shape.K ** len(r.point.shape.size) >= 32
    ]
    return [
        *mean("1-D", kind("1-D"), 4.0),
        *every("1-D, to 64 channels", [r for r in kind("1-D") if r.point.shape.C <= 64], 1.3),
        *every("1-D, more channels", [r for r in kind("1-D") if r.point.shape.C > 64], 0.95),
        *every("depthwise, one channel", kind("special"), 8.0),
        *mean("few input channels", kind("narrow"), 2.0),
        *every("2-D, wide", kind("wide"), 0.95),
        *every("share of limit", bound, 0.6, lambda r: r.share(limits)),
        *every("bfloat16 beside own float32", rounded, 1.5, lambda r: r.gain),
        *every("bfloat16", rounded, 1.0),
        *every("conv model, torch", [r for r in layered if r.point.task == "model"], 2.0),
        *every("streamed step, torch", [r for r in layered if r.point.task == "stream"], 10.0),
        *every("never slower than torch", [r for r in good if r not in layered], 0.95, lambda r: r.ratio_to("torch")),
    ]
