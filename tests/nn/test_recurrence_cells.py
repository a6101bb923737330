"""Layers of any cell: torch's conventions, streams, the lens, truncated training."""

import copy
import io
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from chainrule.errors import ArgumentError, ShapeError
from chainrule.functional import recurrence
from chainrule.lens import ThroughTime, through_time
from chainrule.nn import GRU, SLSTM, CellLayer, CellSpec, MinGRU
from chainrule.ops.recurrence.cells.spec import Gates, State
from chainrule.training import TruncatedBPTT
from tests.ops.recurrence.problems import LEAKY
from tests.tolerances import close

MAKERS: dict[str, Callable[..., CellLayer]] = {
    "mingru": MinGRU,
    "slstm": SLSTM,
    "leaky": lambda *args, **kwargs: CellLayer("leaky", *args, **kwargs),
    "gru": lambda *args, **kwargs: CellLayer("gru", *args, **kwargs),
}
makers = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())


def _parts(state: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def _double(make: Callable[..., CellLayer], **options: Any) -> CellLayer:
    torch.manual_seed(0)
    return make(3, 4, dtype=torch.float64, **options)


def test_parameters_are_named_and_drawn_as_torch_does() -> None:
    torch.manual_seed(0)
    ours = CellLayer("gru", 3, 40, num_layers=2, bidirectional=True)
    theirs = nn.GRU(3, 40, num_layers=2, bidirectional=True)
    assert {n: p.shape for n, p in ours.named_parameters()} == {n: p.shape for n, p in theirs.named_parameters()}
    assert max(p.abs().max() for p in ours.parameters()) <= 1 / math.sqrt(40)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(5, 2, 3)
    for mine, other in zip(ours(x), theirs(x), strict=True):
        close(mine, other)


def test_names_of_parameters() -> None:
    assert [n for n, _ in MinGRU(3, 4, bias=False).named_parameters()] == ["weight_ih_l0"]
    layer = CellLayer(LEAKY, 3, 4, bidirectional=True)
    assert {n: tuple(p.shape) for n, p in layer.named_parameters()} == {
        "weight_ih_l0": (4, 3),
        "u_l0": (4,),
        "bias_ih_l0": (4,),
        "weight_ih_l0_reverse": (4, 3),
        "u_l0_reverse": (4,),
        "bias_ih_l0_reverse": (4,),
    }


@makers
def test_layouts(make: Callable[..., CellLayer]) -> None:
    layer = _double(make, num_layers=2, bidirectional=True, batch_first=True)
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    y, state = layer(x)
    assert y.shape == (2, 6, 8)
    assert all(part.shape == (4, 2, 4) for part in _parts(state))
    alone, last = layer(x[0])
    close(alone, y[0])
    for one, both in zip(_parts(last), _parts(state), strict=True):
        close(one, both[:, 0])
    lengths = torch.tensor([6, 3])
    ragged, end = layer(x, lengths=lengths)
    packed, packed_end = layer(pack_padded_sequence(x, lengths, batch_first=True))
    close(pad_packed_sequence(packed, batch_first=True)[0], ragged)
    for one, other in zip(_parts(packed_end), _parts(end), strict=True):
        close(one, other)


@makers
def test_a_state_is_carried_and_checked(make: Callable[..., CellLayer]) -> None:
    layer = _double(make, batch_first=True)
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    y, state = layer(x)
    first, between = layer(x[:, :2])
    second, end = layer(x[:, 2:], between)
    close(torch.cat((first, second), 1), y)
    for one, other in zip(_parts(end), _parts(state), strict=True):
        close(one, other)
    with pytest.raises(ShapeError, match="hx for this layer and input must be h_0"):
        layer(x, x)


@makers
def test_streams(make: Callable[..., CellLayer]) -> None:
    layer = _double(make, num_layers=2)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    stream = layer.stream(2)
    assert (stream.backend, make is MAKERS["gru"]) in {("layer", False), ("cpu", True)}
    y = torch.cat((stream(x[0])[None], stream(x[1:4]), stream(x[4:])))
    close(y, layer(x)[0])
    assert stream.state_dict().keys() == set(layer.cell_spec.state)


@makers
def test_the_lens_agrees_with_autograd(make: Callable[..., CellLayer]) -> None:
    """Every number that it gives is compared with autograd, or it raises."""
    layer = _double(make, num_layers=2, batch_first=True)
    x = torch.randn(2, 8, 3, dtype=torch.float64)
    found = through_time(layer, x, lengths=torch.tensor([8, 6]), resets=torch.arange(16).view(2, 8) % 5 == 3)
    assert isinstance(found, ThroughTime)
    y, _ = layer(x, lengths=torch.tensor([8, 6]), resets=torch.arange(16).view(2, 8) % 5 == 3)
    expected = torch.autograd.grad(y.sum(), list(layer.parameters()))
    for (name, _), gradient in zip(layer.named_parameters(), expected, strict=True):
        close(torch.from_numpy(found.gradients[name]), gradient)
    assert str(found.steps())
    assert str(found.gates())
    assert found.reach().verdict
    assert found.truncation(3).lost[0] >= 0
    assert found.term(5, 2).factors.shape == (3, *(4 * len(layer.cell_spec.state),) * 2)


@pytest.mark.sampled(0)
@makers
def test_truncated_training_learns(make: Callable[..., CellLayer]) -> None:
    torch.manual_seed(0)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.memory = make(1, 8, batch_first=True)
            self.out = nn.Linear(8, 1)

        def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
            y, state = self.memory(x, state)
            return self.out(y), state

    model = Model()
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-2)
    wave = torch.sin(torch.arange(161) / 4).view(1, -1, 1)
    bptt = TruncatedBPTT(8, 16)
    losses = []
    place = None
    for _ in range(3):
        for start in range(0, 160, 8):
            optimiser.zero_grad()
            now = wave[:, start : start + 8]
            following = wave[:, start + 1 : start + 9]
            loss, place = bptt(model, nn.functional.mse_loss, now, following, place)
            optimiser.step()
            losses.append(float(loss))
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])


