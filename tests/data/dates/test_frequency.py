"""Frequencies: found with dates missing and in any zone, gone on with as pandas does, and what breaks them said."""

import re

import numpy as np
import pandas as pd
import pytest
from pandas.tseries.offsets import CustomBusinessDay

from chainrule.data.dates.calendars import parse_rule
from chainrule.data.dates.frequency import check_frequency, find_frequency
from chainrule.errors import ArgumentError, DataError

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


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    ("how", "zone"),
    [
        ("complete", None),
        ("one near the end", "America/New_York"),
        ("one in a hundred", "Europe/Berlin"),
        ("complete", "Asia/Kolkata"),
    ],
)
@pytest.mark.parametrize("alias", ALIASES)
def test_every_frequency_is_found_and_goes_on_as_pandas_does(alias: str, zone: str | None, how: str) -> None:
    periods = 40 if alias in (*YEARS, "6ME", "3M-20", "12M-9") else 120
    dates = utc(complete(alias, zone, periods + 6))
    known = without(dates[:periods], how)
    found = find_frequency(known, zone)
    np.testing.assert_array_equal(found.next(6), dates[periods:], err_msg=str(found))
    assert found.missing == periods - len(known)
    np.testing.assert_array_equal(np.sort(np.concatenate([known, found.missing_dates()])), dates[:periods])
    assert not len(found.off)
    named = find_frequency(known, zone, found.alias)  # as a run keeps it
    np.testing.assert_array_equal(named.next(6), dates[periods:])
    check_frequency(named, "x")


