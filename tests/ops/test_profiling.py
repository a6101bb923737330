"""torch's profiler shows each call of ours under its public name, and the compiled ops with their shapes."""

from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from chainrule import nn

CASES: dict[str, tuple[Any, tuple[int, ...], str]] = {
    "convolution": (lambda: nn.Conv1d(3, 4, 3), (2, 3, 3000), "convolution"),
    "causal_convolution": (lambda: nn.CausalConv1d(3, 4, 3), (2, 3, 3000), "convolution"),
    "rnn_tanh": (lambda: nn.RNN(3, 4), (9, 2, 3), "recurrence"),
    "gru": (lambda: nn.GRU(3, 4), (9, 2, 3), "recurrence"),
    "lstm": (lambda: nn.LSTM(3, 4), (9, 2, 3), "recurrence"),
}


@pytest.mark.parametrize("learns", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_calls_and_ops_have_names(name: str, learns: bool) -> None:
    make, shape, op = CASES[name]
    layer = make()
    x = torch.randn(shape)
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiler, torch.set_grad_enabled(learns):
        y = layer(x)
        if learns:
            (y[0] if isinstance(y, tuple) else y).sum().backward()
    events = profiler.events()
    assert events is not None
    seen = {event.name: event for event in events}
    assert f"chainrule.functional.{name}" in seen
    assert any(0 not in sizes and sizes for sizes in seen[f"chainrule::{op}"].input_shapes)
    assert (f"chainrule::{op}_backward" in seen) == learns


def test_a_range_costs_nothing_where_no_profiler_is() -> None:
    """It is not even made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.profiler, "record_function", None)
        nn.GRU(3, 4)(torch.randn(2, 1, 3))
