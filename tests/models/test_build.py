"""Building from a configuration: what is refused, what is shared, and of which dtype."""

from typing import Any

import pytest
import torch

from chainrule.data import Transform
from chainrule.errors import ArgumentError
from chainrule.models import (
    ModelConfig,
    SymbolModel,
    build_image_classifier,
    build_sequence_classifier,
    build_series_model,
    build_symbol_model,
)
from chainrule.training import weights_of
from tests.models.cases import HEADS, TRANSFORMS, symbols

LAW = TRANSFORMS["none"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "gruu"}, "`model` is 'gruu'; expected one of ar, mlp, conv, rnn, .*Did you mean 'gru'"),
        ({"head": "cauchy"}, "`head` is 'cauchy'; expected one of gaussian, student"),
        ({"hidden": 0}, "`hidden` is 0; expected a whole number of at least 1"),
        ({"window": 0}, "`window` is 0; expected a whole number of at least 1"),
        ({"layers": 0}, "`layers` is 0; expected a whole number of at least 1"),
        ({"dropout": -0.1}, "`dropout` is -0.1; expected a number of at least 0 and below 1"),
        ({"dropout": 1.0}, "`dropout` is 1.0; expected a number of at least 0 and below 1"),
        ({"dropout": float("nan")}, "`dropout` is nan; expected a number of at least 0 and below 1"),
        ({"name": "ar", "layers": 2}, "`layers=2` does not apply to ar; it is for mlp, conv, rnn, gru, lstm"),
        ({"name": "ar", "dropout": 0.1}, "`dropout=0.1` does not apply to ar"),
        ({"name": "ar", "tied": True}, "`tied=True` does not apply to ar"),
    ],
    ids=str,
)
def test_what_cannot_be_configured_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        ModelConfig(**options)


def test_options_that_a_kind_of_data_has_no_use_for_are_refused() -> None:
    with pytest.raises(ArgumentError, match='`head="student"` does not apply to models of symbols'):
        build_symbol_model(ModelConfig(head="student"), 5)
    with pytest.raises(ArgumentError, match="`tied=True` does not apply to models of real values"):
        build_series_model(ModelConfig(tied=True), LAW)
    for option in ({"tied": True}, {"head": "student"}):
        with pytest.raises(ArgumentError, match="models of labelled sequences"):
            build_sequence_classifier(ModelConfig("gru", **option), 3, 2)
        with pytest.raises(ArgumentError, match="models of images"):
            build_image_classifier(ModelConfig("conv", **option), 1, (8, 8), 2)
    with pytest.raises(ArgumentError, match="`layers=2` does not apply to models of images"):
        build_image_classifier(ModelConfig("conv", layers=2), 1, (8, 8), 2)
    for name in ("ar", "mlp"):
        with pytest.raises(ArgumentError, match=f"not by {name}"):
            build_sequence_classifier(ModelConfig(name), 3, 2)
    with pytest.raises(ArgumentError, match="not by gru"):
        build_image_classifier(ModelConfig("gru"), 1, (8, 8), 2)


@pytest.mark.parametrize("name", ["mlp", "conv", "rnn", "gru", "lstm"])
def test_tied_embeddings_are_one_tensor(name: str) -> None:
    model = build_symbol_model(ModelConfig(name, hidden=6, window=4, tied=True), 5)
    assert isinstance(model, SymbolModel)
    assert model.head.logits.weight is model.embedding.single.weight  # type: ignore[union-attr]
    assert model.embedding.single.weight.shape == (5, 6)
    assert sum(tensor.shape == (5, 6) for tensor in weights_of(model).values()) == 1
    x = symbols(2, 4)
    model.log_prob(x).sum().backward()
    assert model.embedding.single.weight.grad is not None
    # Symbols that were read only move through the input, those never read only through the output.
    assert bool((model.embedding.single.weight.grad != 0).any(dim=1).all())


@pytest.mark.parametrize("head", HEADS)
def test_a_linear_ar_of_real_values_is_in_float64_and_nothing_else_is(head: Any) -> None:
    for name in ("ar", "mlp", "conv", "rnn", "gru", "lstm"):
        model = build_series_model(ModelConfig(name, hidden=4, window=4, head=head), LAW)
        expected = torch.float64 if name == "ar" else torch.float32
        assert {p.dtype for p in model.parameters()} == {expected}
    assert {p.dtype for p in build_symbol_model(ModelConfig("ar"), 5).parameters()} == {torch.float32}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", ["ar", "gru"])
def test_scores_are_float64_whatever_the_weights_are(name: str, head: Any) -> None:
    model = build_series_model(ModelConfig(name, hidden=4, head=head), Transform("none", (0.0,), (1.0,)))
    assert model.log_prob(torch.zeros(2, 3, 1, dtype=torch.float64)).dtype == torch.float64
