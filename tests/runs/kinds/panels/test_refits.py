"""Backtests of panels: with refits, and with a state that is carried along."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import chainrule
from chainrule.data import Panel
from chainrule.errors import ArgumentError
from chainrule.models import PanelTensors, build_panel_model
from chainrule.runs.kinds.panels.ahead import quantiles_from
from chainrule.runs.kinds.panels.refits import quantiles_with_refits
from chainrule.runs.kinds.panels.run import PanelRun
from chainrule.runs.scoring.panels import Origins
from chainrule.training import BEST, LAST, saved_progress
from tests.runs.cases import panel

pytestmark = pytest.mark.usefixtures("without_figures")


def fitted(folder: Path, model: str) -> PanelRun:
    options = ({} if model == "ar" else {"hidden": 4}) | {"steps": 4, "horizon": 5, "training": {"refit": False}}
    run = chainrule.fit(panel(3), model, out=folder / "run", quiet=True, **options)  # type: ignore[arg-type]
    assert isinstance(run, PanelRun)
    return run


@pytest.mark.sampled(0)
@pytest.mark.parametrize("model", ["gru", "lstm", "conv", "mlp", "ar"])
def test_each_origin_is_as_from_a_cold_start(tmp_path: Path, model: str) -> None:
    run = fitted(tmp_path, model)
    assert run.result is not None
    at = run.result.origins
    for m in range(0, len(at), 4):
        i = at.series[m]
        begin = at.panel.starts[i]
        end = at.rows[m] + at.horizon
        alone = Panel(
            at.panel.values[begin:end].copy(), np.array([0, end - begin]), (at.panel.ids[i],), "sales", season=7
        )
        origin = Origins(alone, np.array([0]), np.array([at.rows[m] - begin]), at.horizon)
        assert run.config.data.inputs is not None
        found = quantiles_from(run.model, PanelTensors.of(alone, run.config.data.inputs), origin)[0]
        expected = run.result.forecasts[run.result.model][m]
        assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()


def test_refits_see_nothing_after_their_first_origin(tmp_path: Path) -> None:
    run = fitted(tmp_path, "gru")
    assert run.result is not None
    assert run.config.data.inputs is not None
    at = run.result.origins
    times = np.unique(at.clock)
    changed_from = times[len(times) // 2]
    values = at.panel.values.copy()
    rows = np.arange(len(values)) - np.repeat(at.panel.starts[:-1], np.diff(at.panel.starts))
    values[rows >= changed_from] *= 3.0
    best = replace(saved_progress(run.path / BEST), step=3, spent=0.75)
    found = []
    for each in (at.panel, replace(at.panel, values=values)):
        origins = Origins(each, at.series, at.rows, at.horizon)
        tensors = PanelTensors.of(each, run.config.data.inputs)
        found.append(quantiles_with_refits(run.config, best, tensors, origins, 4, run.device, lambda share: None))
    before = at.clock <= changed_from
    assert (found[0][before] == found[1][before]).all()
    assert (found[0][~before] != found[1][~before]).any()


def test_where_no_step_was_best_refits_are_what_a_fit_begins_with(tmp_path: Path) -> None:
    run = fitted(tmp_path, "gru")
    assert run.result is not None
    assert run.config.data.inputs is not None
    at = run.result.origins
    first = at.clock == at.clock.min()
    origins = Origins(at.panel, at.series[first], at.rows[first], at.horizon)
    tensors = PanelTensors.of(at.panel, run.config.data.inputs)
    best = replace(saved_progress(run.path / BEST), step=0, spent=0.0)
    found = quantiles_with_refits(run.config, best, tensors, origins, 1, run.device, lambda share: None)
    untrained = build_panel_model(run.config.model, run.config.data.inputs).to(run.device).eval()
    untrained.begin(tensors, torch.from_numpy(at.panel.starts[:-1] + origins.clock[0]))
    assert (found == quantiles_from(untrained, tensors, origins)).all()


def test_trained_weights_are_taken_where_they_are_better_by_more_than_chance(tmp_path: Path) -> None:
    walks = np.random.default_rng(0).normal(size=(2, 1500)).cumsum(1)
    data = Panel(walks.reshape(-1), np.array([0, 1500, 3000]), ("a", "b"), season=7)
    options = {"hidden": 8, "steps": 20, "horizon": 10, "training": {"refit": False}}
    run = chainrule.fit(data, "gru", out=tmp_path / "run", quiet=True, **options)  # type: ignore[arg-type]
    progress = saved_progress(run.path / LAST)
    assert progress.best_step == 0
    assert progress.beside > 0


def test_a_backtest_tells_its_refits(tmp_path: Path) -> None:
    run = fitted(tmp_path, "gru")
    shares: list[float] = []
    result = run.backtest(refit_every=5, baselines=(), advance=shares.append)
    count = run.count_refits(5)
    assert f"trained again {count} times" in result.remarks[0]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    with pytest.raises(ArgumentError, match="own data"):
        run.backtest(panel(3), refit_every=5)
    assert run.config.loss_unit == "scaled pinball loss"
