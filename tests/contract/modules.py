"""What the subjects are made of: functions, streams and definitions as modules."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module, Parameter
from torch.nn.functional import pad

from chainrule import functional
from chainrule.ops.recurrence.cells.spec import parameter_name

__all__ = ["Call", "Causal", "Streamed", "by_definition"]


class Call(Module):
    """A function of tensors and of weights that it holds."""

    def __init__(self, function: Callable[..., Any], *shapes: tuple[int, ...], **options: Any) -> None:
        super().__init__()
        self.function = function
        self.options = options
        self.weights = torch.nn.ParameterList(Parameter(torch.randn(shape) / 2) for shape in shapes)

    def forward(self, x: Tensor, state: Any = None) -> Any:
        return self.function(x, state, *self.weights, **self.options)


class Streamed(Module):
    """A stream of a layer, made for the call; ``streams`` of torch's is the layer itself."""

    def __init__(self, layer: Module, streams: bool, steps: bool = False) -> None:
        super().__init__()
        self.layer = layer
        self.streams = streams
        self.steps = steps

    def forward(self, x: Tensor) -> Tensor:
        layer: Any = self.layer
        if not self.streams:
            y = layer(x)
            whole: Tensor = y[0] if isinstance(y, tuple) else y
            return whole.detach()
        rows, time = (1, 0) if isinstance(layer, torch.nn.RNNBase) else (0, 2)
        stream: Callable[[Tensor], Tensor] = layer.stream(x.shape[rows])
        return torch.stack([stream(step) for step in x.unbind(time)], time) if self.steps else stream(x)


class Causal(torch.nn.Conv1d):
    """chainrule.nn.CausalConv1d in torch's words."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> Any:
        past = self.dilation[0] * (self.kernel_size[0] - 1)
        x = pad(x, (past, 0)) if state is None else torch.cat([state, x], -1)
        return super().forward(x), x[..., x.shape[-1] - past :]


def by_definition(layer: Any, x: Tensor, state: Any) -> Any:
    """The forward pass of a layer of one layer and direction."""
    x = x.transpose(0, 1)
    single = isinstance(state, Tensor)
    start = state[0] if single else tuple(each[0] for each in state)
    zoneout = layer.zoneout_of(x)
    weights = {parameter_name(symbol): w for symbol, w in layer.weights_of(0)._asdict().items() if w is not None}
    y, parts = functional.recurrence(
        layer.cell_spec,
        x,
        (start,) if single else start,
        weights,
        zoneout=zoneout if len(zoneout) > 1 else zoneout[0],
        backend="reference",
    )
    last = tuple(part[None] for part in parts)
    return y.transpose(0, 1), last[0] if single else last
