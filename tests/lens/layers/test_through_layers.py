"""Classifiers looked into layer by layer: every number against a plain pass of torch's."""

import copy
import json
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from chainrule.errors import ArgumentError, DisagreementError, ShapeError
from chainrule.lens import ThroughLayers, ThroughTime, through_layers
from chainrule.lens.layers.passes import rules
from chainrule.lens.layers.passes.layer_pass import LayerPass
from chainrule.lens.layers.passes.network_pass import run_network
from chainrule.lens.layers.passes.rules import check_layers
from tests.lens.layers.cases import CASES, K, looked, network

names = pytest.mark.parametrize("name", CASES)


@cache
def found(name: str) -> ThroughLayers:
    return looked(name, label=3)


def plain(name: str) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Scores, and the loss's gradients of the input and of the parameters, by torch alone."""
    model, x = network(name)
    model = copy.deepcopy(model).double()
    first, *others = x if isinstance(x, tuple) else (x,)
    leaf = first.double().requires_grad_()
    scores = model(leaf, *others)
    loss = -scores.log_softmax(1)[0, 3]
    parameters = dict(model.named_parameters())
    dx, *gradients = torch.autograd.grad(loss, [leaf, *parameters.values()])
    return scores[0].detach(), dx[0], dict(zip(parameters, gradients, strict=True))


@names
def test_scores_and_gradients_are_torchs(name: str) -> None:
    look = found(name)
    scores, dx, gradients = plain(name)
    np.testing.assert_allclose(look.scores, scores, rtol=1e-12, atol=1e-12)
    dx = dx.T if name.startswith("sound") else dx
    np.testing.assert_allclose(look.dx, dx, rtol=1e-9, atol=1e-12)
    assert look.gradients.keys() == gradients.keys()
    for parameter, gradient in gradients.items():
        np.testing.assert_allclose(look.gradients[parameter], gradient, rtol=1e-9, atol=1e-12)
    assert look.loss == pytest.approx(-float(scores.log_softmax(0)[3]))
    assert look.probabilities.sum() == pytest.approx(1)


@names
def test_the_layers_of_chainrules_classifiers_are_all_derived_by_hand(name: str) -> None:
    model, x = network(name)
    run = run_network(model, x, lambda scores, outputs: scores[0])
    agreement, derived = check_layers(run)
    others = {type(layer.module).__name__ for layer in run.layers if layer.number not in derived}
    assert others == ({"BatchNorm2d", "GELU", "AvgPool2d", "Flatten"} if name == "torch's" else set())
    assert agreement.error < 1e-9


@names
def test_the_score_of_a_class_is_differentiated_too(name: str) -> None:
    look = looked(name, score=1)
    model, x = network(name)
    first, *others = x if isinstance(x, tuple) else (x,)
    leaf = first.double().requires_grad_()
    (dx,) = torch.autograd.grad(copy.deepcopy(model).double()(leaf, *others)[0, 1], leaf)
    dx = dx[0].T if name.startswith("sound") else dx[0]
    np.testing.assert_allclose(look.saliency().dx, dx, rtol=1e-9, atol=1e-12)
    assert look.loss is None
    assert "score of 1" in look.saliency().target


@names
def test_without_a_class_it_is_the_likeliest(name: str) -> None:
    look = looked(name)
    assert look.target == f"the score of {look.predicted}"


@names
def test_every_part_is_shown_and_is_json(name: str) -> None:
    parts = found(name).parts()
    assert len({type(part) for part in parts}) >= 5
    for part in parts:
        assert json.loads(json.dumps(part.to_dict(), allow_nan=False))
        assert max(map(len, str(part).splitlines())) <= 80


@names
def test_every_layer_can_be_shown(name: str) -> None:
    look = found(name)
    for row in look.layers().rows:
        results = look.of_layer(row.number)
        assert look.maps(row.number).y.shape == row.output
        assert look.of_layer(row.name)[0].table().title.startswith("Feature maps")
        assert results


