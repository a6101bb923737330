"""Refits: all of the data, as many steps as were best, the same seed and schedule; scores stay honest."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import chainrule
from chainrule import Run
from chainrule.data import Transform
from chainrule.errors import ArgumentError, RunFormatError
from chainrule.models import fit_least_squares
from chainrule.runs import Comparison
from chainrule.training import load_tensors, save_tensors
from tests.runs.cases import ar1, arranged, same_weights, series, symbols

pytestmark = pytest.mark.usefixtures("without_figures")


def fit(folder: Path, model: str = "gru", **options: Any) -> Run:
    budget = {} if model == "ar" else {"steps": 30, "hidden": 4}
    return chainrule.fit(series(ar1(200)), model, window=4, quiet=True, out=folder, **arranged(budget | options))


@pytest.mark.sampled(0)
@pytest.mark.parametrize("model", ["ar", "mlp", "gru"])
def test_the_score_is_as_without_and_both_weights_are_kept(model: str, tmp_path: Path) -> None:
    honest = fit(tmp_path / "a", model, refit=False)
    run = fit(tmp_path / "b", model)
    assert honest.refit is None
    assert run.refit is not None
    same_weights(run.model.state_dict(), honest.model.state_dict())
    scores = [json.loads((of.path / "score.json").read_text()) for of in (run, honest)]
    free, honestly = (score.pop("free") for score in scores)
    assert scores[0] == scores[1]
    assert free != honestly, "a free run is of the weights that forecast"
    assert run.backtest(horizon=2, paths=5).rows == honest.backtest(horizon=2, paths=5).rows
    loaded = chainrule.load(run.path)
    assert loaded.refit is not None
    same_weights(loaded.refit.model.state_dict(), run.refit.model.state_dict())
    assert str(loaded.refit) == "weights refitted on all 200 steps"
    assert loaded.refit.model.transform == Transform.fit("standardise", ar1(200))
    assert not np.array_equal(run.forecast(3, paths=5).paths, honest.forecast(3, paths=5).paths)
    np.testing.assert_array_equal(run.forecast(3, paths=5).paths, loaded.forecast(3, paths=5).paths)


def test_a_linear_ar_is_solved_again(tmp_path: Path) -> None:
    run = fit(tmp_path / "run", "ar")
    assert run.refit is not None
    assert run.refit.steps is None
    again = chainrule.load(run.path)
    assert again.refit is not None
    fit_least_squares(again.refit.model, torch.from_numpy(ar1(200)))  # type: ignore[arg-type]
    same_weights(again.refit.model.state_dict(), run.refit.model.state_dict())


@pytest.mark.slow
def test_it_takes_the_steps_that_were_best_along_the_same_rates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feed of the training part in the place of all makes the refit the first fit over again, to its best step."""
    monkeypatch.setattr("chainrule.runs.kinds.series.task.SeriesTask.feed_everything", lambda task: again(task).feed)
    monkeypatch.setattr(
        "chainrule.runs.kinds.series.task.SeriesTask.describe_everything", lambda task: task.config.data
    )
    monkeypatch.setattr(
        "chainrule.runs.kinds.series.task.SeriesTask.solve", lambda task, model, everything=False: False
    )

    def again(task: Any) -> Any:
        return type(task)(task.data, task.config)

    run = fit(tmp_path / "run", learning_rate=0.05, steps=60)
    best = load_tensors(run.path / "best.safetensors")[1]["step"]
    assert 0 < best < 60
    assert run.refit is not None
    assert run.refit.steps == best
    for name, tensor in run.refit.model.state_dict().items():
        torch.testing.assert_close(tensor, run.model.state_dict()[name], rtol=1e-4, atol=1e-5)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("options", [{"average": 0.9}, {"bptt": "full"}, {"tbptt": "4,8"}], ids=str)
def test_with_other_options(options: dict[str, Any], tmp_path: Path) -> None:
    run = fit(tmp_path / "run", **options)
    assert run.refit is not None
    loaded = chainrule.load(run.path)
    assert loaded.refit is not None
    same_weights(loaded.refit.model.state_dict(), run.refit.model.state_dict())
    assert not (run.path / "refit-last.safetensors").exists()


def test_images_are_refitted_where_asked(tmp_path: Path) -> None:
    images = chainrule.fit("digits", hidden=4, steps=3, training={"refit": True}, out=tmp_path / "d", quiet=True)
    assert str(images.refit) == "weights refitted on all 1,797 examples"


def test_minutes_are_for_both_fits(tmp_path: Path) -> None:
    run = fit(tmp_path / "run", steps=None, minutes=0.02, refit=True)
    last = load_tensors(run.path / "last.safetensors")[1]
    assert 0.6 <= last["seconds"] < 1.2
    assert run.refit is not None
    assert run.refit.steps == load_tensors(run.path / "best.safetensors")[1]["step"]


@pytest.mark.slow
def test_a_larger_budget_refits_again(tmp_path: Path) -> None:
    fit(tmp_path / "run", steps=5)
    more = fit(tmp_path / "run", steps=30, resume=True)
    whole = fit(tmp_path / "whole", steps=30)
    assert more.refit is not None
    assert whole.refit is not None
    assert more.refit.steps == load_tensors(more.path / "best.safetensors")[1]["step"]
    finished = (more.path / "refit.safetensors").read_bytes()
    fit(tmp_path / "run", steps=30, resume=True)
    assert (more.path / "refit.safetensors").read_bytes() == finished


@pytest.mark.slow
def test_a_refit_of_another_run_or_none_is_said(tmp_path: Path) -> None:
    run = fit(tmp_path / "run")
    tensors, about = load_tensors(run.path / "refit.safetensors")
    save_tensors(run.path / "refit.safetensors", {**tensors, "more": torch.zeros(1)}, about)
    with pytest.raises(RunFormatError, match=r"refit\.safetensors is not the refit of this run"):
        chainrule.load(run.path)
    (run.path / "refit.safetensors").unlink()
    with pytest.warns(UserWarning, match="did not end: its weights are not fitted again to all of the data yet"):
        assert chainrule.load(run.path).refit is None


def test_a_comparison_does_not_refit(tmp_path: Path) -> None:
    chainrule.compare(series(ar1(200)), ["ar"], window=2, out=tmp_path / "c", quiet=True)
    assert json.loads((tmp_path / "c" / "ar" / "config.json").read_text())["refit"] is False
    with pytest.raises(ArgumentError, match="`refit` does not apply to a comparison of series, whose models are"):
        chainrule.compare(series(ar1(200)), ["ar"], window=2, training={"refit": True}, out=tmp_path / "d", quiet=True)


@pytest.mark.slow
@pytest.mark.parametrize("refit", [None, False])
def test_a_comparison_of_texts_goes_on_with_all_models_or_none(refit: bool | None, tmp_path: Path) -> None:
    """Each is what a fit by itself would be."""
    options: dict[str, Any] = {"hidden": 4, "window": 8, "steps": 8, "quiet": True}
    options["training"] = {"batch": 4, "refit": refit}
    found = chainrule.compare(symbols(600), ["ar", "rnn"], out=tmp_path / "c", **options)
    assert isinstance(found, Comparison)
    alone = chainrule.fit(symbols(600), "rnn", out=tmp_path / "rnn", **options)
    assert alone.result is not None
    assert found.rows[-1].nats == alone.result.nats
    for name in ("ar", "rnn"):
        assert (tmp_path / "c" / name / "final.safetensors").exists() == (refit is None)
