"""A trial: what it learns from, what judges it, and what changes its weights."""

from dataclasses import replace

import pytest
import torch
from benchmarks.learning.texts import Text
from benchmarks.recipe.trial import Trial
from benchmarks.recipe.variants import Variant, variant_of

from chainrule.errors import ArgumentError
from tests.benchmarks.recipe.cases import SMALL, a_text


def weights(variant: Variant, text: Text, steps: int = 3) -> torch.Tensor:
    trial = Trial(variant, text, steps)
    trial.run()
    return torch.nn.utils.parameters_to_vector(trial.network.parameters()).detach()


def test_the_last_tenth_is_not_looked_at_and_the_ninth_not_learned_from() -> None:
    text = a_text()
    variant = variant_of(f"kept+{SMALL}")
    expected = Trial(variant, text, steps=3).run()
    last = text.symbols.copy()
    last[1800:] = 3 - last[1800:]
    again = Trial(variant, replace(text, symbols=last), steps=3).run()
    assert again.nats == expected.nats
    ninth = text.symbols.copy()
    ninth[1600:1800] = 3 - ninth[1600:1800]
    changed = replace(text, symbols=ninth)
    assert Trial(variant, changed, steps=3).run().nats != expected.nats
    torch.testing.assert_close(weights(variant, changed), weights(variant, text), rtol=0, atol=0)


@pytest.mark.parametrize(
    "setting",
    [
        "optimiser=muon-whole",
        "optimiser=muon-torch",
        "optimiser=adamw",
        "muon_rate=0.1",
        "decay_by=steady",
        "decay_by=rising",
        "first=0.5+first_window=8",
        "first=0.5+first_batch=2",
        "after_next=0.5",
        "members=2",
        "layers=2",
        "muon_decay=0.5",
        "decay=0.5",
        "rate=0.01",
        "schedule=line",
        "schedule=line+flat=0.5",
        "schedule=wsd",
        "dropout=0.5",
        "dropout_of=window",
        "input_dropout=0.5",
        "ngram_dropout=0.9",
    ],
)
def test_every_setting_changes_what_is_learned(setting: str) -> None:
    text = a_text()
    asked = f"longest=3+ngram_dropout=0.5+optimiser=muon+{SMALL}"
    plain = weights(variant_of(asked), text)
    assert not torch.equal(weights(variant_of(f"{asked}+{setting}"), text), plain)


def test_the_average_is_judged() -> None:
    trial = Trial(variant_of(f"average=0.999+{SMALL}"), a_text(), steps=20)
    score = trial.run()
    trial.average = None
    assert trial.nats() != score.nats


def test_a_text_too_short_for_its_rows() -> None:
    with pytest.raises(ArgumentError, match="made is too short: 40 characters to learn from, 32 rows"):
        Trial(Variant(), a_text(50), steps=1)