def test_the_model_stays_as_it_is() -> None:
    model, x = network("torch's")
    model.train()
    before = copy.deepcopy(model.state_dict())
    through_layers(model, x, 0)
    assert model.training
    assert all(value.equal(before[key]) for key, value in model.state_dict().items())
    assert isinstance(model, nn.Sequential)
    assert model[2].inplace
    assert not any(module._forward_hooks for module in model.modules())


def test_parameters_stand_beside_those_of_dense_layers() -> None:
    rows = {row.name: row for row in found("images").layers().rows}
    assert rows["stages.0"].parameters == 3 * 9 + 3
    assert rows["stages.0"].dense_parameters == 64 * 192 + 192
    assert rows["logits"].parameters == rows["logits"].dense_parameters == 48 * K + K
    assert rows["stages.1"].parameters == 0
    model, _ = network("images")
    assert found("images").layers().parameters == sum(p.numel() for p in model.parameters())
    shared = found("shared").layers().rows
    assert [row.parameters for row in shared[:2]] == [30, 0]


def test_a_recurrent_layer_is_looked_into_through_time() -> None:
    through = found("sound, gru").through_time()
    assert isinstance(through, ThroughTime)
    assert through.loss == pytest.approx(found("sound, gru").loss)
    titles = [part.table().title for part in found("sound, gru").of_layer("encoder.cell", 5)]
    assert any("from step 5 back to 0" in title for title in titles)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": torch.rand(2, 1, 8, 8)}, ShapeError, "expected one input with its batch dimension"),
        ({"x": torch.full((1, 1, 8, 8), torch.nan)}, ArgumentError, "NaN"),
        ({"x": "picture"}, ShapeError, "x is str"),
        ({"label": 1, "score": 2}, ArgumentError, "not both"),
        ({"label": 5}, ArgumentError, "expected a class from 0 to 4"),
        ({"label": "cat"}, ArgumentError, "`label` is 'cat'; expected one of the classes 0, 1"),
        ({"score": -1}, ArgumentError, "`score` is -1"),
        ({"classes": ["a"]}, ArgumentError, "1 name, and the network gives 5 scores"),
        ({"model": nn.Conv2d(1, 2, 3)}, ShapeError, "expected scores"),
        (
            {"model": nn.Sequential(nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(64, 3)))},
            ArgumentError,
            "parametrized",
        ),
        ({"model": 3}, ArgumentError, "expected a network"),
    ],
)
def test_what_cannot_be_looked_into(change: dict[str, Any], error: type[Exception], message: str) -> None:
    model, x = network("images")
    with pytest.raises(error, match=message):
        through_layers(**({"model": model, "x": x} | change))


@pytest.mark.parametrize("kind", [nn.ReLU, nn.MaxPool2d, nn.Linear])
def test_a_rule_that_is_wrong_is_found(kind: type[nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    right = rules._RULES[kind]

    def wrong(layer: LayerPass) -> rules.Derived:
        dx, gradients = right(layer)
        return dx * (1 + 1e-6), gradients

    monkeypatch.setitem(rules._RULES, kind, wrong)
    with pytest.raises(DisagreementError, match="the gradient of the input of layer"):
        looked("images", label=0)


def test_layers_and_cells_that_are_not_there() -> None:
    look = found("images")
    for layer in (99, "stages.9", None, 1.5):
        with pytest.raises(ArgumentError, match=r"expected the number or name of one: 0 stages\.0"):
            look.maps(layer)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="expected a layer with a matrix or kernels"):
        look.kernels("stages.1")
    with pytest.raises(ArgumentError, match="expected a convolution"):
        look.convolution("logits")
    with pytest.raises(ArgumentError, match="outside"):
        look.cell(0, 0, 8, 0)
    with pytest.raises(ArgumentError, match="whose outputs are sums of products"):
        look.cell(2, 0, 0, 0)
