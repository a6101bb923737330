"""What a fit leaves to look at: its score, and figures where there is something to draw."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import chainrule
from chainrule import Run
from chainrule.runs import Score
from chainrule.runs.folder.metrics_log import read_metrics
from tests.runs.cases import ar1
from tests.runs.fitting.test_fit import fit


def test_the_folder_holds_config_weights_metrics_score_and_figures(tmp_path: Path) -> None:
    run = fit(tmp_path / "a" / "run")
    assert {path.name for path in run.path.iterdir()} == {
        "asked.json",
        "best.safetensors",
        "config.json",
        "device.json",
        "final-last.safetensors",
        "final.safetensors",
        "last.safetensors",
        "loss.png",
        "metrics.jsonl",
        "reach.png",
        "score.json",
    }
    assert isinstance(run.result, Score)
    assert json.loads((run.path / "score.json").read_text()) == run.result.to_dict()
    assert (run.path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert repr(run).startswith(f"<SymbolRun lstm + ngram of words: {run.parameters:,} parameters, in ")


@pytest.mark.slow
def test_a_fit_records_how_far_gradients_reach_where_there_is_a_state(tmp_path: Path) -> None:
    looks = [record["reach"] for record in read_metrics(fit(tmp_path / "gru").path) if "reach" in record]
    assert looks
    assert all(len(look["gradient_by_lag"]) == 8 for look in looks)
    assert looks[-1]["verdict"].endswith("window of 8.") or "your window is 8" in looks[-1]["verdict"]
    without = fit(tmp_path / "conv", model="conv")
    assert not any("reach" in record for record in read_metrics(without.path))
    assert not (without.path / "reach.png").exists()
    bounded = fit(tmp_path / "full", bptt="full", memory="100MB")
    assert not (bounded.path / "reach.png").exists()


def test_a_series_leaves_a_forecast_and_a_classifier_a_confusion_matrix(tmp_path: Path) -> None:
    # their own: runs that tests share may have been fitted in a test without figures
    series_run = chainrule.fit(ar1(), "ar", window=3, out=tmp_path / "series", quiet=True)
    digits_run = chainrule.fit("digits", hidden=4, steps=4, out=tmp_path / "digits", quiet=True)
    assert {"forecast.png", "series.safetensors"} <= {path.name for path in series_run.path.iterdir()}
    assert "confusion.png" in {path.name for path in digits_run.path.iterdir()}
    assert "loss.png" not in {path.name for path in series_run.path.iterdir()}, "a fit in closed form has no curve"


def test_levels_of_the_test_part_say_so_beside_curves_of_other_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = list[Mapping[str, float]]()
    plot = Run.plot

    def plotted(run: Run, **options: Any) -> Any:
        drawn.append(options["baselines"])
        return plot(run, **options)

    monkeypatch.setattr(Run, "plot", plotted)
    run = fit(tmp_path / "run")
    assert isinstance(run.result, Score)
    assert drawn[0] == {
        f"{name}, test part": nats
        for name, nats in {"lstm + ngram": run.result.nats, **run.result.baseline_nats()}.items()
    }
