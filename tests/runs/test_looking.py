"""The sequences of its data on which a run is inspected."""

import numpy as np
import pytest
import torch

from chainrule import Run
from chainrule.errors import ArgumentError, TooShortError
from chainrule.lens import ThroughTime, ThroughWindow
from chainrule.models import ModelConfig, build_symbol_model
from chainrule.runs.looking import look_at


def test_a_run_is_looked_into_on_its_test_part(text_run: Run) -> None:
    found = text_run.look()
    assert isinstance(found, ThroughTime)
    assert found.losses is not None
    assert found.losses.shape == (1, 64)  # four windows of the 120 characters, the rest to read before
    assert found.window == 16
    assert found.loss == pytest.approx(found.losses.sum())


def test_a_state_has_read_what_lies_before() -> None:
    torch.manual_seed(0)
    model = build_symbol_model(ModelConfig("gru", hidden=6), symbols=5)
    x = np.random.default_rng(0).integers(0, 5, 400)
    found = look_at(model, [x], window=10, steps=20)
    assert isinstance(found, ThroughTime)
    assert found.losses is not None
    scores = -model.log_prob(torch.from_numpy(x)[None])[0].detach().numpy()
    starts = [
        next(k for k in range(128, 381) if np.allclose(row, scores[k : k + 20], atol=1e-4)) for row in found.losses
    ]
    assert len(starts) == 8
    assert (starts[0], starts[-1]) == (128, 368)


def test_many_short_documents_are_taken_rather_than_a_long_one() -> None:
    torch.manual_seed(0)
    model = build_symbol_model(ModelConfig("lstm", hidden=6), symbols=5)
    documents = [np.arange(n) % 5 for n in (200, *range(8, 20))]
    found = look_at(model, documents, window=10, steps=None)
    assert isinstance(found, ThroughTime)
    assert found.losses is not None
    assert found.losses.shape == (8, 13)  # the eighth longest has 13
    with pytest.raises(
        TooShortError, match="inspecting gradients needs 300 steps in a row, and the longest document has 200"
    ):
        look_at(model, documents, window=10, steps=300)
    with pytest.raises(TooShortError, match="inspecting gradients needs 2 steps in a row"):
        look_at(model, [np.zeros(1, dtype=np.int64)], window=10, steps=None)


def test_a_series_and_a_window_model(series_run: Run) -> None:
    found = series_run.look()
    assert isinstance(found, ThroughWindow)
    assert found.receptive_field == 3
    assert found.losses.shape == (8, 12)


def test_images_have_no_steps(digits_run: Run) -> None:
    with pytest.raises(ArgumentError, match="cannot be inspected through time"):
        digits_run.look()
