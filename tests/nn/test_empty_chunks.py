"""Chunks without steps, which a stream may well bring: every layer gives an empty y and the state as it was."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest
import torch
from torch import Tensor

from chainrule import functional, nn

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"num_layers": 2, "batch_first": True},
    {"bidirectional": True},
    {"layer_norm": True},
    {"zoneout": 0.1},
)
IN = 2
OUT = 3


def _takes(cls: Any, options: dict[str, Any]) -> bool:
    try:
        cls(IN, OUT, **options)
    except (TypeError, ValueError):
        return False
    return True


RECURRENT = [
    pytest.param(
        lambda dtype, cls=cls, options=options: cls(IN, OUT, dtype=dtype, **options), id=f"{cls.__name__} {options}"
    )
    for cls in (nn.RNN, nn.GRU, nn.LSTM, nn.MinGRU, nn.SLSTM)
    for options in OPTIONS
    if _takes(cls, options)
]
CAUSAL = [
    pytest.param(
        lambda dtype, options=options: nn.CausalConv1d(IN, OUT, 3, dtype=dtype, **options), id=f"causal {options}"
    )
    for options in ({}, {"dilation": 2}, {"bias": False})
]
Make = Callable[[torch.dtype], Any]


def chunk(layer: Any, batch: int, steps: int, dtype: torch.dtype) -> Tensor:
    """Inputs as the layer takes them."""
    if isinstance(layer, nn.CausalConv1d):
        return torch.randn(batch, IN, steps, dtype=dtype)
    shape = (batch, steps) if layer.batch_first else (steps, batch)
    return torch.randn(*shape, IN, dtype=dtype)


def parts(state: Any) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def same(one: Any, other: Any) -> bool:
    return all(torch.equal(a, b) for a, b in zip(parts(one), parts(other), strict=True))


@pytest.mark.sampled(1)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("make", [*RECURRENT, *CAUSAL])
def test_the_output_is_empty_and_the_state_stays(make: Make, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = make(dtype).eval()
    for batch in (0, 1, 3):
        first, state = layer(chunk(layer, batch, 4, dtype))
        x = chunk(layer, batch, 0, dtype).requires_grad_()
        y, after = layer(x, state)
        assert (y.numel(), y.dtype) == (0, dtype)
        assert [a == b for a, b in zip(y.shape, first.shape, strict=True)].count(False) == 1
        assert same(after, state)
        (from_nothing,) = parts(layer(chunk(layer, batch, 0, dtype))[1])[:1]
        assert not from_nothing.any()
        learned = torch.autograd.grad(y.sum(), [x, *layer.parameters()])
        assert not any(gradient.any() for gradient in learned)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("make", [each for each in (*RECURRENT, *CAUSAL) if "bidirectional" not in str(each.id)])
def test_a_stream_stays_where_it_is(make: Make, dtype: torch.dtype) -> None:
    layer = make(dtype).eval()
    stream = layer.stream(2)
    stream(chunk(layer, 2, 4, dtype))
    before = {name: part.clone() for name, part in stream.state_dict().items()}
    y = stream(chunk(layer, 2, 0, dtype))
    assert y.numel() == 0
    assert all(torch.equal(part, before[name]) for name, part in stream.state_dict().items())


@pytest.mark.parametrize("make", RECURRENT)
@pytest.mark.parametrize(("batch", "steps"), [(0, 4), (2, 0), (0, 0)])
def test_a_trace_of_nothing_can_be_asked(make: Make, batch: int, steps: int) -> None:
    layer = make(torch.float32).eval()
    y, _, traces = layer(chunk(layer, batch, steps, torch.float32), return_all=True)
    assert y.numel() == 0
    for trace in chain.from_iterable(traces):
        assert all(part.numel() == 0 for part in (*trace.states.values(), *trace.gates.values()))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_functional_takes_none_either(dtype: torch.dtype) -> None:
    state = torch.randn(2, IN, 4, dtype=dtype)
    weight = torch.randn(OUT, IN, 3, dtype=dtype)
    y, after = functional.causal_convolution(torch.empty(2, IN, 0, dtype=dtype), weight, state=state, dilation=2)
    assert y.shape == (2, OUT, 0)
    assert torch.equal(after, state)
    weights = torch.randn(3 * OUT, IN, dtype=dtype), torch.randn(3 * OUT, OUT, dtype=dtype)
    h = torch.randn(2, OUT, dtype=dtype)
    y, h_n = functional.gru(torch.empty(2, 0, IN, dtype=dtype), h, *weights)
    assert y.shape == (2, 0, OUT)
    assert torch.equal(h_n, h)
