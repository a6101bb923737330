"""Comparisons of models of panels, and ensembles of them."""

import json
from pathlib import Path

import numpy as np
import pytest

import chainrule
from chainrule.errors import ArgumentError
from chainrule.runs import forecast_ensemble
from chainrule.runs.kinds.panels.run import PanelRun
from chainrule.runs.scoring.panels import PanelBacktest
from tests.runs.cases import panel, series

MODELS = ["ar", "gru", "mlp"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("panels") / "compared"


@pytest.fixture(scope="module")
def compared(folder: Path) -> PanelBacktest:
    names = ["naive", "seasonal naive", "ar"]
    options = {"hidden": 4, "steps": 3, "horizon": 5, "ensemble": 2, "baselines": names}
    result = chainrule.compare(panel(), MODELS, out=folder, quiet=True, **options)  # type: ignore[arg-type]
    assert isinstance(result, PanelBacktest)
    return result


@pytest.mark.slow
def test_models_ensemble_and_baselines_stand_in_one_table(compared: PanelBacktest, folder: Path) -> None:
    assert list(compared.rows) == [*MODELS, "ensemble", "naive", "seasonal naive", "local ar"]
    assert compared.model in [*MODELS, "ensemble"]
    assert compared.best_baseline in ["naive", "seasonal naive", "local ar"]
    assert compared.test is not None
    told = json.loads((folder / "comparison.json").read_text())
    assert set(told["facts"]["gru"]) >= {"parameters", "seconds", "validation"}
    assert (folder / "comparison.png").is_file()
    assert max(map(len, str(compared).splitlines())) <= 80


@pytest.mark.slow
def test_members_are_those_of_least_validation_loss(compared: PanelBacktest) -> None:
    losses = {name: compared.facts[name]["validation"] for name in MODELS}
    best = sorted(losses, key=losses.__getitem__)[:2]
    assert {name for name, taken in compared.facts["ensemble"].items() if taken} == set(best)
    mean = (compared.forecasts[best[0]] + compared.forecasts[best[1]]) / 2
    assert np.allclose(compared.forecasts["ensemble"], mean)


@pytest.mark.slow
def test_the_members_forecast_together(compared: PanelBacktest, folder: Path) -> None:
    runs = [run for run in map(chainrule.load, (folder / "gru", folder / "ar")) if isinstance(run, PanelRun)]
    together = forecast_ensemble(runs, 3)
    each = [run.forecast(3).quantiles for run in runs]
    assert np.allclose(together.quantiles, (each[0] + each[1]) / 2)
    with pytest.raises(ArgumentError, match="runs of panels"):
        forecast_ensemble([])


def test_what_cannot_be_is_refused_before_any_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.runs.comparison.fit", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(ArgumentError, match="`ensemble` applies to panels, not to series"):
        chainrule.compare(series(), ["ar"], ensemble=True, out=tmp_path / "new")
    with pytest.raises(ArgumentError, match="from 2 to that of the models"):
        chainrule.compare(panel(), ["ar", "gru"], ensemble=3, out=tmp_path / "new")
    with pytest.raises(ArgumentError, match="baseline"):
        chainrule.compare(panel(), ["ar", "gru"], baselines=["naiv"], out=tmp_path / "new")
