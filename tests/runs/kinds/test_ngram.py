"""Runs of an ngram: counted without gradients, and used as any other run of text."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import chainrule
from chainrule import Run
from chainrule.data import Alphabet, Symbols
from chainrule.errors import ArgumentError, ExportError, RunFormatError
from chainrule.models import NGramModel
from chainrule.runs import Score
from chainrule.training import BEST, load_tensors, save_tensors
from tests.runs.cases import same_weights, symbols, text

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("ngram")
    (folder / "words.txt").write_text(text(3000))
    return chainrule.fit(str(folder / "words.txt"), "ngram", out=folder / "run", quiet=True)


def model_of(run: Run) -> NGramModel:
    assert isinstance(run.model, NGramModel)
    return run.model


def test_it_is_scored_beside_bigram_and_unigram_and_beats_them(run: Run) -> None:
    assert isinstance(run.result, Score)
    nats = run.result.baseline_nats()
    assert run.result.nats < nats["bigram"] < nats["unigram"]
    assert run.result.count == 300


def test_it_has_counted_all_but_the_test_part(run: Run) -> None:
    counted = NGramModel(model_of(run).symbols, model_of(run).order)
    data = run.read(str(run.config.source))
    assert isinstance(data, Symbols)
    counted.learn_documents([(data.documents[0][:2700], 0)])
    weights = counted.state_dict() | {"discounts": model_of(run).discounts}
    same_weights(dict(model_of(run).state_dict()), dict(weights))
    assert run.parameters == counted.ngrams


def test_loaded_it_is_the_same(run: Run) -> None:
    loaded = chainrule.load(run.path)
    same_weights(dict(loaded.model.state_dict()), dict(run.model.state_dict()))
    assert loaded.receptive_field == run.receptive_field == model_of(run).order - 1
    score = loaded.score()
    assert isinstance(score, Score)
    assert isinstance(run.result, Score)
    np.testing.assert_array_equal(score.log_prob, run.result.log_prob)
    assert loaded.sample(40, prompt="the c", seed=1) == run.sample(40, prompt="the c", seed=1)


def test_other_ends_leave_the_same_counts(tmp_path: Path) -> None:
    def fitted(end: NDArray[np.integer]) -> NGramModel:
        data = symbols(1000)
        x = data.documents[0].copy()
        x[-100:] = end
        changed = Symbols([x], data.alphabet, "words")
        return model_of(chainrule.fit(changed, "ngram", out=tmp_path / str(end[0]), quiet=True))

    one = fitted(np.zeros(100, np.int64))
    same_weights(dict(one.state_dict()), dict(fitted(np.full(100, 3)).state_dict()))


def test_the_order_can_be_given(tmp_path: Path) -> None:
    run = chainrule.fit(symbols(), "ngram", order=3, out=tmp_path / "run", quiet=True)
    assert model_of(run).order == 3
    assert model_of(chainrule.load(tmp_path / "run")).order == 3


def test_without_a_refit_the_validation_part_is_not_counted(tmp_path: Path) -> None:
    counts = [
        model_of(chainrule.fit(symbols(), "ngram", order=3, out=tmp_path / name, training=options, quiet=True))
        .state_dict()["counts"]
        .sum()
        for name, options in {"all": {}, "part": {"refit": False}}.items()
    ]
    assert counts[0] > counts[1]


def test_sound_is_counted_too(tmp_path: Path) -> None:
    waves = np.sin(np.arange(3000) / 5)
    alphabet = Alphabet("mu-law")
    sound = Symbols([alphabet.encode(waves)], alphabet, "sine", rate=8000)
    run = chainrule.fit(sound, "ngram", out=tmp_path / "run", quiet=True)
    assert np.asarray(run.sample(50)).shape == (50,)


def test_what_needs_gradients_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match=r"no gradients to look at\. Look at the run of a network"):
        run.look()
    x = torch.zeros(1, 5, dtype=torch.int64)
    with pytest.raises(ArgumentError, match="no gradients to look at"):
        chainrule.lens.through_time(run.model, x)
    monkeypatch.setattr(torch.compiler, "_is_exporting_flag", True)
    with pytest.raises(ExportError, match="an ngram looks up its counts"):
        model_of(run).log_prob(x)


def test_counts_that_were_changed_are_refused(run: Run, tmp_path: Path) -> None:
    weights, about = load_tensors(run.path / BEST)
    weights["ngrams"][0] = 10_000
    copied = tmp_path / "run"
    copied.mkdir()
    (copied / "config.json").write_bytes((run.path / "config.json").read_bytes())
    save_tensors(copied / BEST, weights, about)
    with pytest.raises(RunFormatError, match="outside the alphabet"):
        chainrule.load(copied)
