"""Backtests of panels: rows, notes, frames that utilsforecast reads, a test against the best baseline, the figure."""

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
from utilsforecast.evaluation import evaluate
from utilsforecast.losses import coverage, mae

from chainrule.errors import ArgumentError
from chainrule.runs.scoring.panels.panel_backtest import PanelBacktest
from chainrule.runs.scoring.panels.score import score_panel
from tests.runs.scoring.panels.cases import LEVELS, guesses, last_origins, panel_of, walks


@cache
def result(dated: bool = True) -> PanelBacktest:
    walk = walks(80, 70, season=7)
    panel = panel_of(*walk.observed, np.full(60, 3.0), season=7, dated=dated)
    at = last_origins(panel, 20, 4)
    forecasts = {"gru": guesses(at, 1) * 0.99, "naive": guesses(at, 2), "seasonal naive": guesses(at, 3) * 1.2}
    return score_panel(panel, at.series, at.rows, forecasts, LEVELS, 4, remarks=["told"])


def test_the_model_comes_first_and_the_notes_say_what_the_numbers_are_of() -> None:
    table = result().table()
    assert table.columns == ("", "MASE", "sMAPE", "RMSSE", "CRPS", "WQL", "80 %", "95 %", "width")
    assert table.title == "shops: 3 series, 60 forecasts of 4 steps"
    assert [row[0] for row in table.rows] == ["gru", "naive", "seasonal naive"]
    assert list(table.strong) == [0]
    width, left_out, test, told = table.notes
    assert "80 %, 95 %: outcomes inside" in width
    assert left_out.startswith("1 series left out of MASE and RMSSE")
    assert left_out.endswith(": c")
    assert test.startswith("gru against naive, the best of the others:")
    assert "Diebold-Mariano" in test
    assert told == "told"
    assert result().summary() == f"of {table.title}, gru MASE {result().rows['gru'].mase:.3f}"


def test_it_fits_80_columns_even_with_large_numbers() -> None:
    at = last_origins(walks(80, 70), 9, 4)
    forecasts = {name: guesses(at, 0, 1e5) for name in ("transformer", "naive", "seasonal naive", "a long name")}
    wide = score_panel(at.panel, at.series, at.rows, forecasts, LEVELS, 4)
    for shown in (str(wide), str(result())):
        assert max(map(len, shown.splitlines())) <= 80


def test_columns_that_no_forecaster_has_are_left_out() -> None:
    at = last_origins(panel_of(np.full(20, 3.0)), 5, 2)
    found = score_panel(at.panel, at.series, at.rows, {"model": np.full((5, 2, 1), 4.0)}, [0.5], 2)
    assert found.table().columns == ("", "sMAPE", "CRPS", "WQL")
    assert found.best_baseline is None
    assert found.summary().endswith("CRPS 1")
    found.plot()


@pytest.mark.parametrize("dated", [True, False])
def test_the_frame_is_one_that_utilsforecast_scores(dated: bool) -> None:
    frame = result(dated).to_frame()
    assert list(frame.columns[:7]) == ["unique_id", "ds", "cutoff", "y", "gru", "gru-lo-40", "gru-hi-40"]
    assert (frame.ds > frame.cutoff).all()
    first = frame.iloc[0]
    assert str(first.ds.date() if dated else first.ds) == ("2024-06-08" if dated else "58")
    theirs = evaluate(frame, metrics=[mae, coverage], models=["gru", "naive"], level=[80])
    by_metric: Any = theirs.groupby(["metric", "unique_id"])[["gru", "naive"]].mean().groupby("metric").mean()
    for name in ("gru", "naive"):
        assert by_metric.loc["mae", name] == pytest.approx(result(dated).rows[name].mae)
        assert by_metric.loc["coverage_level80", name] == pytest.approx(result(dated).rows[name].coverage_80)


def test_frames_by_horizon_and_by_series_average_to_the_rows() -> None:
    by_horizon = result().by_horizon()
    by_series = result().by_series()
    assert by_horizon[["model", "step"]].iloc[:4].to_numpy().tolist() == [["gru", step] for step in range(1, 5)]
    assert by_series.unique_id.tolist() == ["a", "b", "c"] * 3
    for name, row in result().rows.items():
        assert by_series.loc[by_series.model == name, "mase"].mean() == pytest.approx(row.mase)
        assert by_horizon.loc[by_horizon.model == name, "mae"].mean() == pytest.approx(row.mae)


def test_the_dictionary_is_strict_json() -> None:
    found = json.loads(json.dumps(result().to_dict(), allow_nan=False))
    assert found["rows"]["gru"]["mase"] == result().rows["gru"].mase
    assert found["left_out"] == 1
    assert len(found["by_horizon"]["naive"]["mase"]) == 4


def test_a_better_model_is_said_to_be_better() -> None:
    at = last_origins(walks(90, 90, 90), 40, 1)
    near = at.actual()[:, :, None] + np.linspace(-1, 1, 7)
    far = near + 5 + np.random.default_rng(0).random((len(at), 1, 1))
    panel = at.panel
    better = score_panel(panel, at.series, at.rows, {"model": near, "naive": far}, LEVELS, 1)
    assert "model against naive, the best of the others: better by more than chance" in str(better)
    assert [test.count for test in better.tests] == [40] * 3
    worse = score_panel(panel, at.series, at.rows, {"model": far, "naive": near}, LEVELS, 1)
    assert ": worse by more than chance" in str(worse)


def test_the_best_baseline_is_chosen_by_what_it_is_tested_by() -> None:
    at = last_origins(walks(90, 90), 40, 1)
    sharp = at.actual()[:, :, None] + 0.2 + np.linspace(-0.5, 0.5, 7)
    vague = at.actual()[:, :, None] + np.linspace(-90, 90, 7)  # the better medians
    found = score_panel(at.panel, at.series, at.rows, {"model": sharp, "vague": vague, "sharp": sharp}, LEVELS, 1)
    assert found.rows["vague"].mase is not None
    assert found.rows["vague"].mase < (found.rows["sharp"].mase or 0)
    assert found.best_baseline == "sharp"


def test_the_figure_has_a_line_for_each_forecaster() -> None:
    axes = result().plot().axes[0]
    assert axes.get_title("left") == "MASE by step ahead; less is better"
    assert len(axes.lines) == 3
    mine = result().by_horizon()
    np.testing.assert_allclose(
        np.asarray(axes.lines[-1].get_ydata(), dtype=np.float64), mine.loc[mine.model == "gru", "mase"]
    )
    assert result().plot(metric="wql").axes[0].get_ylabel() == "WQL"
    with pytest.raises(ArgumentError, match="metric"):
        result().plot(metric="mape")


def test_what_cannot_be_scored_is_refused() -> None:
    at = last_origins(walks(80), 5, 2)
    with pytest.raises(ArgumentError, match="at least one forecaster"):
        score_panel(at.panel, at.series, at.rows, {}, LEVELS, 2)
    end = np.array([80])
    with pytest.raises(ArgumentError, match="none of the forecasts of shops has an outcome"):
        score_panel(walks(80), np.array([0]), end, {"model": guesses(at)[:1]}, LEVELS, 2)
