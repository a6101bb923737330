"""The precision of a fit's products: tried where nothing is asked, kept in the run, the same after loading."""

import math
from pathlib import Path

import pytest
import torch

import chainrule
from chainrule.runs.fitting.precision import _compared, precision_by_trial
from chainrule.runs.fitting.trial import Trial
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.kinds.registry import KINDS
from chainrule.training import ALONE
from tests.runs.cases import symbols

pytestmark = pytest.mark.usefixtures("without_figures")

GRADIENT = torch.tensor([3.0, 4.0])


@pytest.mark.parametrize(
    ("seconds", "loss", "off", "name", "why"),
    [
        (0.5, 2.0, 0.01, "bfloat16", "2.0 times as fast"),
        (0.95, 2.0, 0.01, "float32", "1.05 times as fast"),
        (2.0, 2.0, 0.01, "float32", "0.50 times as fast"),
        (0.5, 2.0, 0.5, "float32", "50% off"),
        (0.5, 2.01, 0.01, "float32", "off"),
        (0.5, math.nan, 0.01, "float32", "off"),
        (0.5, 2.0, math.nan, "float32", "off"),
    ],
)
def test_bfloat16_is_taken_where_it_is_faster_and_the_same(
    seconds: float, loss: float, off: float, name: str, why: str
) -> None:
    rounded = Trial(seconds, loss, GRADIENT * (1 + off))
    found = _compared(Trial(1.0, 2.0, GRADIENT), rounded)
    assert found.name == name
    assert why in found.why


@pytest.fixture
def tried(tmp_path: Path) -> chainrule.Run:
    return chainrule.fit(symbols(600), "gru", steps=2, hidden=8, window=8, out=tmp_path / "tried", quiet=True)


def test_trying_leaves_the_feed_and_the_random_numbers_where_they_were(tried: chainrule.Run) -> None:
    task = KINDS["symbols"].task(symbols(600), tried.config, ALONE)
    before = {name: tensor.clone() for name, tensor in task.feed.state().items()}
    random = torch.get_rng_state()
    precision_by_trial(task, tried.config, ALONE)
    after = task.feed.state()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert torch.equal(torch.get_rng_state(), random)


def test_with_a_budget_of_steps_nothing_is_tried(tried: chainrule.Run, tmp_path: Path) -> None:
    assert tried.config.model.precision == "float32"
    auto = chainrule.fit(
        symbols(600), "gru", steps=2, hidden=8, window=8, precision="auto", out=tmp_path / "auto", quiet=True
    )
    assert auto.config.model.precision == "float32"


@pytest.mark.sampled(0)
@pytest.mark.parametrize("mix", ["none", "ngram"])
def test_it_is_kept_saved_loaded_and_resumed(mix: str, tmp_path: Path) -> None:
    settings = {"hidden": 8, "window": 8, "precision": "bfloat16", "mix": mix, "quiet": True}
    run = chainrule.fit(symbols(600), "lstm", steps=6, out=tmp_path / "run", **settings)  # type: ignore[arg-type]
    exact = chainrule.fit(
        symbols(600),
        "lstm",
        steps=6,
        out=tmp_path / "exact",
        **{**settings, "precision": "float32"},  # type: ignore[arg-type]
    )
    nats = [each.score(symbols(300)).nats for each in (run, chainrule.load(tmp_path / "run"), exact)]
    assert nats[0] == nats[1] != nats[2]
    more = chainrule.fit(symbols(600), "lstm", steps=9, out=tmp_path / "run", resume=True, **settings)  # type: ignore[arg-type]
    assert more.config.model.precision == "bfloat16"


def test_what_was_tried_is_kept_when_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.runs.fitting.precision._FASTER", 0.0)
    monkeypatch.setattr("chainrule.runs.fitting.precision._GRADIENT", 1.0)
    settings = {"hidden": 8, "window": 8, "quiet": True, "out": tmp_path}
    run = chainrule.fit(symbols(600), "gru", minutes=1e-3, **settings)  # type: ignore[arg-type]
    assert run.config.model.precision == RunConfig.load(tmp_path).model.precision == "bfloat16"
    monkeypatch.setattr("chainrule.runs.fitting.precision._FASTER", 1e9)
    more = chainrule.fit(symbols(600), "gru", minutes=2e-3, resume=True, **settings)  # type: ignore[arg-type]
    assert more.config.model.precision == "bfloat16"


def test_it_says_what_it_took_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chainrule.fit(symbols(600), "gru", minutes=1e-3, hidden=8, window=8, out=tmp_path)
    err = capsys.readouterr().err
    assert "products in float32 (" in err or "products in bfloat16 (" in err
