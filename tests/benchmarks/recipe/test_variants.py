"""Variants as they are told, and that each can be trained."""

import json
from pathlib import Path

import pytest
import torch
from benchmarks.recipe.network import Network
from benchmarks.recipe.trial import Trial
from benchmarks.recipe.variants import VARIANTS, Variant, variant_of

import chainrule
from benchmarks.recipe import recipe
from chainrule import ModelSettings, TrainingSettings
from chainrule.data import Symbols
from chainrule.errors import ArgumentError
from chainrule.runs.fitting.defaults import choose_model, choose_training
from chainrule.runs.kinds.symbols.kind import SymbolKind
from chainrule.training.optimisers.choice import SCALES
from tests.benchmarks.recipe.cases import SMALL, a_text


def test_names_and_settings_add_up_and_the_later_ones_count() -> None:
    assert variant_of("") == Variant()
    told = variant_of("ngrams+cell=gru+longest=5+dropout=0+output+layer_norm=yes")
    assert told == Variant(longest=5, cell="gru", dropout=0.0, output_longest=3, layer_norm="yes")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("best", "no variant best"),
        ("kept+hiden=3", "no setting hiden"),
        ("hidden=many", "hidden is many"),
        ("hidden=0", "from 1 to"),
        ("schedule=line+flat=1", "from 0 to 0.99"),
        ("dropout=nan", "dropout is nan"),
        ("cell=lstm2", "expected one of lstm, gru, rnn"),
    ],
)
def test_what_is_no_variant_is_said(told: str, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        variant_of(told)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_learns_and_carries_its_state(name: str) -> None:
    variant = variant_of(f"{name}+{SMALL}")
    trial = Trial(variant, a_text(), steps=90)
    begun = trial.nats()
    assert trial.run().nats < begun - 0.05
    network = trial.network.eval()
    x = torch.randint(4, (2, 9))
    first, state = network(x[:, :4])
    second, _ = network(x[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), network(x)[0])


def test_buckets_and_output_tables() -> None:
    network = Network(9, variant_of("longest=4+output_longest=3+buckets=150"))
    assert network.embedding.rows == [100, 150, 150]
    assert [len(p) for p in network.embedding.ngrams.parameters()] == [100, 150, 150]
    assert network.output is not None
    assert network.output.rows == [100, 150]
    assert all(not p.any() for p in network.output.parameters())


def test_what_was_measured_can_be_repeated_and_is_on_its_page() -> None:
    root = Path(recipe.__file__).parents[2]
    page = (root / "docs" / "recipe.md").read_text(encoding="utf-8")
    lines = (root / "benchmarks" / "recipe" / "measured.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines
    for trial in map(json.loads, lines):
        variant_of(trial["variant"])
        spread = f" ± {trial['spread']:.4f}" if "spread" in trial else ""
        assert f"| {trial['nats']:.4f}{spread} | {trial['training']:.4f} |" in page, trial


def test_kept_is_what_the_library_does() -> None:
    data = chainrule.data.read("builtin:english")
    assert isinstance(data, Symbols)
    kept = variant_of("kept")
    kind = SymbolKind()
    model = choose_model(kind, data, "none", kind.model(data), ModelSettings())
    training = choose_training(kind, data, model, TrainingSettings(), steps=9, minutes=None, seed=0)
    assert (kept.cell, kept.longest, kept.window) == (model.name, model.ngram_embedding, model.window)
    assert (kept.dropout, kept.ngram_dropout) == (model.dropout, model.ngram_dropout)
    assert (kept.layer_norm == "yes") == model.layer_norm
    assert (kept.optimiser, kept.rate, kept.batch) == (training.optimiser, training.learning_rate, training.batch)
    assert kept.schedule == training.schedule
    assert kept.decay == kept.muon_decay == training.weight_decay
    assert kept.muon_rate == training.learning_rate * SCALES["muon"]
