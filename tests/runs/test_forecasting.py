"""Forecasts: quantiles of the model's own paths, on dates that continue the calendar."""

import csv
import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import chainrule
from chainrule import Run
from chainrule.errors import ArgumentError
from chainrule.models import SeriesModel
from chainrule.runs.forecasting import future_dates
from tests.runs.cases import ar1, series

BUSINESS = pd.bdate_range("2021-01-04", periods=60).to_numpy()


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (pd.date_range("1950", periods=40, freq="YS"), ["1990-01-01", "1991-01-01", "1992-01-01"]),
        (pd.date_range("2020-01-31", periods=14, freq="ME"), ["2021-03-31", "2021-04-30", "2021-05-31"]),
        (pd.date_range("2020-01-01", periods=14, freq="MS"), ["2021-03-01", "2021-04-01", "2021-05-01"]),
        (pd.date_range("2020-01-01", periods=4, freq="QS"), ["2021-01-01", "2021-04-01", "2021-07-01"]),
        (pd.date_range("2021-01-06", periods=9, freq="W-WED"), ["2021-03-10", "2021-03-17", "2021-03-24"]),
        (pd.date_range("2021-02-20", periods=7), ["2021-02-27", "2021-02-28", "2021-03-01"]),
        (BUSINESS, ["2021-03-29", "2021-03-30", "2021-03-31"]),
        (np.delete(BUSINESS, [10, 29, 30]), ["2021-03-29", "2021-03-30", "2021-03-31"]),  # holidays
        (pd.date_range("2020-01-15", periods=14, freq="MS") + pd.Timedelta("14D"), ["2021-04-15", "2021-05-15"]),
        (pd.date_range("2021-01-01", periods=9, freq="15min"), ["2021-01-01T02:15", "2021-01-01T02:30"]),
    ],
)
def test_dates_go_on_by_the_rule_of_the_last_ones(dates: pd.DatetimeIndex, expected: list[str]) -> None:
    future = future_dates(np.asarray(dates, dtype="datetime64[ns]"), len(expected))
    assert future is not None
    np.testing.assert_array_equal(future, np.array(expected, dtype="datetime64[us]"))


def test_dates_without_a_rule_leave_the_steps_numbered() -> None:
    days = np.cumsum([1, 5, 2, 9, 1, 1, 14, 3])
    assert future_dates((np.datetime64("2021-01-01") + days).astype("datetime64[ns]"), 3) is None
    assert future_dates(np.array(["2021-01-01", "2021-01-02"], "datetime64[ns]"), 3) is None


def test_dates_go_past_what_nanoseconds_reach() -> None:
    years = np.arange("1900", "2000", dtype="datetime64[Y]").astype("datetime64[ns]")
    future = future_dates(years, 500)
    assert future is not None
    assert future[-1] == np.datetime64("2499-01-01")


def test_quantiles_are_those_of_the_models_paths_and_in_order(series_run: Run) -> None:
    assert isinstance(series_run.model, SeriesModel)
    forecast = series_run.forecast(6, paths=50, quantiles=(0.9, 0.1, 0.5, 0.1), seed=4)
    paths = series_run.model.forecast(torch.from_numpy(ar1()), 6, 50, seed=4).numpy()
    assert forecast.levels == (0.1, 0.5, 0.9)
    np.testing.assert_array_equal(forecast.paths, paths)
    np.testing.assert_array_equal(forecast.quantiles, np.quantile(paths, (0.1, 0.5, 0.9), axis=0))
    assert (np.diff(forecast.quantiles, axis=0) >= 0).all()


def test_the_forecast_of_an_ar_has_its_mean_and_spread(tmp_path: Path) -> None:
    run = chainrule.fit(series(ar1(2000, 0.8)), "ar", window=1, out=tmp_path / "run", quiet=True)
    forecast = run.forecast(20, paths=4000, quantiles=(0.1, 0.5, 0.9))
    low, median, high = forecast.quantiles[:, :, 0]
    stationary = 1.2816 / np.sqrt(1 - 0.8**2)
    assert abs(median[-1] - 50) < 0.5
    assert high[-1] - low[-1] == pytest.approx(2 * stationary, rel=0.1)
    assert high[0] - low[0] == pytest.approx(2 * 1.2816, rel=0.1)
    assert all(a <= b * 1.05 for a, b in pairwise(high - low))


def test_the_table_and_the_csv_have_a_row_a_step_and_every_digit(series_run: Run) -> None:
    forecast = series_run.forecast(3, paths=20, quantiles=(0.25, 0.75))
    header, *rows = csv.reader(io.StringIO(forecast.to_csv()))
    assert header == ["date", "a 0.25", "a 0.75"]
    assert [row[0] for row in rows] == ["2020-10-27", "2020-10-28", "2020-10-29"]
    np.testing.assert_array_equal(np.array([row[1:] for row in rows], float), forecast.quantiles[:, :, 0].T)
    assert forecast.rows() == (header, [[row[0], *map(float, row[1:])] for row in rows])


def test_without_dates_the_steps_are_numbered_and_several_columns_stand_side_by_side(tmp_path: Path) -> None:
    run = chainrule.fit(series(ar1(60, columns=2)), "ar", window=1, out=tmp_path / "run", quiet=True)
    header, rows = run.forecast(2, paths=9, quantiles=(0.5,)).rows()
    assert header == ["step", "a 0.5", "b 0.5"]
    assert [row[0] for row in rows] == [1, 2]


def test_the_plot_shows_the_fan(series_run: Run) -> None:
    figure = series_run.forecast(5, paths=20).plot(np.full((5, 1), 50.0))
    assert figure.axes[0].get_title("left") == "Forecast, 5 steps ahead: 10 % to 90 %"


@pytest.mark.parametrize(
    "options",
    [{"horizon": 0}, {"paths": 1}, {"quantiles": ()}, {"quantiles": (0.5, 1.0)}, {"quantiles": (float("nan"),)}],
)
def test_values_that_cannot_be_are_refused(series_run: Run, options: dict[str, object]) -> None:
    with pytest.raises(ArgumentError, match="expected"):
        series_run.forecast(**options)  # type: ignore[arg-type]
