"""What the self-test runs: each operation on random numbers, by any backend, and torch's own beside it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.functional import convolution, recurrence

__all__ = ["CASES", "Case", "Problem"]

_FOURIER = 2e-4  # the bound of sums that a Fourier transform makes
_ROUNDING = 1e-6  # that of others, for each term or step
_LAYERS = {"rnn_tanh": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


@dataclass(frozen=True)
class Problem:
    """One call: the tensors that are differentiated, what runs it by the name of a backend, and torch's own."""

    tensors: Sequence[Tensor]
    run: Callable[[str, Sequence[Tensor]], Tensor]
    torchs: Callable[[Sequence[Tensor]], Tensor]
    shape: str

    def to(self, dtype: torch.dtype, device: torch.device) -> list[Tensor]:
        """The tensors as leaves of this type on this device."""
        return [tensor.to(device, dtype).requires_grad_() for tensor in self.tensors]


@dataclass(frozen=True)
class Case:
    """An operation, small enough for its definition, and large enough to time."""

    name: str
    op: str  # the family: "recurrence" or "convolution"
    small: Callable[[], Problem]
    large: Callable[[], Problem]
    terms: float  # of the sums in the small one, by which its rounding errors grow

    def bound(self, backend: str) -> float:
        """How far its float32 results may be from those of the definition in float64, of their largest."""
        return _FOURIER if backend == "fft" else _ROUNDING * self.terms


def _recurrence(cell: str, B: int, T: int, I: int, H: int) -> Problem:
    layer = _LAYERS[cell](I, H, batch_first=True)
    names = [name.removesuffix("_l0") for name, _ in layer.named_parameters()]
    state = torch.zeros(1, B, H)

    def run(backend: str, tensors: Sequence[Tensor]) -> Tensor:
        x, *weights = tensors
        return recurrence(cell, x, None, dict(zip(names, weights, strict=True)), backend=backend)[0]

    def torchs(tensors: Sequence[Tensor]) -> Tensor:
        x, *weights = tensors
        h_0 = state.to(x)
        start: Any = (h_0, h_0) if cell == "lstm" else h_0
        function = getattr(torch, cell)
        y: Tensor = function(x, start, weights, True, 1, 0.0, True, False, True)[0]
        return y

    given = [parameter.detach() for parameter in layer.parameters()]
    return Problem([torch.randn(B, T, I), *given], run, torchs, f"{B} × {T} steps, {I} → {H}")


def _convolution(x: tuple[int, ...], w: tuple[int, ...], **how: Any) -> Problem:
    dimensions = len(w) - 2
    function: Any = (torch.conv1d, torch.conv2d, torch.conv3d)[dimensions - 1]
    fan_in = math.prod(w[1:])

    def run(backend: str, tensors: Sequence[Tensor]) -> Tensor:
        return convolution(*tensors, backend=backend, **how)

    def torchs(tensors: Sequence[Tensor]) -> Tensor:
        y: Tensor = function(*tensors, **how)
        return y

    shape = f"{x[0]} × {' × '.join(map(str, x[2:]))}, {x[1]} → {w[0]}, kernel {' × '.join(map(str, w[2:]))}"
    tensors = [torch.randn(x), torch.randn(w) / math.sqrt(fan_in), torch.zeros(w[0])]
    return Problem(tensors, run, torchs, shape)


def _of_cell(cell: str) -> Case:
    T = 12
    H = 20
    return Case(
        cell,
        "recurrence",
        lambda: _recurrence(cell, 3, T, 5, H),
        lambda: _recurrence(cell, 16, 128, 32, 64),
        T + math.sqrt(H),
    )


def _of_kernel(name: str, small: Mapping[str, Any], large: Mapping[str, Any]) -> Case:
    x = small["x"]
    terms = math.prod((x[0], *x[2:], small["w"][1]))  # of the gradients of the kernel, which are the longest
    return Case(name, "convolution", lambda: _convolution(**small), lambda: _convolution(**large), math.sqrt(terms))


CASES: tuple[Case, ...] = (
    *(_of_cell(cell) for cell in _LAYERS),
    _of_kernel(
        "convolution",
        {"x": (2, 3, 40), "w": (4, 3, 5), "padding": 2},
        {"x": (8, 32, 1024), "w": (32, 32, 5), "padding": 2},
    ),
    _of_kernel(
        "dilated convolution",
        {"x": (2, 3, 40), "w": (4, 3, 2), "dilation": 4},
        {"x": (8, 32, 1024), "w": (32, 32, 2), "dilation": 16},
    ),
    _of_kernel(
        "depthwise convolution",
        {"x": (2, 6, 40), "w": (6, 1, 8), "groups": 6},
        {"x": (8, 64, 1024), "w": (64, 1, 16), "groups": 64},
    ),
    _of_kernel(
        "convolution of images",
        {"x": (2, 1, 12, 12), "w": (4, 1, 3, 3), "padding": 1},
        {"x": (32, 1, 28, 28), "w": (32, 1, 3, 3), "padding": 1},
    ),
)
"""The operations and shapes that most models consist of."""
