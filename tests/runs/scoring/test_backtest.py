"""Backtests: forecasts as they would have been made, from one pass over the data."""

from pathlib import Path

import numpy as np
import pytest
import torch

import chainrule
from chainrule import Run
from chainrule.errors import ArgumentError, TooShortError
from chainrule.models import SeriesModel
from chainrule.runs.scoring import backtest as module
from chainrule.runs.scoring.backtest import _carries
from chainrule.runs.scoring.baselines import RandomWalk
from chainrule.runs.scoring.metrics import coverage, crps_from_paths, mae, mase, mase_scale, rmse
from tests.runs.cases import ar1, series
from tests.tolerances import RELATIVE

pytestmark = pytest.mark.usefixtures("without_figures")

CLOSE = RELATIVE[torch.float32]


@pytest.fixture(scope="module")
def gru_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("gru") / "run"
    return chainrule.fit(series(season=7), hidden=4, window=8, steps=3, out=out, quiet=True, figures=False)


@pytest.mark.parametrize("name", ["ar", "conv", "gru", "lstm"])
def test_the_streamed_state_is_that_of_reading_anew_at_every_origin(name: str, tmp_path: Path) -> None:
    options = {} if name == "ar" else {"hidden": 4, "steps": 1}
    run = chainrule.fit(series(ar1(80)), name, window=3, out=tmp_path / "run", quiet=True, **options)  # type: ignore[arg-type]
    assert isinstance(run.model, SeriesModel)
    origins = [5, 6, 20, 77]
    streamed = _carries(run.model, ar1(80), origins)
    for row, origin in enumerate(origins):
        anew = run.model.read(torch.from_numpy(ar1(80)[:origin])[None])
        assert torch.equal(streamed.last[row], anew.last[0])
        for mine, theirs in zip(streamed.encoder or (), anew.encoder or (), strict=True):
            torch.testing.assert_close(mine[row], theirs[0], rtol=CLOSE, atol=CLOSE)


def test_no_forecast_sees_a_step_after_its_origin(gru_run: Run) -> None:
    assert isinstance(gru_run.model, SeriesModel)
    poisoned = ar1()
    poisoned[290:] = 1e6
    clean, spoilt = (_carries(gru_run.model, x, [270, 285, 290]) for x in (ar1(), poisoned))
    assert torch.equal(clean.last, spoilt.last)
    for mine, theirs in zip(clean.encoder or (), spoilt.encoder or (), strict=True):
        assert torch.equal(mine, theirs)


def test_the_models_row_equals_forecasts_made_one_by_one(gru_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one origin a group, every origin's paths are those that a forecast from there draws."""
    assert isinstance(gru_run.model, SeriesModel)
    monkeypatch.setattr(module, "_ROWS", 40)
    result = gru_run.backtest(horizon=3, paths=40, stride=9, seed=5)
    origins = range(270, 298, 9)
    x = ar1()
    paths = np.stack(
        [gru_run.model.forecast(torch.from_numpy(x[:t]), 3, 40, seed=5 + i).numpy() for i, t in enumerate(origins)]
    )
    actual = np.stack([x[t : t + 3] for t in origins])
    wrong = np.median(paths, axis=1) - actual
    row = result.rows["model"]
    assert (result.origins, result.horizon, result.paths) == (4, 3, 40)
    assert row.mae == pytest.approx(mae(wrong), rel=CLOSE)
    assert row.rmse == pytest.approx(rmse(wrong), rel=CLOSE)
    assert row.mase == pytest.approx(mase(wrong, mase_scale(x[:240], 7)), rel=CLOSE)
    assert row.crps == pytest.approx(crps_from_paths(paths.swapaxes(0, 1), actual).mean(), rel=CLOSE)
    low, high = np.quantile(paths, (0.1, 0.9), axis=1)
    assert row.coverage_80 == coverage(low, high, actual)


def test_the_random_walks_row_equals_a_hand_computation(gru_run: Run) -> None:
    x = ar1()
    result = gru_run.backtest(horizon=4, paths=3000, stride=5)
    assert list(result.rows) == ["model", "random walk", "seasonal naive"]
    origins = range(270, 297, 5)
    scale = float(RandomWalk.fit(x[:240], "gaussian").change.scale[0])
    wrong = np.stack([x[t - 1] - x[t : t + 4] for t in origins])[..., 0]
    spread = 1.2815515655446004 * scale * np.sqrt(np.arange(1, 5))
    row = result.rows["random walk"]
    assert row.mae == pytest.approx(mae(wrong), rel=0.02)
    assert row.rmse == pytest.approx(rmse(wrong), rel=0.02)
    assert row.coverage_80 == pytest.approx(np.mean(np.abs(wrong) <= spread), abs=0.1)


def test_the_same_seed_gives_the_same_result_and_another_one_another(gru_run: Run) -> None:
    first, again, other = (gru_run.backtest(horizon=2, paths=5, stride=10, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_there_are_a_hundred_origins_or_fewer_and_progress_is_told(tmp_path: Path) -> None:
    run = chainrule.fit(series(ar1(2100)), "ar", window=1, out=tmp_path / "run", quiet=True)
    told: list[float] = []
    result = run.backtest(horizon=10, paths=2, advance=told.append)
    assert 50 < result.origins <= 100
    assert told[-1] == 1
    assert told == sorted(told)


def test_new_data_is_forecast_from_its_first_season_on(gru_run: Run) -> None:
    result = gru_run.backtest(series(ar1(30, seed=3), season=2), horizon=3, paths=3)
    assert result.of == "noise, steps 8 to 30"
    assert result.origins == 30 - 3 - 7 + 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"horizon": 31}, TooShortError, r"horizon of 31 needs 31 held-out steps, and .* has 30"),
        ({"horizon": 0}, ArgumentError, "`horizon` is 0; expected"),
        ({"stride": 0}, ArgumentError, "`stride` is 0; expected"),
        ({"paths": 1}, ArgumentError, "`paths` is 1; expected"),
        ({"seed": -1}, ArgumentError, "`seed` is -1; expected"),
    ],
)
def test_options_that_cannot_be_are_refused(
    gru_run: Run, options: dict[str, int], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        gru_run.backtest(**{"horizon": 3, **options})  # type: ignore[arg-type]
