"""Layers without gradients go the short way, where that is possible, and give the bits of the long one."""

from typing import Any

import pytest
import torch
from torch import Tensor

from chainrule import nn
from chainrule.nn import recurrence_running
from chainrule.nn.recurrence_inference import run_without_gradients

LAYERS = [nn.RNN, nn.GRU, nn.LSTM]


def made(kind: Any, **options: Any) -> tuple[Any, Tensor, Any]:
    """A layer of two layers and directions, an input, and a state to start from."""
    torch.manual_seed(0)
    layer = kind(3, 4, num_layers=2, bidirectional=True, **options)
    h = torch.randn(4, 2, 4)
    hx = (h, torch.randn(4, 2, 4)) if kind is nn.LSTM else (h,)
    return layer, torch.randn(2, 5, 3) if layer.batch_first else torch.randn(5, 2, 3), hx


def flat(result: Any) -> list[Tensor]:
    output, states = result
    return [output, *(states if isinstance(states, tuple) else (states,))]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("has_state", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", LAYERS)
def test_the_same_bits_as_the_long_way(
    kind: Any, batch_first: bool, bias: bool, has_state: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, x, hx = made(kind, batch_first=batch_first, bias=bias)
    layer.to(dtype)
    x = x.to(dtype)
    state = tuple(h.to(dtype) for h in hx) if has_state else None
    with torch.no_grad():
        found = run_without_gradients(layer, x, state)
        assert found is not None
        given = state[0] if state is not None and kind is not nn.LSTM else state
        assert all(map(torch.equal, flat(layer(x, given)), flat(found)))
        monkeypatch.setattr(recurrence_running, "run_without_gradients", lambda *_: None)
        expected = layer(x, given)
    for each, other in zip(flat(found), flat(expected), strict=True):
        assert torch.equal(each, other)
        assert each.is_contiguous()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (nn.RNN, {"layer_norm": True}),
        (nn.GRU, {"layer_norm": True, "reset_after": False}),
        (nn.LSTM, {"layer_norm": True}),
        (nn.LSTM, {"peepholes": True}),
    ],
)
@pytest.mark.parametrize("has_resets", [False, True])
def test_resets_and_options_have_the_bits_of_the_long_way(
    kind: Any, options: dict[str, bool], has_resets: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    layer = kind(3, 4, num_layers=2, bidirectional=True, **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(6, 2, 3)
    resets = torch.rand(2, 6) < 0.3 if has_resets else None
    with torch.no_grad():
        found = run_without_gradients(layer, x, None, resets)
        assert found is not None
        monkeypatch.setattr(recurrence_running, "run_without_gradients", lambda *_: None)
        expected = layer(x, resets=resets)
    assert all(map(torch.equal, flat(found), flat(expected)))


@pytest.mark.parametrize("kind", LAYERS)
def test_what_is_not_ordinary_is_left_to_the_long_way(kind: Any) -> None:
    layer, x, hx = made(kind)
    assert run_without_gradients(layer, x, hx) is None  # gradients may be asked for
    with torch.no_grad():
        assert run_without_gradients(layer, x, hx) is not None
        for odd in (x[0], x[..., :2], x[:0], x.half(), x.tolist()):
            assert run_without_gradients(layer, odd, hx) is None
        for state in (hx[0], tuple(h[:2] for h in hx), tuple(h[:, :1] for h in hx), (*hx, hx[0]), (None,) * len(hx)):
            assert run_without_gradients(layer, x, state) is None
        for resets in (torch.zeros(2, 2), [[False]], torch.zeros(5, 5, dtype=torch.bool)):
            assert run_without_gradients(layer, x, hx, resets) is None
        keeping, _, _ = made(kind, zoneout=0.1)
        assert run_without_gradients(keeping.eval(), x, hx) is None
        dropping, x, hx = made(kind, dropout=0.5)
        assert run_without_gradients(dropping, x, hx) is None
        assert run_without_gradients(dropping.eval(), x, hx) is not None