def naive(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[ns]")


TRADING = pd.bdate_range("2023-01-02", "2024-12-31").drop(["2023-12-25", "2024-03-29", "2024-12-25"])


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        (TRADING, "business days (B); 3 dates missing: 2023-12-25, 2024-03-29, 2024-12-25"),
        (
            TRADING.append(pd.DatetimeIndex(["2024-03-02"])).sort_values(),
            "business days (B); 3 dates missing: 2023-12-25, 2024-03-29, 2024-12-25; 1 date off the rule: 2024-03-02",
        ),
        (  # the last day of trading, which was no last business day in one month
            TRADING[np.append(TRADING.month[1:] != TRADING.month[:-1], True)],
            "months, on the last business day (BME); 1 date off the rule: 2024-03-28",
        ),
        (
            pd.date_range("2024-01-01", periods=100, freq="h")
            .delete([30, 31])
            .insert(50, pd.Timestamp("2024-01-03T03:20")),
            "hours (h); 2 dates missing: 2024-01-02T06:00:00, 2024-01-02T07:00:00; 1 date off the rule: "
            "2024-01-03T03:20:00",
        ),
        (
            pd.date_range("2024-01-01", periods=9).delete(range(2, 6)),
            "days (D); 4 dates missing: 2024-01-03, 2024-01-04, 2024-01-05 and 1 more",
        ),
        (
            pd.DatetimeIndex(["2024-01-01"]),
            '1 date, too few to tell a frequency; name it with `freq`, for example `freq="D"`',
        ),
        (
            np.datetime64("2021-01-01") + np.cumsum([1, 5, 2, 9, 1, 1, 14, 3]),
            'dates that come 1 to 14 days apart, and no frequency fits; name one with `freq`, for example `freq="D"`',
        ),
        (
            np.datetime64("2021-01-01T00:00:00.123") + 977 * np.cumsum([1000, 7411, 2333, 9017, 1111, 15000]),
            "dates that come 0.302 to 4.07 hours apart, and no frequency fits",
        ),
    ],
)
def test_what_the_dates_follow_and_where_they_break_it_is_said(dates: pd.DatetimeIndex, words: str) -> None:
    assert str(find_frequency(np.asarray(dates, "datetime64[ns]"))) == words


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (naive("2024-01-31", "2024-02-29", "2024-03-31"), naive("2024-04-30", "2024-05-31")),
        (naive("2024-01-29", "2024-02-29", "2024-03-29", "2024-04-29"), naive("2024-05-29", "2024-06-29")),
        (naive("2021-05-29", "2021-06-29", "2021-07-29"), naive("2021-08-29", "2021-09-29")),
        (naive("2021-01-31", "2021-02-28", "2021-03-31"), naive("2021-04-30", "2021-05-31")),
        (naive("2000-01-01", "2001-01-01", "2002-01-01"), naive("2003-01-01", "2004-01-01")),
        (naive("1800-01-01", "1900-01-01", "2000-01-01"), np.array(["2100-01-01", "2200-01-01"], "datetime64[us]")),
        (naive("2024-02-26", "2024-02-27", "2024-02-28"), naive("2024-02-29", "2024-03-01")),
        (naive("2024-02-23", "2024-02-26", "2024-02-27", "2024-02-28"), naive("2024-02-29", "2024-03-01")),
    ],
)
def test_a_few_dates_go_on_as_they_are_meant(dates: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(find_frequency(dates).next(2), expected)


def test_the_last_date_may_lie_beside_its_place() -> None:
    months = TRADING[np.append(TRADING.month[1:] != TRADING.month[:-1], True)]
    found = find_frequency(months[:15].to_numpy())  # to 2024-03-28, where Good Friday was the 29th
    np.testing.assert_array_equal(found.next(2), naive("2024-04-30", "2024-05-31"))


def test_steps_that_jitter_go_on_from_the_last() -> None:
    random = np.random.default_rng(0)
    dates = np.datetime64("2024-01-01", "ns") + (np.arange(500) * 60_000 + random.normal(0, 500, 500)).astype(
        "timedelta64[ms]"
    )
    found = find_frequency(dates)
    following = found.next(1)
    assert found.alias == "min"
    assert following is not None
    assert abs(following[0] - dates[-1] - np.timedelta64(60, "s")) < np.timedelta64(3, "s")
    assert find_frequency(np.datetime64("2024-01-01", "ns") + np.cumsum(random.integers(1, 10**9, 500))).alias is None


def test_nanoseconds_are_kept_and_dates_go_past_what_they_reach() -> None:
    fine = np.datetime64("2024-01-01", "ns") + (7 * np.arange(5)).astype("timedelta64[ns]")
    np.testing.assert_array_equal(find_frequency(fine).next(1), fine[-1:] + np.timedelta64(7, "ns"))
    years = np.arange("1900", "2000", dtype="datetime64[Y]").astype("datetime64[ns]")
    following = find_frequency(years).next(500)
    assert following is not None
    assert following[-1] == np.datetime64("2499-01-01")
    with pytest.raises(ArgumentError, match="ask for fewer"):
        find_frequency(years).next(9000)


def test_hours_of_trading_go_on_the_next_day() -> None:
    opens = pd.bdate_range("2024-01-01", "2024-03-15", tz="America/New_York") + pd.Timedelta("9h30min")
    dates = np.concatenate([(day + pd.timedelta_range("0h", periods=7, freq="h")).tz_convert(None) for day in opens])
    found = find_frequency(dates[:-2], "America/New_York")
    assert found.alias == "h B"
    np.testing.assert_array_equal(found.next(3), naive("2024-03-15T18:30", "2024-03-15T19:30", "2024-03-18T13:30"))


@pytest.mark.parametrize(
    ("freq", "dates", "message"),
    [
        (
            "MS",
            pd.date_range("2020", periods=36, freq="ME"),
            r"`freq=.MS.` means months, on the 1st, but 36 of 36 dates .* 2020-01-31, .* months, on the last day",
        ),
        (
            "B",
            pd.date_range("2020", periods=36),
            "10 of 36 dates are not: 2020-01-04, 2020-01-05, 2020-01-11 and 7 more",
        ),
        ("ME", pd.date_range("2020", periods=90), "88 of 90 dates are not"),
        ("D", pd.date_range("2020", periods=90, freq="h"), "86 of 90 dates are not"),
        ("h", pd.date_range("2020", periods=36), r"no two dates are one step apart.* days \(D\)"),
    ],
)
def test_a_frequency_that_the_dates_contradict_is_refused(freq: str, dates: pd.DatetimeIndex, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_frequency(find_frequency(dates.to_numpy(), None, freq), "x")


def test_the_frequency_that_irregular_dates_are_told_to_name_is_taken() -> None:
    random = np.random.default_rng(0)
    for unit in ("D", "h", "m", "s"):
        dates = np.datetime64("2021-01-01", "ns") + np.cumsum(random.integers(1, 9, 60)).astype(f"timedelta64[{unit}]")
        alias = str(find_frequency(dates)).rpartition("`freq=")[2].strip('`"')
        check_frequency(find_frequency(dates, None, alias), "x")


@pytest.mark.parametrize(
    ("alias", "hint"),
    [
        ("daily", "Did you mean D?"),
        ("M", "Did you mean MS or ME?"),
        ("H", "Did you mean 'h'?"),
        ("QEE", "Did you mean 'QE'?"),
        ("-1D", "expected a pandas alias"),
        ("0h", "expected a pandas alias"),
        ("bh", "expected a pandas alias"),
        ("M-32", "expected a pandas alias"),
        ("5min ME", "expected a pandas alias"),
        ("", "expected a pandas alias"),
    ],
)
def test_an_alias_that_dates_cannot_follow_is_refused(alias: str, hint: str) -> None:
    with pytest.raises(ArgumentError, match=hint.replace("?", r"\?")):
        parse_rule(alias)


def test_the_steps_of_two_frequencies_are_compared_wherever_they_lie() -> None:
    starts = find_frequency(pd.date_range("2020", periods=20, freq="MS").to_numpy())
    assert [starts.has_steps_of(alias) for alias in ("ME", "M-15", "MS", "D", "QS-JAN")] == [
        True,
        True,
        True,
        False,
        False,
    ]
