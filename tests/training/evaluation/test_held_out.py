"""Evaluation: cutting loses nothing, and no grouping changes a score."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from chainrule.training import Piece, confusion_and_loss, log_probs, split_documents
from chainrule.training.evaluation import held_out as evaluation
from tests.models.cases import CONFIGS, TRANSFORMS, series_model, symbol_model, symbols, values
from tests.tolerances import close


@settings(deadline=None, max_examples=200)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=6),
    bounds=st.lists(st.integers(0, 40), max_size=3).map(sorted),
    context=st.integers(0, 4),
)
def test_parts_hold_every_step_once_and_what_was_before_it(lengths: list[int], bounds: list[int], context: int) -> None:
    steps = sum(lengths)
    bounds = [min(bound, steps) for bound in bounds]
    firsts = np.cumsum([0, *lengths]).tolist()
    documents = [np.arange(low, high) for low, high in pairwise(firsts)]
    parts = split_documents(documents, bounds, context)
    assert len(parts) == len(bounds) + 1
    for part, (low, high) in zip(parts, pairwise([0, *bounds, steps]), strict=True):
        scored = [piece.x[piece.context :].tolist() for piece in part]
        assert all(scored)
        assert [step for piece in scored for step in piece] == list(range(low, high))
        for piece, own in zip(part, scored, strict=True):
            begin = max(first for first in firsts[:-1] if first <= own[0])  # of its document
            assert piece.context == min(context, own[0] - begin)
            assert piece.x.tolist() == list(range(own[0] - piece.context, own[-1] + 1))


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("rows", "chunk"), [(64, 512), (1, 512), (2, 512), (64, 1), (3, 4)])
@pytest.mark.parametrize("config", ["ar1", "conv2", "gru1", "lstm2"])
def test_no_grouping_changes_a_score(config: str, rows: int, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "_ROWS", rows)
    monkeypatch.setattr(evaluation, "_CHUNK", chunk)
    lengths = (3, 9, 1, 9, 6, 4)
    contexts = (0, 2, 0, 8, 6, 1)
    for model, data in (
        (symbol_model(CONFIGS[config]), symbols),
        (series_model(CONFIGS[config], TRANSFORMS["log-return"]), values),
    ):
        rows_of_x = [data(1, length, seed=seed) for seed, length in enumerate(lengths)]
        pieces = [Piece(x[0].numpy(), context) for x, context in zip(rows_of_x, contexts, strict=True)]
        for x, context, scores in zip(rows_of_x, contexts, log_probs(model, pieces), strict=True):
            assert scores.dtype == np.float64
            close(torch.from_numpy(scores), model.log_prob(x)[0, context:].detach())


def test_nothing_is_dropped_out_of_a_score() -> None:
    model = symbol_model(replace(CONFIGS["gru2"], dropout=0.5)).train()
    pieces = [Piece(symbols(1, 9)[0].numpy())]
    assert np.array_equal(log_probs(model, pieces)[0], log_probs(model, pieces)[0])
    assert model.training


def test_no_pieces_have_no_scores() -> None:
    assert log_probs(symbol_model(CONFIGS["gru1"]), []) == []


def test_confusion_and_loss_are_those_of_all_examples_in_evaluation_mode() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(600, 3, generator=generator)
    labels = torch.randint(3, (600,), generator=generator)
    examples = torch.randperm(600, generator=generator)[:500]  # more than one batch of them
    model = nn.Dropout(0.5).train()

    def batch_of(index: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        return (logits[index],), labels[index]

    matrix, loss = confusion_and_loss(model, examples, batch_of, classes=3)
    assert model.training
    predicted = logits.argmax(1)
    for true in range(3):
        for guess in range(3):
            both = (labels[examples] == true) & (predicted[examples] == guess)
            assert matrix[true, guess] == int(both.sum())
    expected = nn.functional.cross_entropy(logits[examples], labels[examples])
    close(torch.tensor(loss, dtype=torch.float32), expected)


def test_a_layer_that_is_frozen_stays_frozen() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout().eval())
    x = torch.randn(6, 2)
    labels = torch.tensor([0, 1, 0, 1, 1, 0])
    confusion_and_loss(model, torch.arange(6), lambda i: ((x[i],), labels[i]), classes=2)
    assert [module.training for module in model.modules()] == [True, True, False]
