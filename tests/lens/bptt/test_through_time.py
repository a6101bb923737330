"""Backpropagation through time: closed forms, the reference under autograd, and plain loops."""

import copy
import gc
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from chainrule import nn
from chainrule.data import Transform
from chainrule.errors import ArgumentError, DisagreementError, ShapeError
from chainrule.lens import ThroughTime, through_time
from chainrule.models import ModelConfig, build_sequence_classifier, build_series_model, build_symbol_model
from chainrule.nn.recurrence_options import Optioned
from chainrule.ops.recurrence.cells.gru import GRUFormula
from tests.lens.cases import LAYERS, B, H, I, T, close, inputs, layer_of, linear_rnn, look, weighing


def test_every_term_of_a_scalar_linear_network_is_known() -> None:
    w = 0.8
    x = torch.tensor([[[1.0], [2.0], [3.0], [0.5]]], dtype=torch.float64)
    h = [1.0, 2.8, 5.24, 4.692]
    found = look(linear_rnn(w), x)  # the loss is the sum of all h_t, so that 1 enters at every step
    steps = found.steps()
    close(steps.h[:, 0], np.array(h))
    close(steps.dh[:, 0], np.array([1 + w + w**2 + w**3, 1 + w + w**2, 1 + w, 1]))
    close(found.reach().norms[0], np.array([[w ** (t - i) if i <= t else 0 for i in range(4)] for t in range(4)]))
    close(
        found.gradients["weight_hh_l0"][0],
        np.array([sum(w ** (t - i) * h[i - 1] for t in range(4) for i in range(1, t + 1))]),
    )
    term = found.term(3, 1)
    close(term.factors, np.full((2, 1, 1), w))
    for array, expected in (
        (term.norms, [w, w]),
        (term.radii, [w, w]),
        (term.products, [w, w**2]),
        (term.carried[:, 0], [1, w, w**2]),
        (term.adds, [h[2], w * h[1], w**2 * h[0]]),
        (term.contributions["weight_hh_l0"][0], [w**2 * h[0]]),
    ):
        close(array, np.array(expected))
    cut = found.truncation(2)
    kept = h[0] + h[2]  # of each chunk of two: the second step alone has a predecessor in it, whose h is its own start
    assert cut.gradients["weight_hh_l0"][0] == pytest.approx(kept + h[1] * (1 + w), rel=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_the_layers_own_and_the_sum_of_what_the_steps_add(name: str) -> None:
    layer = layer_of(name)
    x = inputs()
    found = look(layer, x, weighing)
    layer.eval()
    fused = torch.autograd.grad(weighing(layer(x)), list(layer.parameters()))
    for (parameter, _), expected in zip(layer.named_parameters(), fused, strict=True):
        close(found.gradients[parameter], expected)
        close(found.step_gradients(parameter).sum(0), expected)
    assert found.agreement.error < 1e-12
    assert found.fused.error < 1e-12


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", LAYERS)
def test_the_map_is_what_as_many_passes_of_autograd_find(name: str) -> None:
    """The state that step i leaves is made a leaf, and each step's loss differentiated by it."""
    layer = layer_of(name)
    x = inputs(rows=2)
    directions = 2 if layer.bidirectional else 1
    generator = torch.Generator().manual_seed(5)
    width = directions * (layer.proj_size or H)
    weigh = torch.randn(T, width, generator=generator, dtype=torch.float64)
    found = look(layer, x, lambda result: (result[0] * weigh).sum())
    layer.eval()
    for direction in range(directions):
        norms = found.reach(layer=-1, direction=direction).norms
        expected = np.zeros((2, T, T))
        for i in range(T):
            for row in range(2):
                for t, gradient in enumerate(_by_leaf(layer, x[row : row + 1], weigh, i, direction)):
                    expected[row, t, i] = gradient
        close(norms, expected)


def _by_leaf(layer: torch.nn.RNNBase, x: Tensor, weigh: Tensor, i: int, direction: int) -> list[float]:
    """||dL_t/ds_i|| of the last layer's state for every t, by running on from step i with the state as a leaf."""
    below = x
    if layer.num_layers > 1:
        below = _first_layers(layer, x)
    own = _last_layer(layer, below.shape[-1], direction)
    if direction:
        below = below.flip(1)
        weigh = weigh.flip(0)
        i = x.shape[1] - 1 - i
    P = layer.proj_size or layer.hidden_size
    weigh = weigh[:, direction * P : (direction + 1) * P]
    with torch.no_grad():
        _, state = own(below[:, : i + 1])
    leaves = [s.clone().requires_grad_() for s in (state if isinstance(state, tuple) else (state,))]
    steps = [(leaves[0][0] * weigh[i]).sum()]
    if i + 1 < x.shape[1]:
        y, _ = own(below[:, i + 1 :], tuple(leaves) if len(leaves) == 2 else leaves[0])
        steps += [(y[:, k] * weigh[i + 1 + k]).sum() for k in range(y.shape[1])]
    norms = [0.0] * i
    for loss in steps:
        gradients = torch.autograd.grad(loss, leaves, retain_graph=True, materialize_grads=True)
        norms.append(float(torch.cat([g.flatten() for g in gradients]).norm()))
    return norms[::-1] if direction else norms


def _copied(layer: torch.nn.RNNBase, features: int, bidirectional: bool, suffixes: dict[str, str]) -> torch.nn.RNNBase:
    """One layer with the weights of another, by the endings of their names."""
    options: dict[str, Any] = {"batch_first": True, "bias": layer.bias, "bidirectional": bidirectional}
    if layer.mode.startswith("RNN"):
        options["nonlinearity"] = layer.mode.removeprefix("RNN_").lower()
    if layer.mode == "LSTM":
        options["proj_size"] = layer.proj_size
    if isinstance(layer, Optioned):
        options |= layer.used_options()
    kind: Any = type(layer)
    single: torch.nn.RNNBase = kind(features, layer.hidden_size, **options).double().eval()
    with torch.no_grad():
        for name, parameter in single.named_parameters():
            ours = next(end for end in sorted(suffixes, key=len, reverse=True) if name.endswith(end))
            parameter.copy_(layer.get_parameter(name.removesuffix(ours) + suffixes[ours]))
    return single


def _first_layers(layer: torch.nn.RNNBase, x: Tensor) -> Tensor:
    suffixes = {"_l0": "_l0", "_l0_reverse": "_l0_reverse"} if layer.bidirectional else {"_l0": "_l0"}
    with torch.no_grad():
        y: Tensor = _copied(layer, I, layer.bidirectional, suffixes)(x)[0]
    return y


def _last_layer(layer: torch.nn.RNNBase, features: int, direction: int) -> torch.nn.RNNBase:
    last = f"_l{layer.num_layers - 1}{'_reverse' if direction else ''}"
    return _copied(layer, features, False, {"_l0": last})


@pytest.mark.parametrize("name", ["gru of two layers", "lstm projected"])
def test_in_a_lower_layer_the_map_counts_every_way_up(name: str) -> None:
    """Against torch's autograd towards the first layer's states, made leaves one step at a time."""
    layer = layer_of(name).eval()
    x = inputs(rows=1)
    found = look(layer, x, lambda result: result[0].sum())
    lower = _copied(layer, I, False, {"_l0": "_l0"})
    upper = _last_layer(layer, layer.proj_size or H, 0)
    norms = found.reach(layer=0).norms[0]
    for i in range(T):
        with torch.no_grad():
            before, state = lower(x[:, : i + 1])
        leaves = [s.clone().requires_grad_() for s in (state if isinstance(state, tuple) else (state,))]
        parts = [before[:, :i], leaves[0].transpose(0, 1)]
        if i + 1 < T:
            parts.append(lower(x[:, i + 1 :], tuple(leaves) if len(leaves) == 2 else leaves[0])[0])
        y, _ = upper(torch.cat(parts, dim=1))
        for t in range(T):
            gradients = torch.autograd.grad(y[:, t].sum(), leaves, retain_graph=True, materialize_grads=True)
            expected = float(torch.cat([g.flatten() for g in gradients]).norm()) if t >= i else 0.0
            assert norms[t, i] == pytest.approx(expected, rel=1e-10, abs=1e-13)
    whole = np.hypot(norms, found.reach(layer=1).norms[0])
    close(found.reach().norms[0], whole)


@pytest.mark.parametrize("name", ["rnn_tanh", "torch's gru", "lstm", "lstm projected with peepholes"])
def test_steps_are_those_of_the_reference_under_autograd(name: str) -> None:
    layer = layer_of(name)
    x = inputs()
    found = look(layer, x, weighing).steps(row=1)
    nn.swap(layer)  # torch's layer has no trace
    y, last, ((trace,),) = layer(x, return_all=True)
    weighing((y, last)).backward()
    pairs = [(found.h, trace.h), (found.dh, trace.dh), (found.c, trace.c), (found.dc, trace.dc)]
    for array, expected in pairs:
        if expected is not None:
            assert array is not None
            close(array, expected[1])
    for gate in trace.gates:
        close(found.gates[gate], trace.gates[gate][1])
        close(found.dgates[gate], trace.dgates[gate][1])
        squashed = np.tanh if gate in "ng" else lambda a: 1 / (1 + np.exp(-a))
        close(squashed(found.preactivations[gate]), found.gates[gate])


@pytest.mark.parametrize(
    ("name", "t", "i"),
    [("rnn_tanh", 6, 2), ("torch's gru", 5, 0), ("lstm", 6, 1), ("lstm projected with peepholes", 4, 4)],
)
def test_a_term_is_the_gradient_by_one_steps_weights_of_another_steps_loss(name: str, t: int, i: int) -> None:
    layer = layer_of(name).eval()
    x = inputs()
    found = look(layer, x, lambda result: result[0].square().sum()).term(t, i, row=2)
    row = x[2:3]
    with torch.no_grad():
        before = layer(row[:, :i])[1] if i else None
    y, state = torch.func.functional_call(layer, dict(layer.named_parameters()), (row[:, i : i + 1], before))
    frozen = {k: p.detach() for k, p in layer.named_parameters()}
    if t > i:
        y, _ = torch.func.functional_call(layer, frozen, (row[:, i + 1 : t + 1], state))
    entering = 2 * y[:, -1].detach()
    expected = torch.autograd.grad((y[:, -1] * entering).sum(), list(layer.parameters()))
    for (parameter, _), gradient in zip(layer.named_parameters(), expected, strict=True):
        close(found.contributions[parameter], gradient)
    assert found.adds[-1] == pytest.approx(np.linalg.norm(found.contributions["weight_hh_l0"]))
    close(found.carried[0] @ found.product, found.carried[-1])
    assert found.norms.shape == found.radii.shape == (t - i,)


def test_jacobians_are_those_of_autograd() -> None:
    layer = layer_of("lstm").eval()
    x = inputs(rows=1)
    found = look(layer, x).term(4, 1)

    def run(state: Tensor) -> Tensor:
        h, c = state.split(H)
        _, (h, c) = layer(x[:, 2:5], (h.view(1, 1, H), c.view(1, 1, H)))
        return torch.cat([h.flatten(), c.flatten()])

    with torch.no_grad():
        _, (h, c) = layer(x[:, :2])
    jacobian = torch.autograd.functional.jacobian(run, torch.cat([h.flatten(), c.flatten()]))
    close(found.product, jacobian)
    assert found.products[-1] == pytest.approx(float(torch.linalg.matrix_norm(jacobian, 2)))


@pytest.mark.parametrize("name", ["gru of two layers", "lstm with everything"])
def test_resets_and_lengths_cut_the_gradient(name: str) -> None:
    layer = layer_of(name)
    x = inputs()
    resets = torch.zeros(B, T, dtype=torch.bool)
    resets[0, 3] = resets[2, 1] = True
    x[1, 4:] = torch.nan
    found = look(layer, x, weighing, resets=resets, lengths=[7, 4, 7])
    fused = torch.autograd.grad(weighing(layer.eval()(x, resets=resets, lengths=[7, 4, 7])), list(layer.parameters()))
    for (parameter, _), expected in zip(layer.named_parameters(), fused, strict=True):
        close(found.gradients[parameter], expected)
    norms = found.reach().norms
    assert np.isnan(norms[0, 5, 2])
    assert not np.isnan(norms[0, 5, 3])
    assert np.isnan(norms[1, 5]).all()
    assert (found.steps(row=1).h[4:] == 0).all()
    if not layer.bidirectional:
        found.truncation(2)
    with pytest.raises(ArgumentError, match="step 5 lies beyond the row's length, which is 4"):
        found.term(5, row=1)


@pytest.mark.parametrize("layout", ["time first", "unbatched", "packed", "numpy"])
def test_layouts_of_the_input_change_nothing(layout: str) -> None:
    layer = layer_of("torch's gru")
    x = inputs()
    expected = look(layer, x, lambda result: result[0].sum())
    other = copy.deepcopy(layer)
    other.batch_first = layout == "numpy"
    if layout == "packed":
        lengths = torch.tensor([4, 7, 6])
        packed = pack_padded_sequence(x.transpose(0, 1), lengths, enforce_sorted=False)
        found = look(other, packed, lambda result: result[0].data.sum())
        expected = look(layer, x, lambda result: result[0].sum(), lengths=lengths)
    elif layout == "unbatched":
        found = look(other, x[1])
        expected = look(layer, x[1:2])
    else:
        found = look(other, x.transpose(0, 1) if layout == "time first" else x.numpy())
    close(found.reach().norms, np.nan_to_num(expected.reach().norms)) if layout != "packed" else None
    np.testing.assert_allclose(found.reach().norms, expected.reach().norms, atol=1e-12)
    for name, gradient in expected.gradients.items():
        close(found.gradients[name], gradient)


def test_what_the_last_state_of_a_row_receives_belongs_to_the_rows_last_step() -> None:
    layer = nn.GRU(I, H, batch_first=True).double()
    x = inputs()
    found = look(layer, x, lambda result: result[1].sum(), lengths=[7, 4, 2]).reach().norms
    for row, length in enumerate((7, 4, 2)):
        own = look(layer, x[row : row + 1, :length], lambda result: result[1].sum()).reach().norms[0]
        close(found[row, length - 1, :length], own[-1])
        assert (np.nan_to_num(found[row, : length - 1]) == 0).all()


def test_a_state_to_start_from() -> None:
    layer = layer_of("lstm")
    x = inputs()
    state = (torch.randn(1, B, H).double(), torch.randn(1, B, H).double())
    found = look(layer, x, state=state)
    expected = layer(x, state)[0]
    close(np.stack([found.steps(row=b).h for b in range(B)]), expected)


class Tagger(torch.nn.Module):
    """Anyone's model: symbols in, scores out."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(6, I)
        self.memory = torch.nn.LSTM(I, H, batch_first=True)
        self.out = torch.nn.Linear(H, 6)

    def forward(self, symbols: Tensor) -> Tensor:
        return self.out(self.memory(self.embed(symbols))[0])  # type: ignore[no-any-return]


def test_a_model_of_ones_own_is_looked_into_and_stays_as_it_was() -> None:
    torch.manual_seed(0)
    model = Tagger().train()
    x = torch.randint(0, 6, (B, T))
    labels = torch.randint(0, 6, (B, T))

    def loss(scores: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(scores.transpose(1, 2), labels, reduction="sum")

    found = look(model, x, loss)
    loss(model(x)).backward()
    own = model.memory.get_parameter("weight_hh_l0")
    assert own.grad is not None
    close(found.gradients["weight_hh_l0"], own.grad.double(), bound=1e-5)
    assert model.training
    assert own.dtype == torch.float32
    assert not model.memory._forward_hooks
    found.reach()


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_a_conditional_model_scores_x_itself(name: str) -> None:
    torch.manual_seed(0)
    model = build_symbol_model(ModelConfig(name, hidden=H, layers=2), symbols=6)
    x = torch.randint(0, 6, (2, 9))
    found = look(model, x)
    assert found.losses is not None
    np.testing.assert_allclose(found.losses, -model.log_prob(x).detach().numpy(), atol=1e-5)
    assert found.loss == pytest.approx(found.losses.sum())
    carried = look(model, x[:, 4:], state=model.read(x[:, :4]))
    np.testing.assert_allclose(carried.losses, found.losses[:, 4:], atol=1e-5)  # type: ignore[arg-type]
    series = build_series_model(ModelConfig(name, hidden=H), Transform("standardise", (0.0,), (1.0,)))
    assert look(series, torch.randn(2, 9, 1, dtype=torch.float64)).reach().norms.shape == (2, 9, 9)


def test_a_classifier_of_sequences_with_two_arguments() -> None:
    torch.manual_seed(0)
    model = build_sequence_classifier(ModelConfig("gru", hidden=H), features=I, classes=3)
    labels = torch.tensor([0, 2, 1])
    x = inputs().float()
    found = look(model, (x, torch.tensor([7, 5, 2])), lambda s: torch.nn.functional.cross_entropy(s, labels))
    assert (found.steps(row=2).dh[2:] == 0).all()  # what lies beyond a row's end adds nothing
    assert found.steps(row=2).dh[:2].any()


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Those that an object holds on to, through whatever holds them."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, torch.nn.Module):
        yield from value.parameters()
    else:
        inside: Iterable[object] = ()
        if isinstance(value, dict):
            inside = value.values()
        elif isinstance(value, tuple | list):
            inside = value
        for part in (*inside, *getattr(value, "__dict__", {}).values()):
            yield from tensors_in(part)


@pytest.mark.slow
def test_nothing_keeps_a_graph_or_the_model() -> None:
    layer = layer_of("lstm")
    x = inputs().requires_grad_()
    found = look(layer, x, weighing)
    found.reach(), found.term(5), found.truncation(2), found.steps(), found.gates()
    held = list(tensors_in(found))
    assert len(held) > 20
    assert all(t.grad_fn is None for t in held)
    assert x.grad is None
    assert all(p.grad is None for p in found._passes.call.layer.parameters())
    alive = weakref.ref(layer)
    del layer
    gc.collect()
    assert alive() is None
    assert all(isinstance(a, np.ndarray) for a in (*found.gradients.values(), found.steps().h, found.reach().norms))


def test_a_backward_step_that_is_wrong_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    right = GRUFormula.step_backward
    monkeypatch.setattr(
        GRUFormula, "step_backward", lambda self, *args: tuple(d * (1 + 1e-7) for d in right(self, *args))
    )
    with pytest.raises(DisagreementError, match="the gradient of the state of step"):
        look(layer_of("torch's gru"), inputs())


@pytest.mark.parametrize(
    ("model", "arguments", "error", "message"),
    [
        (torch.nn.Linear(2, 2), {}, ArgumentError, "Linear has no recurrent layer"),
        (
            torch.nn.ModuleList([torch.nn.GRU(I, H), torch.nn.GRU(I, H)]),
            {},
            ArgumentError,
            "choose one with `layer`, of '0', '1'",
        ),
        (
            torch.nn.GRU(I, H),
            {"layer": "x"},
            ArgumentError,
            "`layer` is 'x'; the recurrent layers of this model are ''",
        ),
        (torch.nn.GRU(I, H), {"y": torch.zeros(2)}, ShapeError, r"expected targets of the output's shape \(3, 7, 5\)"),
        (torch.nn.GRU(I, H), {"y": lambda result: 3.0}, ArgumentError, "`y` returned float"),
        (torch.nn.GRU(I, H), {"y": lambda result: torch.ones(())}, ArgumentError, "it has no gradient"),
        (torch.nn.GRU(I, H), {"window": 0}, ArgumentError, "window is 0"),
        (nn.GRU(I, H), {"x": torch.zeros(0, 1, I)}, ShapeError, "expected at least one"),
        (
            torch.nn.GRU(I, 512),
            {"x": torch.zeros(40_000, 2, I)},
            ArgumentError,
            r"80,000 steps .* expected 24,406 at most",
        ),
        (
            torch.nn.utils.parametrizations.weight_norm(torch.nn.GRU(I, H), "weight_hh_l0"),
            {},
            ArgumentError,
            "weights are parametrized",
        ),
    ],
)
def test_what_cannot_be_looked_into(
    model: torch.nn.Module, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        through_time(model, **({"x": torch.zeros(B, T, I)} | arguments))


def test_numbers_of_any_kind_go_into_a_layer_and_are_copied() -> None:
    layer = torch.nn.GRU(2, 3)
    x = torch.randint(-3, 4, (6, 2, 2))
    expected = look(layer, x.double()).gradients["weight_hh_l0"]
    for given in (x, x.numpy(), x.tolist(), x.double().requires_grad_(), x.numpy().astype(np.float32)):
        close(look(layer, given).gradients["weight_hh_l0"], expected)

    class Doubling(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.memory = layer

        def forward(self, x: Tensor) -> Tensor:
            return self.memory(x.mul_(2))[0]  # type: ignore[no-any-return]

    own = x.double()
    look(Doubling(), own)
    assert torch.equal(own, x.double())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": None}, "x is NoneType; expected a tensor or an array of numbers"),
        ({"x": "abc"}, "x is str"),
        ({"x": torch.tensor([[0.0], [torch.nan], [0.0]])[None]}, "first in row 0 at step 1"),
        ({"y": torch.full((1, 3, 2), torch.nan)}, "the loss is nan"),
        ({"lengths": [0]}, "expected at least one"),
        ({"model": "gru"}, "model is str; expected a layer or a model"),
    ],
)
def test_what_holds_no_numbers(arguments: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"model": torch.nn.GRU(1, 2, batch_first=True), "x": torch.zeros(1, 3, 1)} | arguments
    with pytest.raises((ArgumentError, ShapeError), match=message):
        through_time(**given)


def test_models_that_cannot_be_copied_or_have_nan_in_them() -> None:
    layer = torch.nn.GRU(1, 2)
    layer.register_parameter("weight_g", torch.nn.Parameter(torch.ones(())))
    layer.__dict__["made"] = layer.get_parameter("weight_g") * 2  # as torch.nn.utils.weight_norm leaves it
    with pytest.raises(ArgumentError, match="holds tensors that are computed from others"):
        through_time(layer, torch.zeros(3, 1, 1))
    broken = torch.nn.GRU(1, 2)
    with torch.no_grad():
        broken.get_parameter("weight_hh_l0")[0] = torch.nan
    with pytest.raises(ArgumentError, match="weight_hh_l0 contains NaN"):
        through_time(broken, torch.zeros(3, 1, 1))


def test_a_look_is_the_same_where_autograd_is_off() -> None:
    layer = layer_of("lstm")
    x = inputs()
    expected = look(layer, x).term(T - 1)
    with torch.inference_mode():
        found = look(copy.deepcopy(layer), x.clone())
        close(found.term(T - 1).product, torch.from_numpy(expected.product))
        for result in (found.truncation(2), found.gates(), found.steps(), found.reach()):
            str(result)


def test_a_short_rows_last_state_belongs_to_its_own_last_step() -> None:
    layer = layer_of("gru of two layers")
    found = look(layer, inputs(), lambda result: result[1][-1].sum(), lengths=[7, 4, 2])
    for row, last in ((0, 6), (1, 3), (2, 1)):
        term = found.term(last, 0, row=row)
        close(np.linalg.norm(term.carried, axis=1)[::-1], found.reach(layer=-1).norms[row, last, : last + 1])
        assert term.carried.any()


def test_what_a_look_cannot_tell() -> None:
    found = look(layer_of("gru in both directions"), inputs())
    for ask, message in (
        (lambda: found.steps(row=3), "`row` is 3; expected a row from 0 to 2"),
        (lambda: found.steps(layer=2), "expected a layer from 0 to 1"),
        (lambda: found.steps(direction=2), r"`direction` is 2; expected 0 \(forward\) or 1 \(reverse\)"),
        (lambda: found.term(2, 5), "i must be t or earlier"),
        (lambda: found.term(5, 2, direction=1), "i must be t or later"),
        (lambda: found.term(7), "t is 7; expected a step from 0 to 6"),
        (lambda: found.truncation(2), "a bidirectional layer reads the whole sequence"),
        (lambda: found.step_gradients("weight"), "name is 'weight'"),
        (lambda: found.reach(targets=[]), "at least one"),
        (lambda: found.reach(targets=3), "`targets` is 3; expected a list of steps"),  # type: ignore[arg-type]
        (lambda: found.reach().horizon(2.0), "share is 2.0"),
    ):
        with pytest.raises(ArgumentError, match=message):
            ask()
    large = look(torch.nn.GRU(I, 512), torch.zeros(80, 1, I))
    with pytest.raises(ArgumentError, match=r"79 steps apart, with a Jacobian of 512 x 512 at each; expected 30 steps"):
        large.term(79, 0)
    with pytest.raises(ArgumentError, match=r"Inspect 76 steps or fewer"):
        large.step_gradients("weight_hh_l0")


def test_a_summed_loss_loses_what_its_mean_does() -> None:
    torch.manual_seed(0)
    layer = torch.nn.GRU(2, 3, batch_first=True)
    x = torch.randn(2, 40, 2)
    y = torch.randn(2, 40, 3).double()
    total = torch.nn.MSELoss(reduction="sum")
    of_mean = through_time(layer, x, lambda found: torch.nn.functional.mse_loss(found[0], y))
    of_sum = through_time(layer, x, lambda found: total(found[0], y))
    assert isinstance(of_mean, ThroughTime)
    assert isinstance(of_sum, ThroughTime)
    np.testing.assert_allclose(of_mean.truncation(4, 16).lost, of_sum.truncation(4, 16).lost)
    np.testing.assert_allclose(of_mean.gradients["weight_hh_l0"] * y.numel(), of_sum.gradients["weight_hh_l0"])
    assert of_mean.reach().verdict == of_sum.reach().verdict
