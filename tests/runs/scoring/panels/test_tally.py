"""The metrics of forecasts of panels are those of utilsforecast and scoringrules, over what is known."""

import numpy as np
import pandas as pd
import pytest
import scoringrules
from utilsforecast import losses

from chainrule.errors import ArgumentError, ShapeError
from chainrule.runs.scoring.panels import tally
from chainrule.runs.scoring.panels.long_frame import backtest_frame
from chainrule.runs.scoring.panels.origins import Origins
from chainrule.runs.scoring.panels.scales import Scales
from chainrule.runs.scoring.panels.tally import Tally
from tests.runs.scoring.panels.cases import LEVELS, Floats, guesses, last_origins, panel_of, walks

PANEL = walks(90, 60, 75, season=7, gaps=True)
ORIGINS = last_origins(PANEL, 12, 5)
QUANTILES = guesses(ORIGINS)
SCALES = Scales.of(PANEL, ORIGINS.first)
TALLY = Tally.of(ORIGINS, QUANTILES, LEVELS)
FRAME = backtest_frame(ORIGINS, LEVELS, {"m": QUANTILES}).dropna()
NAMES = {0.025: "m-lo-95", 0.1: "m-lo-80", 0.3: "m-lo-40", 0.5: "m", 0.7: "m-hi-40", 0.9: "m-hi-80", 0.975: "m-hi-95"}


def scored(name: str, factor: float = 1.0, frame: pd.DataFrame = FRAME, **options: object) -> Floats:
    """A loss of utilsforecast by series."""
    options.setdefault("models", ["m"])
    found = getattr(losses, name)(frame.drop(columns="cutoff"), **options)
    return np.asarray(found["m"], dtype=np.float64) * factor


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("mae", lambda: scored("mae")),
        ("rmse", lambda: scored("rmse")),
        ("smape", lambda: scored("smape", 200.0)),  # a share of 1 there, M4's 0 to 200 here
        ("coverage_80", lambda: scored("coverage", level=80)),
        ("coverage_95", lambda: scored("coverage", level=95)),
        ("pinball_0.1", lambda: scored("quantile_loss", models={"m": "m-lo-80"}, q=0.1)),
        ("pinball_0.7", lambda: scored("quantile_loss", models={"m": "m-hi-40"}, q=0.7)),
        ("crps", lambda: scored("mqloss", 2.0, models={"m": list(NAMES.values())}, quantiles=LEVELS)),
        (
            "wql",
            lambda: scored(
                "scaled_crps",
                models={"m": [NAMES[level] for level in (0.1, 0.3, 0.5, 0.7, 0.9)]},
                quantiles=np.array([0.1, 0.3, 0.5, 0.7, 0.9]),
            ),
        ),
    ],
)
def test_metrics_by_series_are_those_of_utilsforecast(ours: str, theirs: object) -> None:
    assert callable(theirs)
    np.testing.assert_allclose(TALLY.by_series(SCALES)[ours], theirs(), rtol=1e-12)


@pytest.mark.parametrize("name", ["mase", "rmsse"])
def test_scaled_errors_are_those_of_utilsforecast(name: str) -> None:
    panel = walks(90, 60, 75, season=7)
    origins = last_origins(panel, 12, 5)
    quantiles = guesses(origins)
    ids = np.repeat(panel.ids, np.diff(panel.starts))
    past = np.concatenate([np.arange(panel.starts[i], origins.first[i]) for i in range(3)])
    train = pd.DataFrame({"unique_id": ids[past], "ds": past, "y": panel.values[past]})
    frame = backtest_frame(origins, LEVELS, {"m": quantiles})
    theirs = scored(name, frame=frame, seasonality=7, train_df=train)
    ours = Tally.of(origins, quantiles, LEVELS).by_series(Scales.of(panel, origins.first))[name]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_the_crps_of_each_forecast_is_that_of_scoringrules() -> None:
    crps = scoringrules.crps_quantile(ORIGINS.actual(), QUANTILES, LEVELS, backend="numpy")
    np.testing.assert_allclose(TALLY.losses, np.nanmean(crps, axis=1), rtol=1e-12)


