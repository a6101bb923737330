"""Forecasts: quantiles of the model's own paths, on dates that continue the calendar."""

import csv
import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import chainrule
from chainrule import Run
from chainrule.errors import ArgumentError
from chainrule.models import SeriesModel
from tests.runs.cases import ar1, series

pytestmark = pytest.mark.usefixtures("without_figures")


def test_quantiles_are_those_of_the_models_paths_and_in_order(series_run: Run) -> None:
    assert series_run.refit is not None
    model = series_run.refit.model
    assert isinstance(model, SeriesModel)
    forecast = series_run.forecast(6, paths=50, quantiles=(0.9, 0.1, 0.5, 0.1), seed=4)
    paths = model.forecast(torch.from_numpy(ar1()), 6, 50, seed=4).numpy()
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
    figure = series_run.forecast(5, paths=20).plot(actual=np.full((5, 1), 50.0))
    assert figure.axes[0].get_title("left") == "Forecast, 5 steps ahead: 10 % to 90 %"


@pytest.mark.parametrize(
    "options",
    [{"horizon": 0}, {"paths": 1}, {"quantiles": ()}, {"quantiles": (0.5, 1.0)}, {"quantiles": (float("nan"),)}],
)
def test_values_that_cannot_be_are_refused(series_run: Run, options: dict[str, object]) -> None:
    with pytest.raises(ArgumentError, match="expected"):
        series_run.forecast(**options)  # type: ignore[arg-type]
