"""chainrule.explain: every call of an op by name, layer and direction, as it was chosen when it ran."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Module

import chainrule
from chainrule import functional, nn
from chainrule.errors import ArgumentError, ShapeError
from chainrule.models import ModelConfig, build_symbol_model
from chainrule.nn import ExplainedCall
from chainrule.ops.recurrence.backends.cpu import LEVELS
from chainrule.ops.recurrence.call import RecurrenceCall
from chainrule.ops.recurrence.cells import find_cell
from chainrule.ops.recurrence.cells.spec import Weights
from chainrule.ops.recurrence.dispatch import choose


def _calls(target: Any, *args: Any, **kwargs: Any) -> list[ExplainedCall]:
    return list(chainrule.explain(target, *args, **kwargs).calls)


def _gru(**options: Any) -> dict[str, Any]:
    weights = {"weight_ih": torch.randn(12, 3), "weight_hh": torch.randn(12, 4)}
    return {"x": torch.randn(2, 5, 3), "h_0": None, **weights, **options}


class _Model(Module):
    """Two layers in parts of the model, one op without a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = torch.nn.ModuleDict({"past": nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)})
        self.mix = nn.Conv1d(8, 8, 1)
        self.theirs = torch.nn.GRU(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.parts["past"](x)
        y = self.mix(y.transpose(1, 2))
        y = functional.convolution(y, torch.ones(8, 8, 1)).transpose(1, 2)
        output: Tensor = self.theirs(y)[0]
        return output


def test_a_function() -> None:
    arguments = _gru()
    backend, reason = choose(
        RecurrenceCall(find_cell("gru"), arguments["x"], (), Weights(arguments["weight_ih"], arguments["weight_hh"]))
    )
    assert _calls(functional.gru, **arguments) == [
        ExplainedCall("gru", (2, 5, 3), False, backend, reason, LEVELS[0], 1, module="", layer=None)
    ]


@pytest.mark.parametrize("backend", ["cpu", "formula", "reference"])
def test_a_backend_that_is_asked_for(backend: str) -> None:
    (call,) = _calls(functional.gru, **_gru(backend=backend, reverse=True))
    assert (call.backend, call.reason, call.reverse) == (backend, f"backend={backend!r} asks for it", True)
    assert (call.instructions is None) == (backend != "cpu")


def test_convolutions() -> None:
    x = torch.randn(2, 3, 9)
    w = torch.randn(4, 3, 2)
    auto = _calls(functional.convolution, torch.randn(2, 3, 9000), w)
    asked = _calls(functional.causal_convolution, x, w, backend="reference")
    assert [(c.op, c.backend, c.shape) for c in (*auto, *asked)] == [
        ("convolution", "cpu", (2, 3, 9000)),
        ("causal_convolution", "reference", (2, 3, 9)),
    ]
    assert auto[0].reason == f"torch.float32 on the CPU, instructions {LEVELS[0]}"
    (long,) = _calls(functional.convolution, torch.randn(1, 1, 100_000), torch.randn(1, 1, 1000))
    assert (long.backend, long.reason) == ("fft", "transforms take less time with a kernel of 1000")


def test_a_model_by_module_layer_and_direction() -> None:
    calls = _calls(_Model(), torch.randn(2, 5, 3))
    assert [(c.module, c.op, c.layer, c.reverse, c.shape) for c in calls] == [
        ("parts.past", "lstm", 0, False, (2, 5, 3)),
        ("parts.past", "lstm", 0, True, (2, 5, 3)),
        ("parts.past", "lstm", 1, False, (2, 5, 8)),
        ("parts.past", "lstm", 1, True, (2, 5, 8)),
        ("mix", "convolution", None, False, (2, 8, 5)),
        ("", "convolution", None, False, (2, 8, 5)),
    ]


def test_a_method_and_calls_that_are_repeated() -> None:
    model = build_symbol_model(ModelConfig("gru", hidden=4), 5)
    explanation = chainrule.explain(model.sample, 3)
    (call,) = explanation.calls
    assert (call.op, call.layer, explanation.calls[call]) == ("gru", 0, 3)
    assert str(explanation).endswith(" (3 times)")
    assert call.module in dict(model.named_modules())


def test_what_decides_is_what_holds_at_the_call(two_threads: None) -> None:
    layer = nn.GRU(64, 64)
    (small,) = _calls(layer, torch.randn(1, 2, 64))
    (large,) = _calls(layer, torch.randn(64, 4, 64))
    (half,) = _calls(layer.half(), torch.randn(1, 2, 64).half())
    (mapped,) = _calls(torch.func.vmap(nn.GRU(3, 4)), torch.randn(2, 5, 1, 3))
    assert large.threads == 2
    (before,) = _calls(nn.GRU(3, 4, reset_after=False), torch.randn(5, 2, 3))
    assert (before.op, before.backend) == ("gru_reset_before", "cpu")
    assert (
        str(large) == f"gru layer 0, x (4, 64, 64): cpu, 2 threads; torch.float32 on the CPU, instructions {LEVELS[0]}"
    )
    assert (half.backend, half.instructions) == ("torch", None)
    assert "float16" in half.reason
    assert "torch.func" in mapped.reason
    assert small.backend == "torch"


def test_a_compiled_model_runs_uncompiled_meanwhile() -> None:
    model = nn.GRU(3, 4)
    compiled = torch.compile(model, backend="eager")
    assert [c.op for c in _calls(compiled, torch.randn(5, 2, 3))] == ["gru"]


def test_nothing_is_left_behind() -> None:
    model = nn.GRU(3, 4, num_layers=2, dropout=0.5)
    state = torch.get_rng_state()
    assert len(_calls(model, torch.randn(5, 2, 3))) == 2
    with pytest.raises(ShapeError):
        chainrule.explain(model, torch.randn(5, 2, 7))
    assert not model._forward_hooks
    assert not model._forward_pre_hooks
    assert [c.module for c in _calls(torch.nn.Sequential(model), torch.randn(5, 2, 3))] == ["0", "0"]
    torch.set_rng_state(state)
    expected = torch.randn(4)
    torch.set_rng_state(state)
    chainrule.explain(model, torch.zeros(5, 2, 3))
    assert torch.equal(torch.randn(4), expected)


def test_where_nothing_of_ours_runs() -> None:
    explanation = chainrule.explain(torch.nn.GRU(3, 4), torch.randn(5, 2, 3))
    assert not explanation.calls
    assert str(explanation) == "no op of chainrule ran."


def test_what_cannot_be_called() -> None:
    with pytest.raises(ArgumentError, match="a layer, a model or a function to call, got Tensor"):
        chainrule.explain(torch.zeros(1))  # type: ignore[arg-type]
