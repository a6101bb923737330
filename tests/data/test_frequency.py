"""Frequencies: every kind is found with dates missing and in any time zone, goes on as pandas does, and says its breaks."""

import re

import numpy as np
import pandas as pd
import pytest
from pandas.tseries.offsets import CustomBusinessDay

from chainrule.data.calendars import parse_rule
from chainrule.data.frequency import check_frequency, find_frequency
from chainrule.errors import ArgumentError, DataError

ZONES = (None, "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
TIMES = ("ms", "250ms", "s", "30s", "min", "5min", "15min", "30min", "h", "2h", "6h", "12h")
DAYS = ("D", "2D", "10D", "B", "C-SunMonTueWedThu", "C-MonTueWedThuFriSat", "C-MonWedFri")
WEEKS = ("W-SUN", "W-MON", "W-FRI", "2W-WED", "4W-TUE")
MONTHS = ("SMS-15", "SME-15", "MS", "ME", "BMS", "BME", "2MS", "2ME", "6ME", "WOM-3FRI", "WOM-1MON", "LWOM-THU")
MONTH_DAYS = ("M-2", "M-15", "M-28", "M-29", "M-30", "2M-10", "3M-20", "12M-9")
QUARTERS = ("QS-JAN", "QS-FEB", "QS-MAR", "QE-DEC", "QE-OCT", "QE-NOV", "BQS-JAN", "BQE-DEC", "BQE-NOV")
YEARS = ("YS-JAN", "YS-JUL", "YE-DEC", "YE-FEB", "YE-JUN", "BYS-JAN", "BYE-DEC", "2YS-JAN")
ALIASES = (*TIMES, *DAYS, *WEEKS, *MONTHS, *MONTH_DAYS, *QUARTERS, *YEARS)


def complete(alias: str, zone: str | None, periods: int) -> pd.DatetimeIndex:
    """Dates of an alias as pandas makes them; time passes over the changes of clocks, days follow the clocks."""
    if alias in TIMES:
        return pd.date_range("2023-03-24 10:00", periods=periods, freq=alias, tz=zone)
    count, _, anchor = alias.partition("-")
    if alias.startswith("C-"):
        days = [anchor[i : i + 3] for i in range(0, len(anchor), 3)]
        dates = pd.date_range("2019-01-06", periods=periods, freq=CustomBusinessDay(weekmask=" ".join(days)))
    elif re.fullmatch(r"\d*M", count):  # months, written out by hand
        months = pd.period_range("2019-01", periods=periods * int(count[:-1] or 1), freq="M")[:: int(count[:-1] or 1)]
        dates = pd.DatetimeIndex([pd.Timestamp(m.year, m.month, min(int(anchor), m.days_in_month)) for m in months])
    else:
        dates = pd.date_range("1950-01-01" if alias in YEARS else "2019-01-06", periods=periods, freq=alias)
    return dates if zone is None else dates.tz_localize(zone)


def utc(dates: pd.DatetimeIndex) -> np.ndarray:
    return dates.tz_convert("UTC").tz_localize(None).to_numpy() if dates.tz else dates.to_numpy()


def without(dates: np.ndarray, how: str) -> np.ndarray:
    if how == "one near the end":
        return np.delete(dates, -3)
    if how == "one in a hundred":
        lost = np.random.default_rng(0).choice(len(dates) - 2, len(dates) // 100, replace=False) + 1
        return np.delete(dates, lost)
    return dates


@pytest.mark.parametrize("how", ["complete", "one near the end", "one in a hundred"])
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("alias", ALIASES)
def test_every_frequency_is_found_and_goes_on_as_pandas_does(alias: str, zone: str | None, how: str) -> None:
    periods = 40 if alias in YEARS else 200
    dates = utc(complete(alias, zone, periods + 6))
    known = without(dates[:periods], how)
    found = find_frequency(known, zone)
    np.testing.assert_array_equal(found.next(6), dates[periods:], err_msg=str(found))
    assert found.missing == periods - len(known)
    np.testing.assert_array_equal(np.sort(np.concatenate([known, found.missing_dates()])), dates[:periods])
    assert not len(found.beside)
    named = find_frequency(known, zone, found.alias)  # as a run keeps it
    np.testing.assert_array_equal(named.next(6), dates[periods:])
    check_frequency(named, "x")
