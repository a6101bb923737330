"""Runs of panels: every model and head fits, saves, resumes, scores and forecasts; wrong questions are answered."""

import shutil
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import chainrule
from chainrule import Reading
from chainrule.data import Panel
from chainrule.errors import ArgumentError, ChainruleError, DataError
from chainrule.models.panels import HEADS
from chainrule.runs.kinds.panels.files import load_panel, save_panel
from chainrule.runs.kinds.panels.run import PanelRun
from chainrule.runs.kinds.registry import KINDS
from tests.models.panels.cases import dated_panel
from tests.runs.cases import panel, same_weights

pytestmark = pytest.mark.usefixtures("without_figures")

CASES = list(zip(KINDS["panel"].models, cycle(HEADS), strict=False))
SMALL: dict[str, Any] = {"horizon": 4, "quiet": True, "training": {"batch": 2}}


def counts(seed: int = 0) -> Panel:
    """Whole numbers, which every head takes."""
    made = panel(seed=seed)
    return replace(made, values=made.values.round())


def fitted(out: Path, model: str = "gru", data: Any = None, **options: Any) -> PanelRun:
    sizes = {} if model == "ar" else {"hidden": 4}
    run = chainrule.fit(counts() if data is None else data, model, out=out, **(sizes | SMALL | options))
    assert isinstance(run, PanelRun)
    return run


@pytest.mark.sampled(0)
@pytest.mark.parametrize(("model", "head"), CASES)
def test_it_fits_resumes_and_forecasts(model: str, head: str, tmp_path: Path) -> None:
    options = {"head": head, "window": 16}
    whole = fitted(tmp_path / "whole", model, steps=8, **options)
    fitted(tmp_path / "parts", model, steps=4, training={"batch": 2, "refit": False}, **options)
    score = whole.result
    assert score is not None
    assert list(score.rows) == [model, "naive", "seasonal naive", "drift"]
    loaded = chainrule.load(tmp_path / "whole")
    assert isinstance(loaded, PanelRun)
    same_weights(loaded.model.state_dict(), whole.model.state_dict())
    assert loaded.score().rows == score.rows
    forecast = loaded.forecast(3)
    assert forecast.quantiles.shape == (5, 3, 3)
    assert (np.diff(forecast.quantiles, axis=-1) >= 0).all()


def test_a_panel_is_kept_as_it_was(tmp_path: Path) -> None:
    data = dated_panel()
    save_panel(data, tmp_path / "panel.safetensors")
    kept = load_panel(tmp_path / "panel.safetensors", data.name)
    for one, other in zip(data.arrays, kept.arrays, strict=True):
        np.testing.assert_array_equal(one, other)
    for name in ("ids", "target", "freq", "timezone", "season", "covariates", "name"):
        assert getattr(kept, name) == getattr(data, name)
    np.testing.assert_array_equal(kept.dates, data.dates)