@makers
def test_copies_and_files(make: Callable[..., CellLayer]) -> None:
    layer = _double(make)
    x = torch.randn(5, 1, 3, dtype=torch.float64)
    again = _double(make)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    again.load_state_dict(torch.load(file, weights_only=True))
    for other in (copy.deepcopy(layer), again):
        assert torch.equal(other(x)[0], layer(x)[0])
    assert make is MAKERS["gru"] or layer.float()(x.float())[0].dtype == torch.float32


def test_options_of_a_cell() -> None:
    layer = MinGRU(3, 4, layer_norm=True, zoneout=0.2)
    assert str(layer) == "MinGRU(3, 4, layer_norm=True, zoneout=0.2)"
    assert layer.get_parameter("weight_ln_ih_l0").shape == (8,)
    assert torch.equal(layer.eval()(torch.ones(4, 1, 3))[0], layer(torch.ones(4, 1, 3))[0])
    assert str(CellLayer("leaky", 3, 4)) == "CellLayer(leaky, 3, 4)"
    with pytest.raises(ArgumentError, match="the cell leaky has no layer normalisation"):
        CellLayer("leaky", 3, 4, layer_norm=True)
    with pytest.raises(ArgumentError, match="zoneout must be a rate from 0 to below 1"):
        SLSTM(3, 4, zoneout=1.5)
    with pytest.raises(ArgumentError, match="unknown cell 'lru'; the known ones are"):
        CellLayer("lru", 3, 4)
    with pytest.raises(ArgumentError, match="hidden_size must be greater than zero"):
        SLSTM(3, 0)


def test_a_gru_is_a_gru() -> None:
    """The generic layer of a cell that torch has computes what the layer of that name does."""
    torch.manual_seed(0)
    ours = CellLayer("gru", 3, 4, batch_first=True)
    own = GRU(3, 4, batch_first=True)
    own.load_state_dict(ours.state_dict())
    x = torch.randn(2, 9, 3)
    assert torch.equal(ours(x)[0], own(x)[0])


@pytest.mark.parametrize("order", ["W_hh b_hh b_ih", "b_ih W_hh b_hh", "b_hh b_ih W_hh"])
def test_weights_find_their_places_in_whatever_order_they_are_listed(order: str) -> None:
    sizes = {"W_hh": "G H", "b_ih": "G", "b_hh": "G"}

    def step(x: Tensor, state: State, w: Any) -> tuple[State, Gates]:
        a = x @ w.W_ih.T + w.b_ih + state[0] @ w.W_hh.T + 3 * w.b_hh
        n = torch.tanh(a)
        return (n,), {"n": (a, n)}

    spec = CellSpec(
        f"ordered_{order.replace(' ', '_')}",
        gates={"n": "tanh"},
        state=("h",),
        weights={"W_ih": "G I", **{symbol: sizes[symbol] for symbol in order.split()}},
        step=step,
    )
    layer = CellLayer(spec, 3, 4, batch_first=True)
    x = torch.randn(2, 5, 3)
    named = {name.removesuffix("_l0"): p for name, p in layer.named_parameters()}
    close(layer(x)[0], recurrence(spec, x, None, named)[0])
