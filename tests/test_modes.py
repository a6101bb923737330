"""Evaluation mode is for a while, and each module is back in its own mode afterwards."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import pytest
from torch import nn

from chainrule._modes import evaluating
from chainrule.models import ConditionalModel, ModelConfig, SymbolModel, build_symbol_model


def within(model: nn.Module) -> AbstractContextManager[None]:
    return evaluating(model.modules())


@pytest.mark.parametrize("mode", [within, ConditionalModel.evaluating])
def test_parts_keep_their_own_modes(mode: Callable[[ConditionalModel], AbstractContextManager[None]]) -> None:
    model = build_symbol_model(ModelConfig("gru", hidden=4), symbols=5)
    assert isinstance(model, SymbolModel)
    model.train()
    model.embedding.eval()  # a part that is frozen
    before = {name: module.training for name, module in model.named_modules()}
    with suppress(KeyError), mode(model):
        assert not any(module.training for module in model.modules())
        raise KeyError
    assert {name: module.training for name, module in model.named_modules()} == before
    assert set(before.values()) == {True, False}
