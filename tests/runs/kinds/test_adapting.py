"""Scores of runs that go on learning from what they have scored."""

import json
from pathlib import Path

import numpy as np
import pytest

import chainrule
from chainrule import Run
from chainrule.errors import ArgumentError
from chainrule.runs import Score
from tests.runs.cases import same_weights, symbols, text

pytestmark = pytest.mark.usefixtures("without_figures")


def adapted(run: Run, mode: str, **options: object) -> Score:
    score = run.score(adapt=mode, **options)  # type: ignore[arg-type]
    assert isinstance(score, Score)
    return score


@pytest.fixture(scope="module")
def repeating(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text whose last tenth repeats a line that training never saw."""
    source = tmp_path_factory.mktemp("repeating") / "repeating.txt"
    source.write_text(text(2700) + "nogod tahtem "[:10] * 30)
    return source


@pytest.mark.sampled(0)
@pytest.mark.parametrize(
    ("model", "mix", "mode"),
    [
        ("gru", "none", "weights"),
        ("conv", "none", "weights"),
        ("ngram", None, "counts"),
        ("gru", "ngram", "counts"),
        ("gru", "ngram", "both"),
    ],
)
def test_a_pattern_that_training_never_saw_is_learned_while_it_is_scored(
    repeating: Path, tmp_path: Path, model: str, mix: str | None, mode: str
) -> None:
    budget = {} if model == "ngram" else {"hidden": 16, "window": 16, "steps": 30, "mix": mix}
    run = chainrule.fit(repeating, model, out=tmp_path / "run", quiet=True, **budget)  # type: ignore[arg-type]
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    weights = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    score = adapted(run, mode)
    assert score.adapted_nats()[mode] < score.nats - 0.05
    late = -score.adapted[mode][-100:].mean()
    assert late < -score.log_prob[-100:].mean() - 0.1
    same_weights(run.model.state_dict(), weights)
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before
    again = adapted(chainrule.load(run.path), mode)
    np.testing.assert_array_equal(again.adapted[mode], score.adapted[mode])
    np.testing.assert_array_equal(again.log_prob, score.log_prob)


def test_a_frozen_and_an_adaptive_score_are_told_apart_wherever_they_are_shown(text_run: Run) -> None:
    score = adapted(text_run, "weights")
    plain = text_run.score()
    assert isinstance(plain, Score)
    np.testing.assert_array_equal(plain.log_prob, score.log_prob)
    frozen, adapting = map(str, score.tables())
    assert frozen == str(plain.table())
    assert "adapting" not in frozen
    assert "lstm + ngram, adapting weights" in adapting
    assert "lstm + ngram, frozen" in adapting
    assert max(map(len, adapting.splitlines())) <= 80
    assert set(score.to_frame().index) == {*plain.to_frame().index, "lstm + ngram, adapting weights"}
    told = json.loads(json.dumps(score.to_dict()))
    assert told.pop("adapted_nats") == {"weights": pytest.approx(-score.adapted["weights"].mean())}
    assert told["nats"] == plain.nats
    assert plain.to_dict()["adapted_nats"] == {}


def test_new_data_is_learned_from_document_by_document(text_run: Run, tmp_path: Path) -> None:
    new = tmp_path / "new.txt"
    new.write_text("the cat Ä sat\non the Ä mat\n" * 20, encoding="utf-8")
    told: list[float] = []
    score = adapted(text_run, "weights", data=new, unknown="replace", context=5, advance=told.append)
    assert len(score.adapted["weights"]) == score.count == len(score.cold[5])
    assert told[-1] == 1


@pytest.fixture
def network_run(tmp_path: Path) -> Run:
    return chainrule.fit(symbols(), "gru", hidden=4, window=4, steps=1, mix="none", out=tmp_path / "alone", quiet=True)


@pytest.mark.parametrize(
    ("fitted", "mode", "message"),
    [
        (
            "network_run",
            "counts",
            "`adapt` is 'counts', but the model has no counts .*`adapt=\"weights\"`",
        ),
        ("network_run", "both", "`adapt` is 'both', but the model has no counts"),
        ("text_run", "weight", "`adapt` is 'weight'; expected one of counts, weights, both. Did you mean 'weights'"),
        ("series_run", "weights", "cannot adapt weights while it scores, which is for symbols.* It can score, "),
        ("digits_run", "weights", "cannot adapt weights while it scores, which is for symbols.* It can score"),
    ],
)
def test_what_does_not_apply_is_refused(fitted: str, mode: str, message: str, request: pytest.FixtureRequest) -> None:
    with pytest.raises(ArgumentError, match=message):
        request.getfixturevalue(fitted).score(adapt=mode)
