"""The sequences of its data on which a run is inspected."""

import numpy as np
import pytest
import torch

from chainrule import Run
from chainrule.data import Labelled, read, split_labelled
from chainrule.errors import ArgumentError, TooShortError
from chainrule.lens import ThroughLayers, ThroughTime, ThroughWindow
from chainrule.models import ModelConfig, build_symbol_model
from chainrule.runs import ClassScore
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
    with pytest.raises(TooShortError, match="needs 300 steps in a row, and the longest document has 200"):
        look_at(model, documents, window=10, steps=300)
    with pytest.raises(TooShortError, match="inspecting gradients needs 2 steps in a row"):
        look_at(model, [np.zeros(1, dtype=np.int64)], window=10, steps=None)


def test_a_series_and_a_window_model(series_run: Run) -> None:
    found = series_run.look()
    assert isinstance(found, ThroughWindow)
    assert found.receptive_field == 3
    assert found.losses.shape == (8, 12)


def test_images_have_no_steps(digits_run: Run) -> None:
    with pytest.raises(ArgumentError, match=r"cannot be inspected through time, over 4 steps.*layer by layer"):
        digits_run.look(steps=4)


def test_a_classifier_is_looked_into_on_an_example_of_its_test_part(digits_run: Run) -> None:
    found = digits_run.look(example=7)
    assert isinstance(found, ThroughLayers)
    digits = read("digits")
    assert isinstance(digits, Labelled)
    index = split_labelled(digits, digits_run.config.training.seed)[2][7]
    np.testing.assert_allclose(found.x, digits.inputs[index])
    assert found.label == digits.labels[index]
    with torch.no_grad():
        scores = digits_run.model(torch.from_numpy(np.asarray(digits.inputs)[index][None]))
    np.testing.assert_allclose(found.scores, scores[0], rtol=1e-4, atol=1e-5)
    assert found.classes == digits.classes


def test_new_data_has_the_label_that_is_given(digits_run: Run) -> None:
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    found = digits_run.look(image, label="3")
    assert isinstance(found, ThroughLayers)
    assert found.label == 3
    assert digits_run.look(image).summary().startswith("of image 1")
    for options, message in (
        ({"example": 500}, "`example` is 500"),
        ({"example": 1, "label": "3"}, "`label` is for new data: the digits, test example 1 is"),
        ({"data": image, "example": 1}, "`example` is a number in the test part"),
        ({"data": image, "score": "ten"}, "`score` is 'ten'; expected one of the classes"),
    ):
        with pytest.raises(ArgumentError, match=message):
            digits_run.look(**options)


def test_mistakes_are_those_of_the_confusion_matrix(digits_run: Run) -> None:
    found = digits_run.mistakes()
    score = digits_run.score()
    assert isinstance(score, ClassScore)
    assert found.wrong == score.count - np.trace(score.confusion)
    for label, predicted, count in found.pairs:
        assert score.confusion[score.classes.index(label), score.classes.index(predicted)] == count
    nats = [mistake.nats for mistake in found.worst]
    assert nats == sorted(nats, reverse=True)
    for mistake in found.worst[:3]:
        look = digits_run.look(example=mistake.example)
        assert isinstance(look, ThroughLayers)
        assert look.loss == pytest.approx(mistake.nats, rel=1e-4)
        assert (look.classes[look.label or 0], look.classes[look.predicted]) == (mistake.label, mistake.predicted)
        assert look.probabilities.max() == pytest.approx(mistake.p_predicted, rel=1e-4)


def test_what_is_of_classifiers_alone_is_refused_elsewhere(text_run: Run, series_run: Run) -> None:
    for run in (text_run, series_run):
        for option in ({"example": 1}, {"label": "a"}, {"score": "a"}):
            with pytest.raises(ArgumentError, match="which is for images and labelled sound"):
                run.look(**option)
        with pytest.raises(ArgumentError, match="cannot list mistakes"):
            run.mistakes()
