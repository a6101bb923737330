"""Runs of real series: densities in the data's units, the test part unseen, new data under the run's own terms."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import chainrule
from chainrule import Reading, Run
from chainrule.data import split_steps
from chainrule.errors import ArgumentError, DataError, RunFormatError, ShapeError, TooShortError, TransformError
from chainrule.models import SeriesModel
from chainrule.runs import Score
from chainrule.runs.kinds.series.run import SeriesRun
from chainrule.runs.scoring.baselines import Iid, RandomWalk, SeasonalNaive
from chainrule.runs.scoring.metrics import coverage, mae, mase, mase_scale, rmse
from chainrule.training import load_tensors
from chainrule.training.evaluation import held_out as evaluation
from tests.runs.cases import ar1, arranged, daily, same_weights, series, write_csv
from tests.tolerances import LEAST_SQUARES, RELATIVE

pytestmark = pytest.mark.usefixtures("without_figures")

TINY = RELATIVE[torch.float64]
CLOSE = RELATIVE[torch.float32]


def scored(run: Run, data: object = None) -> Score:
    score = run.score(data)  # type: ignore[arg-type]
    assert isinstance(score, Score)
    return score


def test_the_score_is_the_models_log_prob_of_the_last_tenth(series_run: Run) -> None:
    assert isinstance(series_run.model, SeriesModel)
    with torch.no_grad():
        by_hand = series_run.model.log_prob(torch.from_numpy(ar1())[None])[0, 270:].numpy()
    score = scored(series_run)
    assert score.count == 30
    np.testing.assert_allclose(score.log_prob, by_hand, rtol=TINY)


def test_the_density_is_in_the_datas_own_units(series_run: Run) -> None:
    """AR(1) with unit noise has an entropy of log(2 pi e) / 2 nats a step, whatever the scaling inside."""
    assert scored(series_run).nats == pytest.approx(0.5 * np.log(2 * np.pi * np.e), abs=0.3)


@pytest.mark.parametrize("transform", ["none", "difference", "log-return"])
def test_scores_compare_across_transforms(transform: Any, series_run: Run, tmp_path: Path) -> None:
    data = series()
    run = chainrule.fit(data, "ar", window=3, reading=Reading(transform=transform), out=tmp_path / "run", quiet=True)
    standardised = scored(series_run).log_prob
    # Least squares commutes with an affine map; differences and logarithms are other models of the same process.
    bound = 1e-6 if transform == "none" else 0.8
    assert isinstance(run.result, Score)
    np.testing.assert_allclose(run.result.log_prob, standardised, atol=bound)


def test_the_units_of_the_data_shift_the_score_by_their_log_and_scale_the_errors(tmp_path: Path) -> None:
    scores = []
    for i, factor in enumerate((1.0, 1000.0)):
        run = chainrule.fit(series(ar1() * factor), "ar", window=2, out=tmp_path / str(i), quiet=True)
        scores.append(scored(run))
    first, second = scores
    np.testing.assert_allclose(second.log_prob, first.log_prob - np.log(1000), rtol=1e-6)
    for name, log_prob in first.baselines.items():
        np.testing.assert_allclose(second.baselines[name], log_prob - np.log(1000), rtol=1e-6)
    assert second.errors["model"].mae == pytest.approx(1000 * first.errors["model"].mae, rel=1e-6)
    assert second.errors["model"].mase == pytest.approx(first.errors["model"].mase, rel=1e-6)


def test_baselines_and_their_errors_equal_a_direct_computation(tmp_path: Path) -> None:
    x = ar1(200)
    data = series(x, season=7)
    score = scored(chainrule.fit(data, "ar", window=2, out=tmp_path / "run", quiet=True))
    train = x[:160]
    test = x[180:]
    walk = RandomWalk.fit(train, "gaussian")
    seasonal = SeasonalNaive.fit(train, 7, "gaussian")
    np.testing.assert_allclose(score.baselines["random walk"], walk.log_density(x, 180), rtol=TINY)
    np.testing.assert_allclose(score.baselines["seasonal naive"], seasonal.log_density(x, 180), rtol=TINY)
    np.testing.assert_allclose(score.baselines["i.i.d."], Iid.fit(train, "gaussian").log_density(test), rtol=TINY)
    for name, lag, law in (("random walk", 1, walk), ("seasonal naive", 7, seasonal)):
        wrong = x[180 - lag : -lag] - test
        spread = 1.2815515655446004 * law.change.scale
        errors = score.errors[name]
        assert errors.mae == pytest.approx(mae(wrong))
        assert errors.rmse == pytest.approx(rmse(wrong))
        assert errors.mase == pytest.approx(mase(wrong, mase_scale(train, 7)))
        assert errors.coverage_80 == coverage(wrong - spread, wrong + spread, np.zeros_like(wrong))


def test_the_errors_are_those_of_the_predicted_medians_and_intervals(series_run: Run) -> None:
    assert isinstance(series_run.model, SeriesModel)
    x = torch.from_numpy(ar1())
    with torch.no_grad():
        levels = torch.tensor([0.025, 0.5, 0.975], dtype=torch.float64)
        low, median, high = series_run.model.quantiles(x[None], levels)[:, 0, 270:].numpy()
    errors = scored(series_run).errors["model"]
    actual = x[270:].numpy()
    assert errors.mae == pytest.approx(mae(median - actual))
    assert errors.coverage_95 == coverage(low, high, actual)


def test_the_test_part_touches_no_weight_and_no_scale(tmp_path: Path) -> None:
    clean = ar1()
    poisoned = ar1()
    poisoned[270:] = 1e4
    weights = []
    transforms = []
    for i, values in enumerate((clean, poisoned)):
        run = chainrule.fit(series(values), "gru", hidden=4, window=8, steps=6, out=tmp_path / str(i), quiet=True)
        weights.append(load_tensors(run.path / "best.safetensors")[0])
        transforms.append(run.config.data.transform)
    same_weights(*weights)
    assert transforms[0] == transforms[1]


def test_scores_do_not_depend_on_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = chainrule.fit(series(), "conv", hidden=4, window=8, steps=2, out=tmp_path / "run", quiet=True)
    whole = scored(run).log_prob
    monkeypatch.setattr(evaluation, "_CHUNK", 7)
    np.testing.assert_allclose(scored(run).log_prob, whole, rtol=CLOSE, atol=CLOSE)


def test_a_loaded_run_scores_the_same_bits_without_the_source(series_run: Run, tmp_path: Path) -> None:
    source = write_csv(tmp_path / "x.csv", ar1(), daily(300))
    run = chainrule.fit(source, "lstm", hidden=4, window=8, steps=2, out=tmp_path / "run", quiet=True)
    source.unlink()
    again = chainrule.load(run.path)
    assert isinstance(run.result, Score)
    np.testing.assert_array_equal(scored(again).log_prob, run.result.log_prob)
    np.testing.assert_array_equal(again.forecast(4, paths=5).paths, run.forecast(4, paths=5).paths)


def test_new_data_is_scored_after_its_first_season_with_the_runs_season_and_baselines(tmp_path: Path) -> None:
    run = chainrule.fit(series(ar1(200), season=7), "ar", window=2, out=tmp_path / "run", quiet=True)
    new = series(ar1(60, seed=1), season=12)  # a season of its own, which is not the run's
    score = scored(run, new)
    assert score.count == 53
    assert score.of == "noise, steps 8 to 60"
    seasonal = SeasonalNaive.fit(ar1(200)[:160], 7, "gaussian")
    np.testing.assert_allclose(score.baselines["seasonal naive"], seasonal.log_density(new.values, 7), rtol=TINY)
    with pytest.raises(TooShortError, match="8 steps; at least 9 are needed"):
        run.score(replace(new, values=new.values[:8]))
    with pytest.raises(DataError, match="columns a, b; the model was fitted to the columns a"):
        run.score(series(ar1(60, columns=2)))


def test_new_data_is_read_as_the_runs_own_was(tmp_path: Path) -> None:
    values = ar1(120, columns=2)
    source = write_csv(tmp_path / "x.csv", values, daily(120))
    run = chainrule.fit(
        source,
        "ar",
        window=2,
        reading=Reading(columns=("b",), transform="difference"),
        out=tmp_path / "run",
        quiet=True,
    )
    by_file = scored(run, write_csv(tmp_path / "y.csv", values[40:], daily(80)))
    by_hand = scored(run, series(values[40:, 1:]))
    np.testing.assert_array_equal(by_file.log_prob, by_hand.log_prob)


def test_several_columns_are_scored_together(tmp_path: Path) -> None:
    run = chainrule.fit(
        series(ar1(150, columns=3)), "mlp", hidden=4, window=4, steps=2, head="student", out=tmp_path / "r", quiet=True
    )
    assert isinstance(run.model, SeriesModel)
    assert scored(run).count == 15
    assert np.asarray(run.sample(5)).shape == (5, 3)


def test_an_exactly_repeating_season_leaves_the_random_walk_as_the_only_naive_forecast(tmp_path: Path) -> None:
    repeating = np.tile([1.0, 2.0, 4.0, 3.0], 40)[:, None]
    run = chainrule.fit(series(repeating, season=4), hidden=4, steps=2, out=tmp_path / "run", quiet=True)
    score = scored(run)
    assert list(score.baselines) == ["i.i.d.", "random walk"]
    assert 0 < score.errors["model"].mase < 10
    assert set(run.backtest(horizon=3, paths=4).rows) == {"model", "random walk"}


@pytest.mark.parametrize(
    ("values", "options", "error", "message"),
    [
        (ar1(9), {}, TooShortError, "9 steps, and a window of 1 needs at least 10"),
        (ar1(60), {"window": 64}, TooShortError, "60 steps, and a window of 64 needs at least 83.*smaller `window`"),
        (np.ones((50, 1)), {}, TransformError, "are all 1"),
        (np.arange(60.0)[:, None] - 20, {"reading": Reading(transform="log-return")}, TransformError, "positive"),
        (ar1(60), {"model": "ar", "window": 30, "steps": None}, TooShortError, "needs at least 62 steps"),
        (ar1(60), {"model": "ar"}, ArgumentError, "solved exactly, without training or chance. Leave out `steps`"),
        *(
            (
                ar1(60),
                {"model": "ar", "steps": None, name: value},
                ArgumentError,
                f"solved exactly, .* Leave out `{name}`",
            )
            for name, value in {"learning_rate": 0.005, "weight_decay": 0.01, "batch": 4, "clip": 2.0}.items()
        ),
        (np.arange(60.0)[:, None], {"model": "ar", "steps": None}, DataError, "without any error"),
        (ar1(60), {"tied": True}, ArgumentError, "tied"),
        (
            ar1(60),
            {"model": "ar", "hidden": 8},
            ArgumentError,
            "`hidden=8` applies to .*lstm, not to ar",
        ),
        (
            np.where(np.arange(60) % 10, 0.0, np.arange(60))[:, None],
            {"head": "student"},
            DataError,
            '`head="gaussian"`',
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_anything_is_written_or_trained(
    values: np.ndarray, options: dict[str, object], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        chainrule.fit(series(values), **arranged({"steps": 1, "quiet": True, "out": tmp_path / "run"} | options))
    assert not (tmp_path / "run").exists()


@pytest.mark.sampled(0)
@pytest.mark.parametrize("steps", [10, 11, 13, 19])
@pytest.mark.parametrize("transform", ["standardise", "difference"])
def test_the_shortest_series_run_through(steps: int, transform: Any, tmp_path: Path) -> None:
    reading = Reading(transform=transform)
    run = chainrule.fit(series(ar1(steps)), hidden=2, steps=1, reading=reading, out=tmp_path / "run", quiet=True)
    assert scored(run).count == round(steps / 10)
    assert run.forecast(3, paths=3).quantiles.shape == (3, 3, 1)
    assert run.backtest(horizon=1, paths=3).origins >= 1


def test_samples_continue_the_series_or_the_prompt(series_run: Run) -> None:
    assert series_run.refit is not None
    assert isinstance(series_run.refit.model, SeriesModel)
    own = series_run.refit.model.sample(4, torch.from_numpy(ar1()), seed=2).numpy()
    np.testing.assert_array_equal(series_run.sample(4, seed=2), own)
    np.testing.assert_array_equal(series_run.sample(4, prompt=ar1(), seed=2), own)
    assert not np.array_equal(series_run.sample(4, prompt=[[60.0], [61.0]], seed=2), own)
    with pytest.raises(ArgumentError, match="top_k"):
        series_run.sample(4, top_k=3)
    with pytest.raises(ArgumentError, match=r"It can .*score"):
        series_run.classify(["x.png"])


def test_a_run_whose_series_is_another_file_is_broken(series_run: Run, tmp_path: Path) -> None:
    for path in series_run.path.glob("*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "series.safetensors").write_bytes((tmp_path / "best.safetensors").read_bytes())
    with pytest.raises(RunFormatError, match=r"series\.safetensors holds no series"):
        chainrule.load(tmp_path).score()


def test_the_regression_of_a_linear_ar_is_that_of_statsmodels(series_run: Run) -> None:
    from statsmodels.tsa.ar_model import AutoReg

    assert isinstance(series_run, SeriesRun)
    train = series_run.series.values[: split_steps(len(series_run.series.values))[0], 0]
    theirs = AutoReg(train, 3).fit()
    ours = series_run.regression
    np.testing.assert_allclose(ours.intercept.numpy(), theirs.params[:1], rtol=LEAST_SQUARES, atol=LEAST_SQUARES)
    np.testing.assert_allclose(ours.coefficients[:, 0, 0].numpy(), theirs.params[1:], rtol=LEAST_SQUARES)
    np.testing.assert_allclose(ours.residual_variance.numpy(), theirs.sigma2, rtol=LEAST_SQUARES)
    np.testing.assert_allclose(ours.log_likelihood, theirs.llf, rtol=LEAST_SQUARES)


def test_only_a_linear_ar_has_a_regression(tmp_path: Path) -> None:
    run = chainrule.fit(series(), hidden=4, window=8, steps=1, out=tmp_path / "run", quiet=True)
    assert isinstance(run, SeriesRun)
    with pytest.raises(ArgumentError, match="not fitted by least squares"):
        _ = run.regression


@pytest.mark.parametrize("prompt", [[], [1.0, float("nan")], [[1.0, 2.0]], [[[1.0]]]])
def test_a_prompt_that_is_no_series_is_refused(series_run: Run, prompt: object) -> None:
    with pytest.raises(ShapeError, match=r"a prompt must be finite values \(steps, 1\)"):
        series_run.sample(3, prompt=prompt)
