"""The layers beside torch.nn's: weights move both ways, and every way of calling gives the same numbers."""

import copy
import itertools
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, jvp, vmap
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_packed_sequence

from chainrule import nn
from chainrule.errors import ArgumentError, ShapeError
from tests.tolerances import close

# torch says so of its own layer when it projects on the CPU
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")

B = 3
T = 6
I = 4
H = 5
PAIRS = {"RNN": (nn.RNN, torch.nn.RNN), "GRU": (nn.GRU, torch.nn.GRU), "LSTM": (nn.LSTM, torch.nn.LSTM)}
KINDS: list[tuple[str, dict[str, Any]]] = [
    ("RNN", {"nonlinearity": "tanh"}),
    ("RNN", {"nonlinearity": "relu"}),
    ("GRU", {}),
    ("LSTM", {}),
    ("LSTM", {"proj_size": 2}),
]
OPTIONS = [
    {"num_layers": layers, "bidirectional": both, "bias": bias, "batch_first": batch_first}
    for layers, both, bias, batch_first in itertools.product([1, 2], [False, True], [True, False], [True, False])
]


def _pair(kind: str, **options: Any) -> tuple[torch.nn.RNNBase, torch.nn.RNNBase]:
    """chainrule's layer and torch's, with the same weights, in float64."""
    ours, theirs = (layer(I, H, dtype=torch.float64, **options) for layer in PAIRS[kind])
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def _x(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def _hx(layer: torch.nn.RNNBase, *batch: int) -> Any:
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    h_0 = _x(count, *batch, layer.proj_size or H)
    return (h_0, _x(count, *batch, H).neg()) if isinstance(layer, torch.nn.LSTM) else h_0


def _tensors(*values: Any) -> list[Tensor]:
    """All tensors in nested outputs, in order."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif value is not None:
            found += _tensors(*value)
    return found


def _outcome(layer: torch.nn.RNNBase, input: Any, hx: Any, **options: Any) -> list[Tensor]:
    """Outputs, states and the gradients towards the input, the states and the parameters."""
    leaves = [t.requires_grad_() for t in _tensors(input, hx) if t.is_floating_point()]
    outputs = [t for t in _tensors(layer(input, hx, **options)) if t.is_floating_point()]
    generator = torch.Generator().manual_seed(2)
    cotangents = [torch.randn(o.shape, dtype=o.dtype, generator=generator) for o in outputs]
    return [*outputs, *torch.autograd.grad(outputs, [*leaves, *layer.parameters()], cotangents)]


def _same(ours: list[Tensor], theirs: list[Tensor]) -> None:
    for actual, expected in zip(ours, theirs, strict=True):
        close(actual, expected)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("kind", "own"), KINDS)
@pytest.mark.parametrize("options", OPTIONS)
def test_equals_torch_with_weights_moved_both_ways(kind: str, own: dict[str, Any], options: dict[str, Any]) -> None:
    ours, theirs = _pair(kind, **own, **options)
    back = PAIRS[kind][1](I, H, dtype=torch.float64, **own, **options)
    back.load_state_dict(ours.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = _x(B, T, I) if options["batch_first"] else _x(T, B, I)
    for hx in (None, _hx(ours, B)):
        expected = _outcome(theirs, x, hx)
        _same(_outcome(ours, x, hx), expected)
        _same(_outcome(back, x, hx), expected)


@pytest.mark.parametrize(("kind", "own"), KINDS)
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"batch_first": True}])
def test_unbatched(kind: str, own: dict[str, Any], options: dict[str, Any]) -> None:
    ours, theirs = _pair(kind, **own, **options)
    for hx in (None, _hx(ours)):
        _same(_outcome(ours, _x(T, I), hx), _outcome(theirs, _x(T, I), hx))


@pytest.mark.parametrize(("kind", "own"), KINDS)
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"batch_first": True}])
@pytest.mark.parametrize("enforce_sorted", [True, False])
def test_packed_sequence(kind: str, own: dict[str, Any], options: dict[str, Any], enforce_sorted: bool) -> None:
    ours, theirs = _pair(kind, **own, **options)
    lengths = [5, 4, 2] if enforce_sorted else [2, 5, 4]
    packed = pack_sequence([_x(n, I) for n in lengths], enforce_sorted=enforce_sorted)
    for hx in (None, _hx(ours, B)):
        _same(_outcome(ours, packed, hx), _outcome(theirs, packed, hx))
    output, _ = ours(packed)
    assert isinstance(output, PackedSequence)
    for name, field in packed._asdict().items():
        if name != "data":
            assert getattr(output, name) is field


@pytest.mark.parametrize(("kind", "own"), KINDS)
def test_lengths_do_what_packing_does(kind: str, own: dict[str, Any]) -> None:
    ours, theirs = _pair(kind, num_layers=2, bidirectional=True, batch_first=True, **own)
    lengths = torch.tensor([2, 5, 4])
    hx = _hx(ours, B)
    rows = [_x(n, I) for n in lengths.tolist()]
    padded = torch.full((B, T, I), torch.nan, dtype=torch.float64)
    for b, row in enumerate(rows):
        padded[b, : len(row)] = row
    packed, expected_last = theirs(pack_sequence(rows, enforce_sorted=False), hx)
    expected, _ = pad_packed_sequence(packed, batch_first=True, total_length=T)
    y, last = ours(padded, hx, lengths=lengths)
    _same(_tensors(y, last), _tensors(expected, expected_last))


@pytest.mark.parametrize(("kind", "own"), KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_reset_equals_two_sequences_in_every_layer(kind: str, own: dict[str, Any], bidirectional: bool) -> None:
    layer, _ = _pair(kind, num_layers=2, bidirectional=bidirectional, **own)
    x = _x(T, B, I)
    cut = 2
    resets = torch.zeros(B, T, dtype=torch.bool)
    resets[:, cut] = True
    whole, _ = layer(x, resets=resets)
    close(whole, torch.cat([layer(x[:cut])[0], layer(x[cut:])[0]]))


def test_masks_are_batch_by_time_whatever_the_layout() -> None:
    masks = {"resets": _x(B, T) > 0.5, "lengths": torch.tensor([6, 3, 5])}
    first, _ = _pair("GRU", bidirectional=True, batch_first=True)
    second = copy.deepcopy(first)
    second.batch_first = False
    x = _x(B, T, I)
    y, h_n = first(x, **masks)
    y_second, h_n_second = second(x.transpose(0, 1), **masks)
    assert torch.equal(y, y_second.transpose(0, 1))
    assert torch.equal(h_n, h_n_second)
    for b in range(B):
        row = {name: mask[b] for name, mask in masks.items()}
        y_row, h_row = first(x[b], **row)
        close(y_row, y[b])
        close(h_row, h_n[:, b])
        _same(_tensors(first(x[b], resets=row["resets"], lengths=int(row["lengths"]))), [y_row, h_row])


def test_resets_follow_the_rows_of_a_packed_sequence() -> None:
    layer, _ = _pair("LSTM", bidirectional=True)
    lengths = [2, 5, 4]
    resets = _x(B, 5) > 0
    output, last = layer(pack_sequence([_x(n, I) for n in lengths], enforce_sorted=False), resets=resets)
    y, _ = pad_packed_sequence(output, batch_first=True)
    for b, n in enumerate(lengths):
        y_row, last_row = layer(_x(n, I), resets=resets[b, :n])
        close(y[b, :n], y_row)
        _same([s[:, b] for s in last], list(last_row))


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("kind", "own"), KINDS)
@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"bidirectional": True}])
@pytest.mark.parametrize("p", [0.4, 1.0])
def test_dropout_under_the_same_seed(kind: str, own: dict[str, Any], options: dict[str, Any], p: float) -> None:
    ours, theirs = _pair(kind, num_layers=3, dropout=p, **own, **options)
    outcomes = []
    for layer in (ours, theirs):
        torch.manual_seed(3)
        outcomes.append(_outcome(layer, _x(T, B, I), None))
    _same(*outcomes)
    torch.manual_seed(4)
    assert p == 1.0 or not torch.equal(ours(_x(T, B, I))[0], outcomes[0][0])
    _same(_outcome(ours.eval(), _x(T, B, I), None), _outcome(theirs.eval(), _x(T, B, I), None))


@pytest.mark.parametrize(("kind", "own"), KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [[5, 4, 2], [2, 5, 4]], ids=["sorted", "unsorted"])
def test_dropout_of_a_packed_sequence_under_the_same_seed(
    kind: str, own: dict[str, Any], bidirectional: bool, lengths: list[int]
) -> None:
    ours, theirs = _pair(kind, num_layers=3, dropout=0.4, bidirectional=bidirectional, **own)
    outcomes = []
    for layer in (ours, theirs):
        packed = pack_sequence([_x(n, I) for n in lengths], enforce_sorted=False)
        torch.manual_seed(3)
        outcomes.append(_outcome(layer, packed, None))
    _same(*outcomes)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:.*torch.jit:FutureWarning")
@pytest.mark.parametrize("kind", PAIRS)
def test_per_sample_gradients_and_tangents(kind: str) -> None:
    layer, _ = _pair(kind, num_layers=2, bidirectional=True)
    parameters = {name: p.detach() for name, p in layer.named_parameters()}

    def loss(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        y: Tensor = functional_call(layer, parameters, (x,))[0].square().sum()
        return y

    x = _x(B, T, I)
    per_sample = vmap(grad(loss), (None, 0))(parameters, x)
    for b in range(B):
        total = layer(x[b])[0].square().sum()
        expected = torch.autograd.grad(total, list(layer.parameters()))
        for name, wanted in zip(parameters, expected, strict=True):
            close(per_sample[name][b], wanted)
    direction = _x(B, T, I).neg()
    value, tangent = jvp(lambda x: layer(x)[0], (x,), (direction,))  # type: ignore[misc]
    wanted_value, wanted = torch.autograd.functional.jvp(lambda x: layer(x)[0], x, direction)
    close(value, wanted_value)
    close(tangent, wanted)


@pytest.mark.parametrize(("kind", "own"), KINDS)
def test_the_same_seed_initialises_the_same(kind: str, own: dict[str, Any]) -> None:
    layers = []
    for layer in PAIRS[kind]:
        torch.manual_seed(5)
        layers.append(layer(I, H, num_layers=2, bidirectional=True, **own))
    ours, theirs = (layer.state_dict() for layer in layers)
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert repr(layers[0]) == repr(layers[1])


@pytest.mark.parametrize("kind", PAIRS)
def test_a_copy_is_independent(kind: str) -> None:
    layer, _ = _pair(kind)
    before = _tensors(layer(_x(T, B, I)))
    twin = copy.deepcopy(layer)
    assert type(twin) is type(layer)
    _same(_tensors(twin(_x(T, B, I))), before)
    with torch.no_grad():
        twin.get_parameter("weight_hh_l0").zero_()
    _same(_tensors(layer(_x(T, B, I))), before)


@pytest.mark.parametrize("kind", PAIRS)
def test_a_copy_between_the_two_passes_takes_no_part_in_them(kind: str) -> None:
    layer, _ = _pair(kind)
    expected = _outcome(layer, _x(T, B, I), None)
    outputs = _tensors(layer(x := _x(T, B, I).requires_grad_()))
    twin = copy.deepcopy(layer)
    with torch.no_grad():
        for p in twin.parameters():
            p.zero_()
    generator = torch.Generator().manual_seed(2)
    cotangents = [torch.randn(o.shape, dtype=o.dtype, generator=generator) for o in outputs]
    torch.autograd.backward(outputs, cotangents)
    _same([*outputs, *(t.grad for t in (x, *layer.parameters()) if t.grad is not None)], expected)
    assert all(p.grad is None for p in twin.parameters())


@pytest.mark.parametrize("kind", PAIRS)
def test_frozen_parameters_get_no_gradient(kind: str) -> None:
    ours, theirs = _pair(kind, num_layers=2)
    for layer in (ours, theirs):
        for name in ("weight_hh_l0", "bias_ih_l1"):
            layer.get_parameter(name).requires_grad_(False)
        layer(_x(T, B, I))[0].square().sum().backward()
    for (name, ours_p), theirs_p in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        if theirs_p.grad is None:
            assert name in ("weight_hh_l0", "bias_ih_l1")
            assert ours_p.grad is None
        else:
            assert ours_p.grad is not None
            close(ours_p.grad, theirs_p.grad)


@pytest.mark.parametrize("kind", PAIRS)
def test_streaming_step_by_step_equals_the_whole(kind: str) -> None:
    layer, _ = _pair(kind, num_layers=2)
    x = _x(T, B, I)
    whole, last = layer(x)
    pieces = []
    state = None
    for t in range(T):
        y, state = layer(x[t : t + 1], state)
        pieces.append(y)
    close(torch.cat(pieces), whole)
    _same(_tensors(state), _tensors(last))


def test_no_steps_return_the_states() -> None:
    layer, _ = _pair("LSTM", num_layers=2)
    hx = _hx(layer, B)
    y, last = layer(_x(0, B, I), hx)
    assert y.shape == (0, B, H)
    assert all(torch.equal(a, b) for a, b in zip(last, hx, strict=True))


@pytest.mark.parametrize(
    ("kind", "input", "hx", "message"),
    [
        ("GRU", _x(I), None, r"3 dimensions, or 2 without a batch, got shape \(4,\)"),
        ("GRU", _x(T, B, I + 1), None, r"input has 5 features .*\(6, 3, 5\).*made for 4 \(input_size\)"),
        ("GRU", _x(T, I - 1), None, r"input has 3 features .*\(6, 3\).*made for 4 \(input_size\)"),
        ("GRU", pack_sequence([_x(T, I + 1)]), None, r"input has 5 features .*made for 4 \(input_size\)"),
        ("GRU", _x(T, B, I).float(), None, "x must be .*float64 .*got .*float32"),
        ("LSTM", _x(T, B, I), 0, r"h_0, c_0 of shape .*got int"),
        ("GRU", _x(T, B, I), _x(1, B, H + 1), r"h_0 of shape \(1, 3, 5\).*got \(1, 3, 6\)"),
        ("GRU", _x(T, B, I), _x(B, H), r"h_0 of shape \(1, 3, 5\).*got \(3, 5\)"),
        ("GRU", _x(T, I), _x(1, B, H), r"h_0 of shape \(1, 5\).*got \(1, 3, 5\)"),
        ("GRU", _x(T, B, I), (_x(1, B, H),), r"h_0 of shape \(1, 3, 5\).*got tuple"),
        ("LSTM", _x(T, B, I), (_x(1, B, H),), r"h_0, c_0 of shape \(1, 3, 5\), \(1, 3, 5\)"),
    ],
)
def test_wrong_shapes(kind: str, input: Tensor, hx: Any, message: str) -> None:
    layer, _ = _pair(kind)
    with pytest.raises(ShapeError, match=message):
        layer(input, hx)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input": _x(T, B, I).numpy()}, "input is numpy.ndarray; expected a torch.Tensor"),
        ({"input": _x(T, I), "resets": [True] * T}, "resets is list; expected a torch.Tensor"),
        ({"input": _x(T, I), "lengths": 2.0}, "lengths is float; expected an integer tensor"),
        ({"input": pack_sequence([_x(3, I)]), "resets": [[True] * 3]}, "resets is list; expected a torch.Tensor"),
    ],
)
def test_what_is_of_the_wrong_kind_is_named(arguments: dict[str, Any], message: str) -> None:
    layer, _ = _pair("GRU")
    with pytest.raises(ArgumentError, match=message):
        layer(**arguments)


def test_lengths_beside_a_packed_sequence() -> None:
    layer, _ = _pair("GRU")
    with pytest.raises(ArgumentError, match="leave out the argument lengths"):
        layer(pack_sequence([_x(3, I)]), lengths=torch.tensor([3]))


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_the_last_state_is_the_callers_own(kind: Any) -> None:
    layer = kind(3, 4, batch_first=True)
    start = torch.ones(1, 2, 4)
    given = (start, torch.ones(1, 2, 4)) if kind is nn.LSTM else start
    with torch.no_grad():
        for T in (0, 1, 5):
            _, last = layer(torch.zeros(2, T, 3), given)
            (last[0] if kind is nn.LSTM else last).zero_()
            assert start.sum() == 8


def test_outputs_of_an_expanded_batch_are_contiguous() -> None:
    y, _ = nn.GRU(3, 4, batch_first=True)(torch.randn(6, 3).expand(5, 6, 3))
    assert y.is_contiguous()


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM, nn.MinGRU, nn.SLSTM])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"num_layers": 2}, {"layer_norm": True}])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("learns", [True, False])
def test_outputs_are_contiguous_and_may_be_changed_in_place(
    kind: Any, options: dict[str, Any], dtype: torch.dtype, learns: bool
) -> None:
    """With time first, as torch's are whatever the layer."""
    layer = kind(I, H, dtype=dtype, **options)
    x = torch.ones(T, B, I, dtype=dtype, requires_grad=learns)
    with torch.set_grad_enabled(learns):
        for call in ({}, {"lengths": [T, 2, 1]}):
            y = layer(x, **call)[0]
            y.view(T * B, -1)
            y.mul_(2)
            if learns:
                y.sum().backward()


@pytest.mark.parametrize("kind", PAIRS)
def test_complex_numbers_are_torch_s(kind: str) -> None:
    ours, theirs = (layer(I, H, dtype=torch.complex64) for layer in PAIRS[kind])
    ours.load_state_dict(theirs.state_dict())
    for x in (torch.ones(T, B, I, dtype=torch.complex64), torch.ones(T, I, dtype=torch.complex64)):
        assert torch.equal(ours(x)[0], theirs(x)[0])
    packed = pack_sequence([torch.ones(4, I, dtype=torch.complex64), torch.ones(2, I, dtype=torch.complex64)])
    assert torch.equal(ours(packed)[0].data, theirs(packed)[0].data)
    with pytest.raises(ShapeError, match="floating dtype"):
        ours(torch.ones(T, B, I))
