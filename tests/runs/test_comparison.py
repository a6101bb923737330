"""Comparisons: one cut, one set of baselines, and whether order matters."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule
from chainrule.data import read
from chainrule.errors import ArgumentError, RunExistsError
from chainrule.runs import Comparison, ComparisonRow, Score
from tests.runs.cases import ar1, arranged, series, symbols


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare") / "out"


@pytest.fixture(scope="module")
def ordered(folder: Path) -> Comparison:
    result = chainrule.compare(series(ar1(600)), ["ar", "gru"], hidden=4, window=8, steps=3, out=folder, quiet=True)
    assert isinstance(result, Comparison)
    return result


def test_models_stand_beside_the_baselines_with_all_that_a_table_needs(ordered: Comparison) -> None:
    assert [row.name for row in ordered.rows] == ["i.i.d.", "random walk", "ar", "gru"]
    iid, walk, ar, gru = ordered.rows
    assert (iid.gained, iid.gained_95, iid.parameters, walk.seconds) == (0, 0, None, None)
    assert walk.errors is not None
    assert ar.parameters == 10
    assert gru.parameters is not None
    for row in (ar, gru):
        assert row.errors is not None
        assert row.seconds is not None
        assert row.seconds > 0
    for row in ordered.rows:
        assert row.gained == pytest.approx(iid.nats - row.nats)


def test_each_model_leaves_a_run_and_the_comparison_its_table_and_figure(ordered: Comparison, folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"ar", "gru", "comparison.json", "comparison.png"}
    assert json.loads((folder / "comparison.json").read_text())["verdict"] == ordered.verdict()
    score = chainrule.load(folder / "ar").result or chainrule.load(folder / "ar").score(series(ar1(600)))
    assert isinstance(score, Score)
    assert json.loads((folder / "ar" / "score.json").read_text())["nats"] == pytest.approx(ordered.rows[2].nats)


@pytest.mark.slow
def test_order_matters_in_an_ar1_and_not_when_it_is_shuffled(ordered: Comparison, tmp_path: Path) -> None:
    """The gain of AR(1) over i.i.d. is its mutual information with the past, -log(1 - c^2) / 2."""
    best = ordered.best
    assert best.name == "ar"
    assert best.gained == pytest.approx(-0.5 * np.log(1 - 0.9**2), abs=max(0.4, best.gained_95))
    assert ordered.verdict().startswith("Order matters here: ar gains ")
    shuffled = np.random.default_rng(1).permutation(ar1(600))
    result = chainrule.compare(series(shuffled), ["ar"], window=8, out=tmp_path / "out", quiet=True)
    assert isinstance(result, Comparison)
    assert result.verdict().startswith("Order was not shown to matter here")


def row(name: str, nats: float, gained: float, gained_95: float) -> ComparisonRow:
    return ComparisonRow(name, nats, gained, gained_95)


@pytest.mark.parametrize(
    ("model", "verdict"),
    [
        (row("gru", 1.5, 0.5, 0.1), "Order matters here: gru gains 0.500 ± 0.100 nats per step over i.i.d."),
        (row("gru", 1.5, 0.5, 0.6), "Order was not shown to matter here: the best, gru, gains 0.500 ± 0.600"),
        (row("gru", 2.5, -0.5, 0.1), "Order was not shown to matter here: nothing is likelier than i.i.d."),
    ],
)
def test_the_verdict_follows_the_best_rows_interval(model: ComparisonRow, verdict: str) -> None:
    result = Comparison("x", "step", 100, (row("i.i.d.", 2.0, 0.0, 0.0), model))
    assert result.verdict().startswith(verdict)


def test_a_sure_gain_counts_though_a_greater_one_is_not_sure() -> None:
    rows = (row("i.i.d.", 2.0, 0.0, 0.0), row("gru", 0.5, 1.5, 1.6), row("ar", 0.6, 1.4, 0.9))
    verdict = Comparison("x", "step", 100, rows).verdict()
    assert verdict == "Order matters here: ar gains 1.400 ± 0.900 nats per step over i.i.d."


@pytest.mark.slow
def test_symbols_are_compared_with_counts(tmp_path: Path) -> None:
    result = chainrule.compare(symbols(), ["ar"], window=4, steps=2, out=tmp_path / "out", quiet=True)
    assert isinstance(result, Comparison)
    assert [r.name for r in result.rows] == ["unigram", "bigram", "ar + ngram"]
    assert result.unit == "character"
    assert all(r.errors is None for r in result.rows)


@pytest.mark.slow
def test_what_models_have_in_common_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options: dict[str, Any] = {"hidden": 2, "window": 4, "steps": 1}
    options["training"] = {"batch": 4, "learning_rate": 0.01}
    chainrule.compare(series(ar1(60)), ["ar", "gru", "rnn"], out=tmp_path / "out", **options)
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in said].count("noise") == 1
    assert [line for line in said if line.startswith("Split")] == [
        "Split in time order. 48 steps are fitted, the last 6 are scored.",
        "Split in time order. 48 steps train, 6 choose the checkpoint, 6 are scored.",
    ]
    assert [line.split(",")[0] for line in said if "window 4" in line] == ["ar", "gru", "rnn"]
    chainrule.fit(series(ar1(60)), "ar", window=4, out=tmp_path / "run")
    assert capsys.readouterr().err.startswith("noise: 60 steps"), "what a fit by itself says is not held back"


@pytest.mark.parametrize(
    "option", [{"steps": 2}, {"minutes": 1.0}, {"batch": 4}, {"learning_rate": 0.01}, {"hidden": 4}]
)
def test_what_no_model_has_a_use_for_is_refused(option: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=f"solved exactly.*{next(iter(option))}|`hidden=4` applies to"):
        chainrule.compare(series(ar1(60)), ["ar"], out=tmp_path / "out", quiet=True, **arranged(option))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_one_held_out_step_gives_no_interval_and_still_valid_json(tmp_path: Path) -> None:
    result = chainrule.compare(series(ar1(10)), ["gru"], hidden=2, steps=1, out=tmp_path / "out", quiet=True)
    assert isinstance(result, Comparison)
    assert result.count == 1
    assert result.verdict().startswith("Order was not shown")
    rows = json.loads((tmp_path / "out" / "comparison.json").read_text(), parse_constant=pytest.fail)["rows"]
    assert rows[1]["gained_95"] is None


def test_what_cannot_be_compared_is_refused_before_any_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chainrule.runs.comparison.fit", lambda *_, **__: pytest.fail("trained"))
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(RunExistsError, match="holds other files, and a comparison has a folder of its own"):
        chainrule.compare(series(), ["ar"], out=tmp_path)
    for models in ([], ["ar", "grue"], ["ar", "ar"]):
        with pytest.raises(ArgumentError, match="`models` must be different ones of ar, mlp"):
            chainrule.compare(series(), models, out=tmp_path / "new")
    with pytest.raises(ArgumentError, match="for sequences"):
        chainrule.compare(read("digits"), ["conv"], out=tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
