"""Time zones: found in columns of dates, kept from pandas, and written in their own clock's time."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from chainrule.data.dates.parsing import parse_dates
from chainrule.data.dates.timezones import check_zone, local_times, utc_times, write_dates, zone_of
from chainrule.errors import ArgumentError

YEAR = pd.date_range("2023-01-01", periods=366, freq="D")


def found(column: pd.Series) -> str | None:
    return zone_of(column, parse_dates(column, numbers=True))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC", "Australia/Sydney"])
def test_the_zone_of_pandas_dates_is_kept(zone: str) -> None:
    assert found(pd.Series(YEAR.tz_localize(zone))) == zone


@pytest.mark.sampled(0)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney", "America/St_Johns"])
@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M%z"])
def test_offsets_that_change_with_the_clocks_of_a_zone_are_that_zone(zone: str, form: str) -> None:
    local = YEAR.tz_localize(zone)
    name = found(pd.Series(local.strftime(form)))
    assert name is not None
    np.testing.assert_array_equal(
        local.tz_convert(name).tz_localize(None).to_numpy(), local.tz_localize(None).to_numpy()
    )


@pytest.mark.parametrize(
    ("cells", "zone"),
    [
        (["2024-01-01", "2024-01-02"], None),
        (["2024-01-01 10:00", "2024-01-01 10:05"], None),
        (["1990-Q1", "1990-Q2"], None),
        (["2000-01", "2000-02"], None),
        (["2000 01-02", "2000 01-03"], None),
        (["2024-01-01T00+02", "2024-01-02T00+02"], "UTC+02:00"),
        (["Mon Jan 01 2024 10:00:00 GMT+0100", None], "UTC+01:00"),
        ([2001, 2002], None),
        (["2024-01-01T00:00Z", "2024-01-02T00:00Z"], "UTC"),
        (["2024-01-01T00:00:00.5+00:00", "2024-01-02T00:00:00.5+00:00"], "UTC"),
        (["2024-01-01T00:00+0530", "2024-01-02T00:00+0530"], "UTC+05:30"),
        (["2024-01-01T00:00-03:00", None], "UTC-03:00"),
        (["2024-01-01T00:00-08", "2024-01-02T00:00-08"], "UTC-08:00"),
        (["2024-01-01T00:00+01:00", "2024-01-02T00:00+05:00", "2024-01-03T00:00-07:00"], "UTC"),  # of no one place
        ([datetime(2024, 1, day, tzinfo=timezone(timedelta(hours=2))) for day in (1, 2)], "UTC+02:00"),
    ],
)
def test_the_zone_is_what_the_cells_say(cells: list[object], zone: str | None) -> None:
    column = pd.Series(cells)
    assert found(column) == zone
    if zone is not None:
        check_zone(zone)


@pytest.mark.parametrize("zone", [None, "UTC", "UTC+05:30", "Europe/Berlin"])
def test_local_times_lead_back_to_utc(zone: str | None) -> None:
    dates = np.arange("2024-02-01", "2024-10-01", dtype="datetime64[D]").astype("datetime64[us]")
    np.testing.assert_array_equal(utc_times(local_times(dates, zone), zone), dates)


def test_times_that_a_clock_skips_or_shows_twice_are_one_time_each() -> None:
    local = pd.DatetimeIndex(["2024-03-31 02:30", "2024-10-27 02:30"])
    expected = np.array(["2024-03-31T01:00", "2024-10-27T00:30"], "datetime64[us]")
    np.testing.assert_array_equal(utc_times(local, "Europe/Berlin"), expected)


def test_dates_are_written_as_short_as_they_are_exact() -> None:
    def hours(*texts: str) -> np.ndarray:
        return np.array(texts, "datetime64[ns]")

    assert write_dates(hours("2024-01-01", "2024-01-02")) == ["2024-01-01", "2024-01-02"]
    assert write_dates(hours("2024-01-01T10:30", "2024-01-02")) == ["2024-01-01T10:30:00", "2024-01-02T00:00:00"]
    assert write_dates(hours("2024-01-01T00:00:00.000000001")) == ["2024-01-01T00:00:00.000000001"]
    assert write_dates(hours("2024-06-30T18:30"), "Asia/Kolkata") == ["2024-07-01"]
    assert write_dates(hours("2024-07-01T03:30"), "America/St_Johns") == ["2024-07-01T01:00:00-02:30"]


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "UTC+1h"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ArgumentError, match="is not known; expected a name such as Europe/Berlin"):
        check_zone(zone)
