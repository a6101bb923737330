"""Seasons: from the calendar, else from the autocorrelation, else none."""

import numpy as np
import pandas as pd
import pytest

from chainrule.data.season import find_season


@pytest.mark.parametrize(
    ("frequency", "season"), [("h", 24), ("30min", 48), ("D", 7), ("B", 5), ("W", 52), ("MS", 12), ("QS", 4)]
)
def test_the_calendar_gives_the_season(frequency: str, season: int) -> None:
    dates = pd.date_range("2019-01-01", periods=120, freq=frequency).to_numpy()
    values = np.random.default_rng(0).normal(size=120)
    assert find_season(dates, values) == season


def test_a_season_that_fits_only_once_is_not_taken() -> None:
    dates = pd.date_range("2019-01-01", periods=30, freq="W").to_numpy()
    assert find_season(dates, np.arange(30.0)) == 1


@pytest.mark.parametrize("period", [2, 3, 7, 12])
def test_the_autocorrelation_gives_the_season(period: int) -> None:
    time = np.arange(200)
    drift = 0.05 * time + 0.2 * np.random.default_rng(0).normal(size=200)
    assert find_season(None, (time % period == 0) + drift) == period
    assert find_season(None, np.sin(2 * np.pi * time / period + 1) + drift) == period


def test_a_period_between_two_steps_is_rounded() -> None:
    values = np.sin(2 * np.pi * np.arange(300) / 10.8)
    assert find_season(None, values) == 11


@pytest.mark.parametrize(
    "values",
    [
        np.ones(50),
        np.arange(50.0),
        np.random.default_rng(1).normal(size=400),
        np.random.default_rng(1).normal(size=400).cumsum(),
        np.array([1.0, 2.0]),
        np.array([1.0, 3.0, 2.0]),
    ],
    ids=["constant", "line", "noise", "walk", "two steps", "three steps"],
)
def test_without_a_clear_peak_there_is_no_season(values: np.ndarray) -> None:
    assert find_season(None, values) == 1


def test_what_is_held_out_has_no_say() -> None:
    time = np.arange(200)
    seen = np.sin(2 * np.pi * time / 8)[:160]
    for held_out in (np.zeros(40), 100 * np.sin(2 * np.pi * time / 5)[:40]):
        assert find_season(None, np.concatenate([seen, held_out])) == 8


@pytest.mark.parametrize("size", [1e-299, 1e299])
def test_values_of_any_size_have_a_season(size: float) -> None:
    assert find_season(None, size * np.sin(2 * np.pi * np.arange(100) / 8)) == 8
