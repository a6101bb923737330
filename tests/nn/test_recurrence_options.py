"""Layer normalisation, peepholes, zoneout and return_all in the layers: what they add, and what stays."""

import copy
import re
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_sequence

from chainrule import functional, nn
from chainrule.errors import ArgumentError
from tests.tolerances import close

B = 3
T = 6
I = 4
H = 5
LAYERS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
KINDS = pytest.mark.parametrize("kind", LAYERS)


def _x(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def _layer(kind: str, **options: Any) -> Any:
    torch.manual_seed(0)
    if kind == "LSTM" and options.get("layer_norm"):
        options = {"peepholes": True} | options
    return LAYERS[kind](I, H, dtype=torch.float64, **options)


@KINDS
@pytest.mark.parametrize("batch_first", [False, True])
def test_a_layer_is_the_op_with_its_parameters(kind: str, batch_first: bool) -> None:
    layer = _layer(kind, layer_norm=True, bidirectional=True, batch_first=batch_first, zoneout=0.25).eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(0.5 * _x(*parameter.shape))
    x = _x(B, T, I)
    y, _ = layer(x if batch_first else x.transpose(0, 1))
    y = y if batch_first else y.transpose(0, 1)
    op = getattr(functional, kind.lower())
    halves = []
    for suffix in ("_l0", "_l0_reverse"):
        named = {name.removesuffix(suffix): p for name, p in layer.named_parameters() if name.endswith(suffix)}
        halves.append(op(x, None, **named, zoneout=0.25, reverse=suffix.endswith("reverse"))[0])
    close(y, torch.cat(halves, -1))


@KINDS
def test_parameters_exist_where_an_option_asks_for_them(kind: str) -> None:
    theirs = getattr(torch.nn, kind)(I, H, 2, bidirectional=True)
    plain = LAYERS[kind](I, H, 2, bidirectional=True, zoneout=0.5)
    assert list(plain.state_dict()) == list(theirs.state_dict())
    normal = LAYERS[kind](I, H, 2, bidirectional=True, layer_norm=True)
    added = {name: p for name, p in normal.state_dict().items() if name not in theirs.state_dict()}
    sizes = {"weight_ln_ih": GATES[kind] * H, "weight_ln_hh": GATES[kind] * H}
    if kind == "LSTM":
        sizes |= {"weight_ln_c": H, "bias_ln_c": H}
    suffixes = ("_l0", "_l0_reverse", "_l1", "_l1_reverse")
    assert {name: p.shape for name, p in added.items()} == {
        name + suffix: (size,) for suffix in suffixes for name, size in sizes.items()
    }
    for name, parameter in added.items():
        assert torch.equal(parameter, torch.full_like(parameter, 0.0 if name.startswith("bias") else 1.0))


def test_peepholes_are_drawn_like_weights() -> None:
    layer = nn.LSTM(2, 400, peepholes=True)
    peepholes = layer.get_parameter("weight_peep_l0")
    assert peepholes.shape == (1200,)
    assert 0.045 < peepholes.abs().max() <= 0.05
    before = peepholes.clone()
    layer.reset_parameters()
    assert not torch.equal(peepholes, before)


@KINDS
def test_the_same_seed_gives_the_weights_that_torch_draws(kind: str) -> None:
    layer = _layer(kind, layer_norm=True)
    torch.manual_seed(0)
    theirs = getattr(torch.nn, kind)(I, H, dtype=torch.float64)
    for name, parameter in theirs.named_parameters():
        assert torch.equal(layer.get_parameter(name), parameter)


@KINDS
def test_gains_stay_one_when_all_is_drawn_anew(kind: str) -> None:
    layer = _layer(kind, layer_norm=True)
    before = {name: p.clone() for name, p in layer.named_parameters()}
    layer.reset_parameters()
    for name, parameter in layer.named_parameters():
        assert torch.equal(parameter, before[name]) == ("_ln_" in name), name


@KINDS
def test_zoneout_of_units_while_training_and_of_means_after(kind: str) -> None:
    layer = _layer(kind, zoneout=0.5, batch_first=True)
    x = _x(B, 50, I)
    torch.manual_seed(3)
    y, _ = layer(x)
    kept = (y[:, 1:] == y[:, :-1]).double().mean()
    assert 0.4 < kept < 0.6
    assert not torch.equal(layer(x)[0], y)
    torch.manual_seed(3)
    assert torch.equal(layer(x)[0], y)
    still, _ = layer.eval()(x)
    assert torch.equal(layer(x)[0], still)
    assert not (still[:, 1:] == still[:, :-1]).any()


def test_h_and_c_have_rates_of_their_own() -> None:
    layer = _layer("LSTM", zoneout=(0.0, 0.5), batch_first=True)
    _, _, ((trace,),) = layer(_x(B, 50, I), return_all=True)
    assert not (trace.h[:, 1:] == trace.h[:, :-1]).any()
    assert 0.4 < (trace.c[:, 1:] == trace.c[:, :-1]).double().mean() < 0.6
    _, _, ((both,),) = _layer("LSTM", zoneout=0.5, batch_first=True)(_x(B, 50, I), return_all=True)
    kept_h, kept_c = (s[:, 1:] == s[:, :-1] for s in (both.h, both.c))
    assert not torch.equal(kept_h, kept_c)
    assert 0.4 < kept_h.double().mean() < 0.6


@KINDS
@pytest.mark.parametrize("wrong", [-0.1, 1.0, "0.5", None, True, (0.1, 1.0), (0.1, 0.1, 0.1)])
def test_rates_out_of_range(kind: str, wrong: Any) -> None:
    with pytest.raises(ArgumentError, match=f"zoneout must be a rate .*got {re.escape(repr(wrong))}"):
        LAYERS[kind](I, H, zoneout=wrong)


def test_options_that_are_none() -> None:
    with pytest.raises(ArgumentError, match="layer_norm must be True or False, got 1"):
        nn.GRU(I, H, layer_norm=1)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="reset_after must be True or False, got None"):
        nn.GRU(I, H, reset_after=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="reset_after"):
        nn.LSTM(I, H, reset_after=False)
    with pytest.raises(ArgumentError, match="zoneout must be a rate from 0 to below 1, got"):
        nn.GRU(I, H, zoneout=(0.1, 0.1))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="peepholes"):
        nn.GRU(I, H, peepholes=True)


