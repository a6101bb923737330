"""Conformal intervals of single series: their coverage, each column by itself, and what cannot be calibrated."""

import math

import numpy as np
import pytest

import chainrule
from chainrule.errors import ArgumentError, TooShortError
from chainrule.runs.kinds.series.run import SeriesRun
from chainrule.runs.scoring.backtest import paths_from
from chainrule.runs.scoring.series_conformal import adapt_intervals

pytestmark = pytest.mark.usefixtures("without_figures")

STEPS = 600


def restless(columns: int = 2) -> np.ndarray:
    """Noise that is three times as large over the last fifth, where no model was fitted to it."""
    noise = np.random.default_rng(0).normal(size=(STEPS, columns))
    noise[-STEPS // 5 :] *= 3
    return 50 + noise


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SeriesRun:
    out = tmp_path_factory.mktemp("conformal") / "run"
    fitted = chainrule.fit(restless(), "ar", window=2, reading=chainrule.Reading(transform="none"), out=out, quiet=True)
    assert isinstance(fitted, SeriesRun)
    return fitted


def test_a_forecast_moves_by_the_ranked_misses_of_the_test_part(run: SeriesRun) -> None:
    own = run.forecast(4, seed=3)
    moved = run.forecast(4, seed=3, intervals="conformal")
    values = run.series.values
    origins = list(range(STEPS - STEPS // 10, STEPS - 3))
    drawn = np.quantile(paths_from(run.model, values, origins, 4, paths=200, seed=3), own.levels, axis=1)
    rank = math.ceil((len(origins) + 1) * 0.8)
    for h in range(4):
        for c in range(2):
            happened = np.array([values[t + h, c] for t in origins])
            misses = np.maximum(drawn[0, :, h, c] - happened, happened - drawn[2, :, h, c])
            shift = np.sort(misses)[rank - 1]
            assert shift > 0
            low, middle, high = own.quantiles[:, h, c]
            np.testing.assert_allclose(moved.quantiles[:, h, c], (low - shift, middle, high + shift))
    np.testing.assert_array_equal(own.paths, moved.paths)


def test_a_backtest_s_intervals_come_to_cover_what_they_say(run: SeriesRun) -> None:
    own = run.backtest(horizon=2)
    adapted = run.backtest(horizon=2, intervals="conformal")
    assert own.rows["model"].coverage_80 < 0.55
    assert own.rows["model"].coverage_80 + 0.1 < adapted.rows["model"].coverage_80 < 0.9
    assert adapted.rows["model"].crps == own.rows["model"].crps
    assert {**adapted.rows, "model": None} == {**own.rows, "model": None}
    assert "adaptive conformal" in " ".join(str(adapted).split())
    assert "conformal" not in str(own)


def test_columns_are_adapted_each_by_itself() -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=(60, 3)) * (1, 5, 20)
    origins = list(range(20, 55))
    quantiles = np.sort(random.normal(size=(5, len(origins), 4, 3)), axis=0)
    levels = (0.1, 0.2, 0.5, 0.8, 0.9)
    scale = np.array([1.0, 4.0, 9.0])
    together = adapt_intervals(quantiles, values, origins, levels, scale)
    assert not np.array_equal(together, quantiles)
    for c in range(3):
        one = slice(c, c + 1)
        alone = adapt_intervals(quantiles[..., one], values[:, one], origins, levels, scale[one])
        np.testing.assert_array_equal(together[..., one], alone)


def test_no_outcome_from_after_an_origin_moves_its_interval() -> None:
    random = np.random.default_rng(2)
    values = random.normal(size=(60, 1))
    origins = list(range(10, 50))
    quantiles = np.sort(random.normal(size=(3, len(origins), 5, 1)), axis=0) * 0.1
    levels = (0.1, 0.5, 0.9)
    other = values.copy()
    other[30:] = 100.0
    kept, changed = (adapt_intervals(quantiles, x, origins, levels, np.ones(1)) for x in (values, other))
    known = [k for k, t in enumerate(origins) if t <= 30]
    np.testing.assert_array_equal(kept[:, known], changed[:, known])
    assert not np.array_equal(kept, changed)


def test_what_cannot_be_calibrated(run: SeriesRun) -> None:
    with pytest.raises(ArgumentError, match=r"levels are .* with 0\.5 among them"):
        run.forecast(4, quantiles=(0.1, 0.9), intervals="conformal")
    with pytest.raises(ArgumentError, match="expected with each of them also what it lacks to 1"):
        run.forecast(4, quantiles=(0.5, 0.9), intervals="conformal")
    with pytest.raises(TooShortError, match=r"95 % intervals need 19 known outcomes"):
        run.forecast(50, quantiles=(0.025, 0.5, 0.975), intervals="conformal")
    with pytest.raises(TooShortError, match="a horizon of 80 needs 80 held-out steps"):
        run.forecast(80, intervals="conformal")
    with pytest.raises(ArgumentError, match="expected one of model, conformal"):
        run.backtest(intervals="exact")  # type: ignore[arg-type]
