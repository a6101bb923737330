"""Seasons: from the calendar, else from the autocorrelation, else none."""

import numpy as np
import pandas as pd
import pytest

from chainrule.data.dates.frequency import find_frequency
from chainrule.data.dates.season import find_season


@pytest.mark.sampled(1)
@pytest.mark.parametrize("zone", [None, "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize(
    ("frequency", "season"),
    [
        ("15min", 96),
        ("30min", 48),
        ("h", 24),
        ("12h", 2),
        ("D", 7),
        ("B", 5),
        ("W", 52),
        ("SMS", 24),
        ("MS", 12),
        ("ME", 12),
        ("2MS", 6),
        ("QS", 4),
        ("QE", 4),
    ],
)
def test_the_calendar_gives_the_season_by_the_clocks_of_its_zone(frequency: str, season: int, zone: str | None) -> None:
    dates = pd.date_range("2019-01-01", periods=200, freq=frequency, tz=zone)
    utc = dates.tz_convert(None) if zone else dates
    values = np.random.default_rng(0).normal(size=200)
    assert find_season(find_frequency(np.delete(utc.to_numpy(), 150), zone), values) == season


def test_hours_of_trading_have_the_day_as_their_season() -> None:
    opens = pd.bdate_range("2024-01-01", periods=30, tz="America/New_York") + pd.Timedelta("9h30min")
    dates = np.concatenate([(day + pd.timedelta_range("0h", periods=7, freq="h")).tz_convert(None) for day in opens])
    assert find_season(find_frequency(dates, "America/New_York"), np.zeros(210)) == 7


@pytest.mark.parametrize(
    "dates", [pd.date_range("2019", periods=30, freq="W"), pd.date_range("1919", periods=30, freq="YS")]
)
def test_a_season_that_fits_only_once_is_not_taken(dates: pd.DatetimeIndex) -> None:
    assert find_season(find_frequency(dates.to_numpy()), np.arange(30.0)) == 1


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