def test_a_layer_prints_its_options() -> None:
    assert repr(nn.GRU(4, 5, layer_norm=True)) == "GRU(4, 5, layer_norm=True)"
    assert repr(nn.LSTM(4, 5, zoneout=(0.1, 0), peepholes=True)) == "LSTM(4, 5, zoneout=(0.1, 0), peepholes=True)"
    assert repr(nn.RNN(4, 5, zoneout=0.0)) == "RNN(4, 5)"
    assert repr(nn.GRU(4, 5, reset_after=False)) == "GRU(4, 5, reset_after=False)"
    assert repr(nn.GRU(4, 5, reset_after=True)) == "GRU(4, 5)"


@pytest.mark.parametrize("options", [{}, {"layer_norm": True}])
def test_a_gru_with_its_reset_before_the_product(options: dict[str, Any]) -> None:
    """The op's reset_after in every layer and direction; the parameters are the other GRU's, and load both ways."""
    before, after = (
        _layer("GRU", num_layers=2, bidirectional=True, reset_after=reset_after, **options)
        for reset_after in (False, True)
    )
    assert {name: p.shape for name, p in before.state_dict().items()} == {
        name: p.shape for name, p in after.state_dict().items()
    }
    with torch.no_grad():
        for parameter in before.parameters():
            parameter.copy_(0.5 * _x(*parameter.shape))
    x = _x(T, B, I)
    y, h_n = before(x)
    layers = x.transpose(0, 1)
    last = []
    for suffixes in (("_l0", "_l0_reverse"), ("_l1", "_l1_reverse")):
        halves = []
        for suffix in suffixes:
            named = {name.removesuffix(suffix): p for name, p in before.named_parameters() if name.endswith(suffix)}
            reverse = suffix.endswith("reverse")
            half, h = functional.gru(layers, None, **named, reset_after=False, reverse=reverse)
            halves.append(half)
            last.append(h)
        layers = torch.cat(halves, -1)
    close(y.transpose(0, 1), layers)
    close(h_n, torch.stack(last))
    with torch.no_grad():
        step, _ = before(x[:1], h_n)
    close(step, before(x[:1], h_n)[0])
    assert not torch.allclose(step, after(x[:1], h_n)[0])
    after.load_state_dict(before.state_dict())
    assert not torch.allclose(after(x)[0], y)
    again = copy.deepcopy(before)
    again.load_state_dict(after.state_dict())
    assert torch.equal(again(x)[0], y)


