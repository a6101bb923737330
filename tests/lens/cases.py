"""Recurrent layers of all options, data for them, and plain ways to their numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule import nn
from chainrule.lens import ThroughTime, through_time

B = 3
T = 7
I = 4
H = 5

LAYERS: dict[str, Callable[[], torch.nn.RNNBase]] = {
    "rnn_tanh": lambda: nn.RNN(I, H, batch_first=True),
    "rnn_relu without biases": lambda: torch.nn.RNN(I, H, nonlinearity="relu", bias=False, batch_first=True),
    "torch's gru": lambda: torch.nn.GRU(I, H, batch_first=True),
    "gru of two layers": lambda: nn.GRU(I, H, 2, batch_first=True, dropout=0.5),
    "gru in both directions": lambda: torch.nn.GRU(I, H, 2, batch_first=True, bidirectional=True),
    "gru with the reset before": lambda: nn.GRU(I, H, 2, batch_first=True, bidirectional=True, reset_after=False),
    "gru with the reset before, normalised": lambda: nn.GRU(
        I, H, batch_first=True, reset_after=False, layer_norm=True, zoneout=0.2
    ),
    "lstm": lambda: nn.LSTM(I, H, batch_first=True),
    "lstm projected": lambda: torch.nn.LSTM(I, H, 2, batch_first=True, proj_size=3),
    "rnn normalised and zoned out": lambda: nn.RNN(I, H, batch_first=True, layer_norm=True, zoneout=0.3),
    "gru normalised and zoned out": lambda: nn.GRU(I, H, 2, batch_first=True, layer_norm=True, zoneout=0.2),
    "lstm with everything": lambda: nn.LSTM(
        I, H, 2, batch_first=True, layer_norm=True, peepholes=True, zoneout=(0.1, 0.3), bidirectional=True
    ),
    "lstm projected with peepholes": lambda: nn.LSTM(I, H, batch_first=True, proj_size=3, peepholes=True),
}


def layer_of(name: str, seed: int = 0) -> torch.nn.RNNBase:
    """A layer of LAYERS in float64, whose weights are large enough for every path to count."""
    torch.manual_seed(seed)
    layer = LAYERS[name]().double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return layer


def inputs(seed: int = 1, rows: int = B, steps: int = T) -> Tensor:
    return torch.randn(rows, steps, I, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weighing(result: Any) -> Tensor:
    """A loss in which no two numbers of the output weigh the same, nor those of the last state."""
    output, last = result
    total = torch.zeros((), dtype=output.dtype)
    for part in (output, *(last if isinstance(last, tuple) else (last,))):
        total = total + (part * torch.linspace(-1, 2, part.numel(), dtype=part.dtype).view_as(part)).sum()
    return total


def look(layer: torch.nn.Module, x: Any, y: Any = None, **options: Any) -> ThroughTime:
    found = through_time(layer, x, y, **options)
    assert isinstance(found, ThroughTime)
    return found


def close(actual: NDArray[np.float64], expected: Tensor | NDArray[np.floating[Any]], bound: float = 1e-10) -> None:
    """Within the table's bound of float64, relative to the largest number expected."""
    wanted = expected.detach().numpy() if isinstance(expected, Tensor) else expected
    assert actual.shape == wanted.shape
    np.testing.assert_allclose(actual, wanted, rtol=0, atol=bound * max(1.0, float(np.abs(wanted).max(initial=0))))


def linear_rnn(w: float | Tensor, u: float = 1.0) -> torch.nn.RNN:
    """h_t = W h_{t-1} + u x_t: a relu network, linear as long as nothing is negative."""
    W = torch.as_tensor(w, dtype=torch.float64).reshape(-1, 1) if not isinstance(w, Tensor) else w.double()
    layer = torch.nn.RNN(len(W), len(W), nonlinearity="relu", bias=False, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        layer.get_parameter("weight_hh_l0").copy_(W)
        layer.get_parameter("weight_ih_l0").copy_(u * torch.eye(len(W), dtype=torch.float64))
    return layer
