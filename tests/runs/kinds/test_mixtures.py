"""Runs of mixtures: what is trained, counted, fitted and scored, each on its own part of a text."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import chainrule
from chainrule import Run
from chainrule.data import Symbols, read
from chainrule.lens import ThroughTime
from chainrule.models import MixtureModel, NGramModel, SymbolModel
from chainrule.runs import Comparison, Score
from chainrule.runs.folder.metrics_log import read_metrics
from chainrule.runs.kinds.symbols.task import SymbolTask
from chainrule.runs.looking import look_at
from chainrule.training import load_tensors
from tests.runs.cases import same_weights, symbols

pytestmark = pytest.mark.usefixtures("without_figures")


def mixed(run: Run) -> MixtureModel:
    assert isinstance(run.model, MixtureModel)
    return run.model


def fitted(folder: Path, data: Any = None, **options: Any) -> Run:
    given: dict[str, Any] = {"hidden": 8, "window": 8, "steps": 6, "training": {"batch": 4}} | options
    return chainrule.fit(symbols() if data is None else data, "gru", out=folder, quiet=True, **given)


def test_the_score_tells_what_it_is_mixed_of(text_run: Run) -> None:
    score = text_run.score()
    assert isinstance(score, Score)
    frame = score.to_frame()
    assert {*frame.index} == {"lstm + ngram", "lstm alone", "ngram", "bigram", "unigram"}
    own = read(str(text_run.config.source))
    assert isinstance(own, Symbols)
    task = SymbolTask(own, text_run.config)
    for name, model in (("lstm alone", mixed(text_run).network), ("ngram", mixed(text_run).ngram)):
        alone = np.concatenate(chainrule.training.log_probs(model, task.test(mixed(text_run))))
        np.testing.assert_allclose(score.predictors[name], alone, rtol=1e-5, atol=1e-5)
        assert score.to_dict()["predictors_nats"][name] == pytest.approx(-alone.mean())
    assert text_run.score(str(text_run.config.source)).to_dict()["predictors_nats"].keys() == {"lstm alone", "ngram"}


def test_each_validation_tells_of_the_mixture_and_of_the_network_alone(text_run: Run) -> None:
    validated = [record for record in read_metrics(text_run.path) if "validation" in record]
    assert len(validated) > 3
    assert all(record["validation"] < record["alone"] for record in validated)


def test_counts_are_of_the_training_part_and_at_the_end_of_all_but_the_test(tmp_path: Path) -> None:
    data = symbols()
    for refit in (True, False):
        run = fitted(tmp_path / str(refit), data, training={"batch": 4, "refit": refit})
        task = SymbolTask(data, run.config)
        counted = NGramModel(len(data.alphabet), mixed(run).ngram.order)
        counted.discounts = mixed(run).ngram.discounts
        train, held_out, _ = task._parts(1024)
        counted.learn_documents(train)
        best = load_tensors(run.path / "best.safetensors")[0]
        same_weights({name.removeprefix("ngram."): t for name, t in best.items() if "ngram." in name}, _state(counted))
        if refit:
            counted.learn_documents(held_out)
        same_weights(_state(mixed(run).ngram), _state(counted))


def _state(model: torch.nn.Module) -> dict[str, Any]:
    return dict(model.state_dict())


def test_the_gate_stays_as_validation_fitted_it_when_that_joins(tmp_path: Path) -> None:
    run = fitted(tmp_path / "run", steps=20)
    best = load_tensors(run.path / "best.safetensors")[0]
    for name, tensor in mixed(run).gate.state_dict().items():
        assert torch.equal(tensor, best[f"gate.{name}"])
    assert not torch.equal(mixed(run).gate.weights[0], torch.tensor([0.5, 0.5], dtype=torch.float64))


def test_what_the_network_learns_has_nothing_to_do_with_the_mixture(tmp_path: Path) -> None:
    """But for which of its weights are kept."""
    run = fitted(tmp_path / "mixed", training={"batch": 4, "refit": False})
    alone = fitted(tmp_path / "alone", training={"batch": 4, "refit": False}, mix="none")
    assert isinstance(alone.model, SymbolModel)
    same_weights(*(load_tensors(each.path / "last.safetensors")[0] for each in (run, alone)))
    assert isinstance(alone.result, Score)
    assert alone.result.model == "gru"
    assert alone.result.predictors == {}


def test_sound_is_mixed_where_it_is_asked_for(tmp_path: Path) -> None:
    tone = read("tone")
    assert isinstance(tone, Symbols)
    short = Symbols([tone.documents[0][:2000]], tone.alphabet, "tone", tone.rate)
    assert isinstance(fitted(tmp_path / "plain", short, steps=1).model, SymbolModel)
    run = fitted(tmp_path / "mixed", short, steps=1, mix="ngram")
    assert mixed(run).ngram.ngrams > 0
    assert run.sample(5).shape == (5,)


def test_look_is_at_the_network(text_run: Run) -> None:
    looked = text_run.look()
    own = read(str(text_run.config.source))
    assert isinstance(own, Symbols)
    documents = SymbolTask(own, text_run.config).test_documents()
    expected = look_at(mixed(text_run).network, documents, text_run.config.model.window, None)
    assert isinstance(looked, ThroughTime)
    assert looked.to_dict() == expected.to_dict()


def test_a_mixture_continues_a_prompt_from_both_states(text_run: Run) -> None:
    model = mixed(text_run)
    alphabet = text_run.config.data.alphabet
    assert alphabet is not None
    context = torch.from_numpy(alphabet.encode("the cat sat on "))[None]
    carry = model.read(context[:, 7:], model.read(context[:, :7]))
    prediction, _ = model.step(carry)
    for symbol in range(len(alphabet)):
        whole = torch.cat([context, torch.tensor([[symbol]])], dim=1)
        expected = model.log_prob(whole)[0, -1]
        torch.testing.assert_close(prediction.log_prob(torch.tensor([symbol]))[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_comparisons_name_mixtures(tmp_path: Path) -> None:
    result = chainrule.compare(symbols(), ["ar", "gru"], hidden=4, window=4, steps=1, out=tmp_path / "c", quiet=True)
    assert isinstance(result, Comparison)
    assert [row.name for row in result.rows] == ["unigram", "bigram", "ar + ngram", "gru + ngram"]
