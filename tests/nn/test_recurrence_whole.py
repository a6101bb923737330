"""A whole stack in torch's one call: the numbers of the layers run one by one. The op is torch's for the CPU here."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence

import chainrule
from chainrule import nn
from chainrule.nn import recurrence_running
from chainrule.nn.recurrence_whole import run_at_once
from tests.nn.test_recurrence import KINDS, OPTIONS, B, H, I, T, _hx, _outcome, _pair, _same, _tensors, _x
from tests.pretence import on_a_gpu

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")


@pytest.fixture
def at_once() -> Iterator[None]:
    """Layers without options run as they do on a GPU."""
    with on_a_gpu():
        yield


def _differently(layer: torch.nn.RNNBase, input: Any, hx: Any, patch: pytest.MonkeyPatch) -> list[Tensor]:
    """The outcome of the layers run one by one."""
    with patch.context() as context:
        context.setattr(recurrence_running, "_by_torch", lambda *_: None)
        return _outcome(layer, input, hx)


@pytest.mark.sampled(1)
@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(("kind", "own"), KINDS)
@pytest.mark.parametrize("options", OPTIONS)
def test_equals_the_layers_one_by_one(
    kind: str, own: dict[str, Any], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, _ = _pair(kind, **own, **options)
    x = _x(B, T, I) if options["batch_first"] else _x(T, B, I)
    for hx in (None, _hx(layer, B)):
        _same(_outcome(layer, x, hx), _differently(layer, x, hx, monkeypatch))


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(("kind", "own"), KINDS)
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"batch_first": True}])
def test_unbatched_and_packed(kind: str, own: dict[str, Any], options: dict[str, Any]) -> None:
    ours, theirs = _pair(kind, **own, **options)
    for hx in (None, _hx(ours)):
        _same(_outcome(ours, _x(T, I), hx), _outcome(theirs, _x(T, I), hx))
    for lengths in ([5, 4, 2], [2, 5, 4]):
        packed = pack_sequence([_x(n, I) for n in lengths], enforce_sorted=False)
        for hx in (None, _hx(ours, B)):
            _same(_outcome(ours, packed, hx), _outcome(theirs, packed, hx))
        output, _ = ours(packed)
        assert isinstance(output, PackedSequence)
        assert output.unsorted_indices is packed.unsorted_indices


@pytest.mark.usefixtures("at_once")
def test_dropout_is_drawn_while_training_alone() -> None:
    ours, theirs = _pair("GRU", num_layers=3, dropout=0.4)
    for layer in (ours, theirs):
        torch.manual_seed(3)
        outcome = _outcome(layer, _x(T, B, I), None)
        _same(_outcome(layer.eval(), _x(T, B, I), None), _outcome(layer, _x(T, B, I), None))
        layer.train()
        torch.manual_seed(3)
        _same(_outcome(layer, _x(T, B, I), None), outcome)
    _same(_outcome(ours.eval(), _x(T, B, I), None), _outcome(theirs.eval(), _x(T, B, I), None))


@pytest.mark.parametrize(
    ("input", "hx"),
    [
        (_x(T, B, I + 1), None),
        (_x(0, B, I), None),
        (_x(I), None),
        (_x(T, B, I).float(), None),
        (_x(T, B, I), _x(1, B, H + 1)),
        (_x(T, B, I), _x(1, B, H).float()),
        (_x(T, I), _x(1, B, H)),
        (pack_sequence([_x(3, I)]), _x(2, 1, H)),
        (torch.randn(B, I, dtype=torch.float64).expand(T, B, I), None),
        (_x(T, B, I).numpy(), None),
    ],
)
def test_what_it_leaves_to_the_checks_of_the_other_way(input: Any, hx: Any) -> None:
    layer = nn.GRU(I, H, dtype=torch.float64)
    assert run_at_once(layer, input, None if hx is None else (hx,)) is None


def test_what_records_or_transforms_it_sees_the_layers_one_by_one() -> None:
    layer = nn.GRU(I, H, dtype=torch.float64)

    def seen(x: Tensor) -> Tensor:
        assert run_at_once(layer, x, None) is None
        return x

    torch.func.vmap(seen)(_x(2, T, B, I))


@pytest.mark.usefixtures("at_once")
def test_computed_weights_are_computed_anew() -> None:
    layer = nn.GRU(I, H, dtype=torch.float64)
    before = layer(_x(T, B, I))[0]
    torch.nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    _same(_tensors(layer(_x(T, B, I))[0]), [before])
    with torch.no_grad():
        layer.get_parameter("parametrizations.weight_hh_l0.original0").mul_(2)
    output = layer(_x(T, B, I))[0]
    assert not torch.allclose(output, before)
    output.sum().backward()
    assert layer.get_parameter("parametrizations.weight_hh_l0.original1").grad is not None


@pytest.mark.usefixtures("at_once")
def test_explain_tells_of_the_one_call() -> None:
    layer = nn.LSTM(I, H, num_layers=2, bidirectional=True, dtype=torch.float64)
    (call,) = chainrule.explain(torch.nn.Sequential(layer), _x(T, B, I)).calls
    assert (call.op, call.backend, call.shape, call.layer) == ("lstm", "torch", (B, T, I), None)
    assert "runs 2 layers in one call" in call.reason
    assert str(call).startswith(f"0: lstm all layers, x {(B, T, I)}: torch, ")
    one_by_one = chainrule.explain(layer, _x(T, B, I), lengths=[T] * B)
    assert [each.layer for each in one_by_one.calls] == [0, 0, 1, 1]