@pytest.fixture(scope="module")
def sales(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """Sales that fall with the price, in a file with every kind of covariate."""
    random = np.random.default_rng(0)
    frames = []
    for k in range(6):
        days = 90 + 5 * k
        price = random.uniform(1, 3, days).round(2)
        units = 60 - 10 * price + 5 * np.sin(2 * np.pi * np.arange(days) / 7) + random.standard_normal(days)
        day = pd.date_range("2024-01-01", periods=days)
        beside = {"price": price, "visits": random.random(days), "region": "NS"[k % 2]}
        frames.append(pd.DataFrame({"store": f"s{k}", "day": day, "units": units, **beside}))
    frame = pd.concat(frames)
    path = tmp_path_factory.mktemp("sales") / "sales.parquet"
    frame.to_parquet(path)
    return path, frame


OF_SALES = Reading(
    id="store", columns=("units",), known=("price",), past=("visits",), static=("region",), calendar=("weekday",)
)


def ahead(frame: pd.DataFrame, days: int, price: float) -> pd.DataFrame:
    """Rows of what is known of the days after the end of each store."""
    rows = []
    for store, own in frame.groupby("store", sort=False):
        day = pd.date_range(own["day"].max() + pd.Timedelta(days=1), periods=days)
        rows.append(pd.DataFrame({"store": store, "day": day, "price": price, "region": own["region"].iloc[0]}))
    return pd.concat(rows)


@pytest.fixture(scope="module")
def of_sales(sales: tuple[Path, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> PanelRun:
    out = tmp_path_factory.mktemp("runs") / "sales"
    return fitted(out, data=sales[0], reading=OF_SALES, horizon=7, hidden=8, steps=60)


def test_what_is_known_ahead_must_be_there_and_counts(of_sales: PanelRun, sales: tuple[Path, pd.DataFrame]) -> None:
    with pytest.raises(DataError, match=r"price of .* must be known ahead for 7 steps, .* 2024-03-31"):
        of_sales.forecast()
    with pytest.raises(DataError, match=r"price of .* must be known ahead for 7 steps"):
        of_sales.forecast(data=ahead(sales[1], 6, 1.0))
    cheap = of_sales.forecast(data=ahead(sales[1], 7, 1.0))
    dear = of_sales.forecast(data=ahead(sales[1], 7, 3.0))
    assert cheap.quantiles[..., 1].mean() > dear.quantiles[..., 1].mean() + 5
    assert of_sales.forecast(2, data=ahead(sales[1], 2, 1.0)).quantiles.shape == (6, 2, 3)


def test_rows_without_a_target_are_no_end(of_sales: PanelRun, sales: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    run = chainrule.load(shutil.copytree(of_sales.path, tmp_path / "run"))
    assert isinstance(run, PanelRun)
    before = run.since
    assert run.update(ahead(sales[1], 5, 2.0)).since == before


def test_what_came_since_moves_the_state_on(of_sales: PanelRun, sales: tuple[Path, pd.DataFrame]) -> None:
    frame = sales[1]
    new = ahead(frame, 3, 2.0).assign(units=40.0, visits=0.5)
    later = ahead(frame, 10, 2.0).groupby("store").tail(7)
    both = pd.concat([new, later])
    expected = of_sales.forecast(data=both)
    updated = chainrule.load(of_sales.path)
    assert isinstance(updated, PanelRun)
    updated.update(new)
    assert "6 series" in updated.since
    again = updated.forecast(data=later)
    np.testing.assert_array_equal(again.quantiles, expected.quantiles)
    np.testing.assert_array_equal(again.dates, expected.dates)
    (updated.path / "updated.safetensors").unlink()


def test_a_new_series_is_forecast_too(of_sales: PanelRun, sales: tuple[Path, pd.DataFrame]) -> None:
    frame = sales[1]
    new = frame[frame["store"] == "s1"].assign(store="new")
    known = pd.concat([new, ahead(pd.concat([frame, new]), 7, 2.0)])
    assert of_sales.forecast(data=known).ids == ("s0", "s1", "s2", "s3", "s4", "s5", "new")


def test_backtests(of_sales: PanelRun, sales: tuple[Path, pd.DataFrame]) -> None:
    result = of_sales.backtest(stride=2, baselines=("naive", "theta"))
    assert list(result.rows) == ["gru", "naive", "theta"]
    moved = of_sales.backtest(stride=2, baselines=(), intervals="conformal")
    assert "(adaptive conformal)" in " ".join(str(moved).split())
    frame = result.to_frame()
    assert {"unique_id", "ds", "cutoff", "y", "gru", "gru-lo-80"} <= {*frame.columns}
    own = of_sales.backtest(stride=1, baselines=())
    cold = of_sales.backtest(sales[1], baselines=())
    shared = {
        (int(i), int(row)): k for k, (i, row) in enumerate(zip(own.origins.series, own.origins.rows, strict=True))
    }
    pairs = [
        (k, shared[int(i), int(row)])
        for k, (i, row) in enumerate(zip(cold.origins.series, cold.origins.rows, strict=True))
        if (int(i), int(row)) in shared
    ]
    assert pairs
    of_cold = np.stack([cold.forecasts["gru"][k] for k, _ in pairs])
    of_own = np.stack([own.forecasts["gru"][k] for _, k in pairs])
    np.testing.assert_allclose(of_cold, of_own, rtol=1e-6)


def test_conformal_intervals(of_sales: PanelRun, sales: tuple[Path, pd.DataFrame]) -> None:
    known = ahead(sales[1], 7, 2.0)
    own = of_sales.forecast(data=known, quantiles=(0.1, 0.5, 0.9))
    moved = of_sales.forecast(data=known, quantiles=(0.1, 0.5, 0.9), intervals="conformal")
    assert not np.allclose(own.quantiles, moved.quantiles)
    np.testing.assert_allclose(own.quantiles[..., 1], moved.quantiles[..., 1])
    with pytest.raises(ArgumentError, match=r"calibrated at the levels .* and `quantiles` asks for 0\.33"):
        of_sales.forecast(data=known, quantiles=(0.33,), intervals="conformal")


QUESTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("forecast", {"horizon": 8}, "`horizon` is 8, and .* learned to forecast 7 steps. Ask for at most these"),
    ("forecast", {"paths": 10}, "`paths` draw futures of one series; models of panels give quantiles"),
    ("forecast", {"quantiles": ()}, "no quantiles were asked for"),
    ("forecast", {"quantiles": (0.001,)}, r"learns those from 0\.025 to 0\.975"),
    ("forecast", {"intervals": "exact"}, "`intervals` is 'exact'; expected one of model, conformal"),
    ("backtest", {"seed": 1}, "`seed` draw futures"),
    ("backtest", {"stride": 0}, "stride"),
    ("backtest", {"baselines": ("naiv",)}, "Did you mean 'naive'"),
    ("sample", {}, "cannot sample: its model is gru, fitted to the panel"),
    ("look", {}, "cannot be inspected through time"),
    ("classify", {"files": "x.png"}, "cannot classify"),
    ("score", {"adapt": "weights"}, "which is for symbols"),
]


@pytest.mark.parametrize(("asked", "options", "message"), QUESTIONS)
def test_wrong_questions(
    of_sales: PanelRun, sales: tuple[Path, pd.DataFrame], asked: str, options: dict[str, Any], message: str
) -> None:
    if asked == "forecast":
        options = options | {"data": ahead(sales[1], 7, 1.0)}
    with pytest.raises(ChainruleError, match=message):
        getattr(of_sales, asked)(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "negative-binomial"}, "is of counts, 0, 1, 2 and so on"),
        ({"horizon": 400}, "a horizon of 400 needs at least 1201"),
        ({"horizon": 0}, "`horizon` is 0"),
        ({"model": "ngram"}, "panels can be fitted by .*, not by ngram"),
    ],
)
def test_what_cannot_be_fitted(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ChainruleError, match=message):
        chainrule.fit(panel(), out=tmp_path / "run", steps=2, quiet=True, **options)
    assert not (tmp_path / "run").exists()


@pytest.mark.sampled(0)
@pytest.mark.parametrize("values", ["constant", "zeros", "gaps", "huge", "one series"])
def test_odd_series(values: str, tmp_path: Path) -> None:
    """They fit, score and forecast, finite throughout."""
    data = counts()
    odd = data.values.copy()
    first = slice(int(data.starts[0]), int(data.starts[1]))
    if values == "one series":
        data = Panel(odd[first], data.starts[:2], data.ids[:1], season=7)
    elif values == "gaps":
        odd[np.random.default_rng(0).random(len(odd)) < 0.5] = np.nan
        data = replace(data, values=odd)
    else:
        odd[first] = {"constant": 7.0, "zeros": 0.0, "huge": 1e30}[values]
        data = replace(data, values=odd)
    run = fitted(tmp_path / "run", data=data, steps=4)
    assert run.result is not None
    assert np.isfinite(run.result.rows["gru"].crps)
    assert np.isfinite(run.forecast().quantiles).all()