def test_unswap_leaves_a_gru_with_its_reset_before_the_product() -> None:
    layer = nn.GRU(I, H, reset_after=False)
    assert nn.unswap(layer).left == {"": "torch.nn has no reset_after=False"}
    assert type(layer) is nn.GRU


@KINDS
def test_unswap_leaves_what_torch_does_not_have(kind: str) -> None:
    model = torch.nn.Sequential(_layer(kind, layer_norm=True), _layer(kind))
    before = _x(T, B, I)
    y, _ = model[0](before)
    report = nn.unswap(model)
    assert list(report.swapped) == ["1"]
    assert "torch.nn has no layer_norm" in report.left["0"]
    close(model[0](before)[0], y)
    assert nn.unswap(_layer(kind, zoneout=0.1)).left == {"": "torch.nn has no zoneout=0.1"}


@KINDS
def test_a_swapped_layer_has_no_options(kind: str) -> None:
    layer = getattr(torch.nn, kind)(I, H)
    nn.swap(layer)
    assert layer.layer_norm is False
    assert layer.used_options() == {}
    layer(torch.zeros(T, B, I))
    layer.reset_parameters()


@KINDS
def test_copies_and_state_dicts(kind: str) -> None:
    layer = _layer(kind, layer_norm=True, zoneout=0.5).eval()
    with torch.no_grad():
        layer.weight_ln_hh_l0.mul_(2)
    twin = copy.deepcopy(layer)
    other = _layer(kind, layer_norm=True, zoneout=0.5).eval()
    other.load_state_dict(layer.state_dict())
    y, _ = layer(_x(T, B, I))
    assert torch.equal(twin(_x(T, B, I))[0], y)
    assert torch.equal(other(_x(T, B, I))[0], y)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.*torch.jit")
@pytest.mark.parametrize(
    ("kind", "options"),
    [*((kind, {"layer_norm": True}) for kind in LAYERS), ("GRU", {"reset_after": False}), ("LSTM", {"zoneout": 0.1})],
)
def test_what_jit_records_are_torchs_own_operations(kind: str, options: dict[str, Any]) -> None:
    layer = _layer(kind, num_layers=2, **options).eval()
    x = _x(T, B, I)
    with torch.no_grad():
        traced = torch.jit.trace(layer, x, check_trace=False)
        close(traced(2 * x)[0], layer(2 * x)[0])


@KINDS
@pytest.mark.parametrize("options", [{}, {"layer_norm": True}])
def test_traces_by_layer_and_direction(kind: str, options: dict[str, Any]) -> None:
    layer = _layer(kind, num_layers=2, bidirectional=True, **options)
    x = _x(T, B, I)
    plain, _ = layer(x)
    y, _, traces = layer(x, return_all=True)
    close(y, plain)
    assert [len(of_layer) for of_layer in traces] == [2, 2]
    close(torch.cat([trace.h for trace in traces[1]], -1), y)
    y[2].sum().backward()
    forward, backward = traces[1]
    close(forward.dh[2], torch.ones(B, H, dtype=torch.float64))
    close(backward.dh[2], torch.ones(B, H, dtype=torch.float64))
    assert not forward.dh[3:].any()
    assert not backward.dh[:2].any()
    # what reaches the first layer's outputs comes from the second alone
    assert traces[0][0].dh.shape == (T, B, H)
    assert traces[0][0].dh[:3].any(-1).all()


def test_traces_are_laid_out_as_the_outputs() -> None:
    layer = _layer("LSTM", layer_norm=True, bidirectional=True)
    rows = [_x(n, I) for n in (2, 5, 4)]
    padded = torch.nn.utils.rnn.pad_sequence(rows)
    y, _, ((one, two),) = layer(padded, lengths=torch.tensor([2, 5, 4]), return_all=True)
    y.square().sum().backward()
    packed, _, packed_traces = layer(pack_sequence(rows, enforce_sorted=False), return_all=True)
    packed.data.square().sum().backward()
    for expected, actual in zip((one, two), packed_traces[0], strict=True):
        for name in ("h", "c", "dh", "dc"):
            close(getattr(actual, name), getattr(expected, name))
    for b, row in enumerate(rows):
        y, _, traces = layer(row, return_all=True)
        y.square().sum().backward()
        for expected, actual in zip((one, two), traces[0], strict=True):
            close(actual.h, expected.h[: len(row), b])
            close(actual.dh, expected.dh[: len(row), b])
            close(actual.dgates["f"], expected.dgates["f"][: len(row), b])
