"""Features of the dates, by the clock of a zone."""

import numpy as np
import pandas as pd
import pytest

from chainrule.data import Reading, calendar_columns, calendar_features
from chainrule.data.panels.calendar import automatic
from chainrule.data.panels.calendar_names import CALENDAR
from chainrule.errors import ArgumentError
from tests.data.panels.frames import panel_of

YEARS = pd.date_range("2023-01-01", "2025-01-01", freq="7h", tz="Europe/Berlin")
PERIOD = {
    "minute": lambda t: t.minute / 60,
    "hour": lambda t: t.hour / 24,
    "weekday": lambda t: t.day_of_week / 7,
    "monthday": lambda t: (t.day - 1) / t.days_in_month,
    "yearday": lambda t: (t.day_of_year - 1) / np.where(t.is_leap_year, 366, 365),
    "week": lambda t: (t.isocalendar().week.to_numpy(float) - 1) / 53,
    "month": lambda t: (t.month - 1) / 12,
    "quarter": lambda t: (t.quarter - 1) / 4,
}


@pytest.mark.parametrize("name", CALENDAR)
def test_features_are_of_the_local_clock(name: str) -> None:
    dates = YEARS.tz_convert(None).to_numpy("datetime64[ns]")
    found = calendar_features(dates, "Europe/Berlin", (name,))
    assert found.dtype == np.float64
    assert len(calendar_columns((name,))) == found.shape[1]
    if name == "weekend":
        np.testing.assert_array_equal(found[:, 0], YEARS.day_of_week >= 5)
        return
    angle = 2 * np.pi * np.asarray(PERIOD[name](YEARS), dtype=float)
    np.testing.assert_allclose(found, np.stack([np.sin(angle), np.cos(angle)], axis=1), atol=1e-12)


def test_no_features_are_no_columns() -> None:
    assert calendar_features(np.array(["2024-01-01"], "datetime64[ns]"), None, ()).shape == (1, 0)


def test_unknown_features_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"`calendar` is 'hours'; .*Did you mean 'hour'"):
        calendar_columns(("hours",))
    with pytest.raises(ArgumentError, match="`calendar` is 'hours'"):
        Reading(calendar=("hours",))


@pytest.mark.parametrize("freq", ["h", "15min", "D", "B", "W-SUN", "SMS", "ME", "QE-DEC", "YE-DEC"])
def test_auto_takes_what_differs_from_step_to_step(freq: str) -> None:
    dates = pd.date_range("2024-01-01", periods=30, freq=freq)
    panel = panel_of(pd.DataFrame({"ds": dates, "y": np.arange(30.0)}), calendar=("auto",))
    assert panel.frequency is not None
    assert panel.frequency.rule is not None
    assert panel.covariates.calendar == automatic(panel.frequency.rule.unit)
    assert panel.dates is not None
    features = calendar_features(panel.dates, None, panel.covariates.calendar)
    assert (features[1:] != features[:-1]).any(axis=1).all() or freq == "YE-DEC"
