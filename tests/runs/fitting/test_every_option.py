"""Every option that a fit accepts: a run with it saves, and goes on to the bits of one that was not interrupted."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import chainrule
from chainrule._settings import settings_of
from chainrule.errors import ArgumentError
from chainrule.models import ModelSettings
from chainrule.models.settings import family
from chainrule.runs.kinds.registry import KINDS
from chainrule.training import StreamFeed, TrainingSettings
from tests.runs.cases import ar1, arranged, same_weights, series, symbols

pytestmark = pytest.mark.usefixtures("without_figures")

VALUES: dict[str, tuple[Any, ...]] = {
    "hidden": (2,),
    "window": (4,),
    "layers": (None, 2),
    "tied": (False, True),
    "stable": (False, True),
    "layer_norm": (False, True),
    "learned_start": (False, True),
    "order": (None, 2),
    "dropout": (None, 0.2),
    "mix": ("none", "ngram"),
    "skip": (True, False),
    "head": (None, "student"),
    "horizon": (None,),
    "ngram_embedding": (None, 1, 2),
    "ngram_dropout": (None, 0.3),
    "precision": (None, "bfloat16"),
    "learning_rate": (1e-3,),
    "batch": (1, 3),
    "tbptt": (None, 3, "2,5", "auto"),
    "bptt": ("truncated", "full"),
    "memory": (None, "4MB"),
    "shuffle": (False, True),
    "state_dropout": (0.0, 0.3),
    "scheduled_sampling": (0.0, 0.5),
    "random_windows": (False, True),
    "average": (None, 0.9),
    "accumulate": (1, 2),
    "clip": (1.0,),
    "clip_value": (None, 0.1),
    "optimiser": (None, "adamw", "muon"),
    "schedule": (None, "wsd", "cosine"),
    "weight_decay": (None, 0.1),
    "patience": (None,),
    "refit": (None, True, False),
}
CASES = [
    ("symbols", "ar"),
    ("symbols", "conv"),
    ("symbols", "gru"),
    ("symbols", "lstm"),
    ("series", "ar"),
    ("series", "mlp"),
    ("series", "gru"),
    ("series", "lstm"),
]
TRIES = 40
ACCEPTED = 2  # of each kind and model; what is drawn is the same in every run of the tests


def test_the_table_has_every_setting() -> None:
    assert VALUES.keys() == {*settings_of(ModelSettings), *settings_of(TrainingSettings)}


def drawn(kind: str, model: str) -> Iterator[dict[str, Any]]:
    """Options that apply, at random, the most of them left as they are; often a single row, whose parts are dense."""
    chance = random.Random(f"{kind} {model}")
    settings = {**settings_of(ModelSettings), **settings_of(TrainingSettings)}
    applying = [name for name, each in settings.items() if each.applies(family(model), KINDS[kind].has)]
    for _ in range(TRIES):
        options = {name: chance.choice(VALUES[name]) for name in applying if chance.random() < 0.3}
        small = {"hidden": 2, "window": 4, "mix": "none", "batch": chance.choice((1, 1, 3))}
        options |= {name: value for name, value in small.items() if name in applying}
        yield {name: value for name, value in options.items() if value is not None}


def dies_at_step(step: int, patch: pytest.MonkeyPatch) -> None:
    backward = StreamFeed.backward
    taken = [0]

    def stops(feed: StreamFeed, network: Any, spent: float) -> tuple[float, int]:
        taken[0] += 1
        if taken[0] == step:
            raise MemoryError
        return backward(feed, network, spent)

    patch.setattr(StreamFeed, "backward", stops)


@pytest.mark.sampled(0)
@pytest.mark.parametrize(("kind", "model"), CASES)
def test_whatever_is_accepted_saves_and_goes_on(kind: str, model: str, tmp_path: Path) -> None:
    data = symbols(240) if kind == "symbols" else series(ar1(90))
    accepted = 0
    for options in drawn(kind, model):
        given = arranged({**options, "steps": 4})
        try:
            whole = chainrule.fit(data, model, out=tmp_path / f"{accepted} whole", quiet=True, **given)
        except ArgumentError:  # they exclude each other
            continue
        folder = tmp_path / f"{accepted} died"
        with pytest.MonkeyPatch.context() as patch:
            dies_at_step(3, patch)
            with pytest.raises(MemoryError):
                chainrule.fit(data, model, out=folder, quiet=True, **given)
        again = chainrule.fit(data, model, out=folder, quiet=True, resume=True, **given)
        same_weights(again.model.state_dict(), whole.model.state_dict())
        same_weights(chainrule.load(folder).model.state_dict(), whole.model.state_dict())
        accepted += 1
        if accepted == ACCEPTED:
            return
    raise AssertionError(f"{accepted} of {TRIES} are accepted")