def test_averages_are_over_series_of_what_each_has() -> None:
    overall = TALLY.overall(SCALES)
    by_series = TALLY.by_series(SCALES)
    for name in ("mae", "rmse", "mase", "smape", "crps", "coverage_80", "width_95"):
        assert overall[name] == pytest.approx(by_series[name].mean())
    by_horizon = TALLY.by_horizon(SCALES)
    error = np.abs(QUANTILES[:, :, 3] - ORIGINS.actual())
    one = [np.nanmean(error[ORIGINS.series == i], axis=0) for i in range(3)]
    np.testing.assert_allclose(by_horizon["mae"], np.mean(one, axis=0))
    weighted = 2 * TALLY.pinball[:, :, 1:6].mean(axis=2).sum() / np.nansum(np.abs(ORIGINS.actual()))
    assert overall["wql"] == pytest.approx(weighted), "of all series together, as GluonTS has it"


def test_widths_and_coverage_are_known_of_the_intervals_that_have_both_ends() -> None:
    found = Tally.of(ORIGINS, QUANTILES[:, :, [1, 3, 5]], [0.1, 0.5, 0.9]).overall(SCALES)
    assert found["width_80"] == pytest.approx(2 * 1.2816 * (1 + 100 + 1) / 3, rel=1e-4)
    assert "coverage_95" not in found


def test_parts_give_the_sums_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "_AT_ONCE", 100)
    shuffled = np.random.default_rng(0).permutation(len(ORIGINS))
    origins = Origins(PANEL, ORIGINS.series[shuffled], ORIGINS.rows[shuffled], 5)
    parts = Tally.of(origins, QUANTILES[shuffled], LEVELS)
    np.testing.assert_allclose(parts.pinball, TALLY.pinball, rtol=1e-12)
    np.testing.assert_array_equal(parts.losses, TALLY.losses[shuffled])
    assert parts.overall(SCALES) == pytest.approx(TALLY.overall(SCALES))


def test_a_series_without_a_scale_or_outcomes_is_left_out() -> None:
    panel = panel_of([3.0, 3.0, 3.0, 4.0], [1.0, 2.0, 4.0, 8.0], [1.0, 2.0, 4.0, np.nan])
    origins = last_origins(panel, 1, 1)
    scales = Scales.of(panel, origins.first)
    assert scales.left_out.tolist() == [0]
    found = Tally.of(origins, np.full((3, 1, 1), 5.0), [0.5])
    assert found.overall(scales)["mase"] == 3.0 / 1.5
    assert found.overall(scales)["mae"] == 2.0
    np.testing.assert_array_equal(found.by_series(scales)["mae"], [1.0, 3.0, np.nan])


def test_scales_see_nothing_from_the_first_origin_on_and_pass_over_gaps() -> None:
    panel = panel_of([1.0, np.nan, 5.0, 7.0, 1e6], [0.1 + 0.2, 0.3, 0.3, 0.3, 0.3])
    scales = Scales.of(panel, np.array([4, 9]))
    np.testing.assert_array_equal(scales.absolute, [2.0, np.nan])
    seasonal = Scales.of(panel, np.array([4, 9]), season=2)
    np.testing.assert_array_equal(seasonal.squared, [16.0, np.nan])
    assert np.isnan(Scales.of(panel, np.array([4, 9]), season=9).absolute).all()


@pytest.mark.parametrize(
    ("quantiles", "levels", "error", "message"),
    [
        (QUANTILES[:-1], LEVELS, ShapeError, "expected .36, 5, 7."),
        (np.where(QUANTILES > 30, np.nan, QUANTILES), LEVELS, ArgumentError, "NaN or infinite"),
        (QUANTILES, LEVELS[::-1], ArgumentError, "increasing numbers between 0 and 1"),
        (QUANTILES[:, :, :2], [0.1, 0.9], ArgumentError, "0.5 among them"),
    ],
)
def test_what_cannot_be_scored_is_refused(quantiles: Floats, levels: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        Tally.of(ORIGINS, quantiles, levels)
