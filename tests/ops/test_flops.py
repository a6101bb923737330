"""torch's FLOP counter sees as many operations in our layers as in torch.nn's."""

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from chainrule import nn

CONVOLUTIONS: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = {
    "1d": ("Conv1d", (4, 6, 3), {}, (2, 4, 9)),
    "grouped": ("Conv1d", (4, 6, 3), {"groups": 2, "stride": 2, "dilation": 2, "padding": 3}, (2, 4, 19)),
    "padded": ("Conv1d", (4, 6, 5), {"padding": "same"}, (2, 4, 19)),
    "2d": ("Conv2d", (3, 5, 3), {"padding": 1, "stride": (1, 2)}, (2, 3, 8, 7)),
    "depthwise": ("Conv2d", (8, 8, 3), {"padding": 1, "groups": 8}, (2, 8, 8, 20)),
    "wide": ("Conv2d", (64, 64, 3), {"padding": 1}, (1, 64, 5, 5)),
    "3d": ("Conv3d", (2, 3, (1, 2, 3)), {}, (2, 2, 4, 5, 6)),
}
RECURRENT = {
    "rnn": ("RNN", {}),
    "gru": ("GRU", {}),
    "lstm": ("LSTM", {}),
    "deep": ("LSTM", {"num_layers": 2, "bidirectional": True}),
}


def _counts(layer: torch.nn.Module, *inputs: Any, backward: bool) -> int:
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(backward):
        y = layer(*inputs)
        if backward:
            (y[0] if isinstance(y, tuple) else y).sum().backward()
    count: int = counter.get_total_flops()
    return count


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("with_x", [False, True])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolutions_count_as_torchs(case: str, with_x: bool, backward: bool) -> None:
    name, args, options, shape = CONVOLUTIONS[case]
    x = torch.randn(shape, requires_grad=with_x)
    ours, theirs = (_counts(getattr(n, name)(*args, **options), x, backward=backward) for n in (nn, torch.nn))
    assert ours == theirs > 0


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("case", RECURRENT)
@pytest.mark.parametrize("steps", [1, 7])
def test_recurrent_layers_count_as_torchs(case: str, backward: bool, steps: int) -> None:
    """With gradients towards x and h_0: ours are computed for h_0 whether they are asked for or not."""
    name, options = RECURRENT[case]
    layers = [getattr(n, name)(3, 4, dtype=torch.float64, **options) for n in (nn, torch.nn)]
    x = torch.randn(steps, 2, 3, dtype=torch.float64, requires_grad=True)
    count = layers[0].num_layers * (2 if layers[0].bidirectional else 1)
    parts = range(2 if name == "LSTM" else 1)
    states = tuple(torch.zeros(count, 2, 4, dtype=torch.float64, requires_grad=True) for _ in parts)
    hx = states if name == "LSTM" else states[0]
    ours, theirs = (_counts(layer, x, hx, backward=backward) for layer in layers)
    assert ours == theirs > 0


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_a_projection_counts_too() -> None:
    """By the formula, whose products are torch's."""
    layers = [n.LSTM(3, 4, proj_size=2, dtype=torch.float64) for n in (nn, torch.nn)]
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    ours, theirs = (_counts(layer, x, backward=False) for layer in layers)
    assert ours == theirs > 0
