"""Dates from a file to a forecast: the calendar and the time zone of the data go on, and what breaks them is said."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule
from chainrule import Run
from chainrule.data import Reading, Series, read
from chainrule.errors import ArgumentError, DataError, MissingValuesError
from tests.runs.cases import ar1

END = 120


def fitted(tmp_path: Path, dates: pd.DatetimeIndex | np.ndarray, reading: Reading = Reading()) -> Run:  # noqa: B008
    """A run of a table whose dates are these, loaded from its folder."""
    path = tmp_path / "data.csv"
    pd.DataFrame({"date": dates, "x": ar1(len(dates))[:, 0]}).to_csv(path, index=False)
    chainrule.fit(path, "ar", window=1, reading=reading, out=tmp_path / "run", quiet=True)
    return chainrule.load(tmp_path / "run")


def when(run: Run, steps: int = 3) -> list[object]:
    return [row[0] for row in run.forecast(steps, paths=9).rows()[1]]


MONTHS = pd.date_range("2014-01-31", periods=END, freq="ME")
TRADING = pd.bdate_range("2024-07-01", "2024-12-24").drop(["2024-07-04", "2024-11-28"])
HOURS = pd.date_range("2024-03-25", "2024-03-31", freq="h", tz="Europe/Berlin")  # the clocks go on at two
TO_AUTUMN = pd.date_range("2024-03-25", "2024-10-27 01:00", freq="6h", tz="Europe/Berlin")


@pytest.mark.sampled(0)
@pytest.mark.parametrize(
    ("dates", "expected", "calendar", "season"),
    [
        (MONTHS, ["2024-01-31", "2024-02-29", "2024-03-31"], "months, on the last day (ME)", 12),
        (MONTHS.delete(-5), ["2024-01-31", "2024-02-29", "2024-03-31"], "(ME); 1 date missing: 2023-08-31", 12),
        (TRADING, ["2024-12-25", "2024-12-26", "2024-12-27"], "days (B); 2 dates missing: 2024-07-04, 2024-11-28", 5),
        (
            HOURS.append(pd.DatetimeIndex(["2024-03-31 01:00"], tz="Europe/Berlin")),
            ["2024-03-31T02:00:00+01:00", "2024-03-31T03:00:00+01:00", "2024-03-31T04:00:00+01:00"],
            "hours (h, UTC+01:00)",  # all that the file says
            24,
        ),
        (
            TO_AUTUMN,
            ["2024-10-27T06:00:00+01:00", "2024-10-27T12:00:00+01:00", "2024-10-27T18:00:00+01:00"],
            "every 6 hours (6h, Europe/Berlin)",
            4,
        ),
        (
            pd.date_range("2024-01-01", periods=END, tz="America/New_York"),
            ["2024-04-30", "2024-05-01", "2024-05-02"],
            "days (D, America/New_York)",
            7,
        ),
        (
            pd.date_range("2014-06-01", periods=END, freq="MS", tz="Europe/Berlin"),
            ["2024-06-01", "2024-07-01", "2024-08-01"],
            "months, on the 1st (MS, Europe/Berlin)",
            12,
        ),
    ],
    ids=["month ends", "a month missing", "trading", "hours", "hours to autumn", "days", "months"],
)
def test_forecasts_go_on_with_the_calendar_of_the_data(
    tmp_path: Path, dates: pd.DatetimeIndex, expected: list[str], calendar: str, season: int
) -> None:
    run = fitted(tmp_path, dates)
    forecast = run.forecast(3, paths=9)
    assert when(run) == expected
    assert forecast.calendar is not None
    assert calendar in forecast.calendar
    assert run.config.data.season == season
    forecast.plot()
    assert (tmp_path / "run" / "forecast.png").exists()


def test_steps_are_numbered_where_no_frequency_fits_and_a_named_one_dates_them(tmp_path: Path) -> None:
    dates = np.datetime64("2021-01-01") + np.cumsum(np.random.default_rng(0).integers(1, 9, 80))
    run = fitted(tmp_path, dates)
    forecast = run.forecast(2, paths=9)
    assert forecast.dates is None
    assert when(run) == [1, 2, 3]
    assert forecast.calendar is not None
    assert forecast.calendar.startswith(
        "dates that come 1 to 8 days apart, and no frequency fits; name one with `freq`"
    )
    (tmp_path / "named").mkdir()
    named = fitted(tmp_path / "named", dates, Reading(freq="D"))
    assert when(named, 1) == [str(dates[-1] + np.timedelta64(1, "D"))]


def test_new_data_of_another_frequency_is_refused_and_of_the_same_taken(tmp_path: Path) -> None:
    run = fitted(tmp_path, TRADING)
    values = ar1(60)[:, 0]
    with pytest.raises(DataError, match=r"another frequency, months, on the last day \(ME\), not business days \(B\)"):
        run.score(Series(values, ("x",), MONTHS.to_numpy()[:60]))
    for dates in (
        pd.bdate_range("2025-01-01", periods=60),
        pd.bdate_range("2025-01-01", periods=70).delete(range(5, 15)),
    ):
        assert run.score(Series(values, ("x",), dates.to_numpy())).count > 0
    assert run.score(Series(values, ("x",))).count > 0  # without dates, its steps are taken to be the run's


def test_a_fill_inserts_the_dates_that_a_named_frequency_misses(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    days = pd.date_range("2024-01-01", periods=6).delete([2, 3])
    pd.DataFrame({"date": days, "x": [0.0, 1.0, 4.0, 5.0]}).to_csv(path, index=False)
    for how, values in ((None, [0, 1, 4, 5]), ("linear", [0, 1, 2, 3, 4, 5]), ("forward", [0, 1, 1, 1, 4, 5])):
        series = read(path, Reading(freq="D", fill=how))  # type: ignore[arg-type]
        assert isinstance(series, Series)
        assert series.values[:, 0].tolist() == values
        assert str(series.frequency).startswith("days (D)" + "; 2 dates missing: 2024-01-03" * (how is None))
    unnamed = read(path, Reading(fill="linear"))
    assert isinstance(unnamed, Series)
    assert len(unnamed.values) == 4
    pd.DataFrame({"date": days, "x": [0.0, 1.0, 4.0, 5.0]}).assign(
        date=["2024-01-01", "2024-01-02", "2024-01-03", "2024-09-01"]
    ).to_csv(path, index=False)
    with pytest.raises(MissingValuesError, match=r'would add 241 dates to 4 by `freq="D"`'):
        read(path, Reading(freq="D", fill="linear"))


def test_a_frequency_without_dates_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    pd.DataFrame({"x": np.arange(9.0)}).to_csv(path, index=False)
    with pytest.raises(
        ArgumentError, match=r"applies to dates, and x\.csv has no column of dates\. Name it with `date`"
    ):
        read(path, Reading(freq="D"))


@pytest.mark.parametrize(
    ("index", "alias", "zone"),
    [
        (pd.date_range("2024-01-01", periods=4, freq="B", tz="Asia/Kolkata"), "B", "Asia/Kolkata"),
        (pd.date_range("2024-01-01", periods=2, freq="W-WED"), "W-WED", None),
        (pd.period_range("2024-01", periods=30, freq="M"), "MS", None),
        (pd.period_range("2024-01", periods=30, freq="Q"), "QS-JAN", None),
        (pd.period_range("1990", periods=30, freq="Y"), "YS-JAN", None),
        (pd.date_range("2024-01-01", periods=40, freq="D", name="whenever").delete(7), "D", None),
        (pd.date_range("2024-01-01 09:00", periods=40, freq="bh"), "h B", None),  # an offset that has no alias here
    ],
)
def test_the_index_of_pandas_data_keeps_its_frequency_and_zone(
    index: pd.DatetimeIndex | pd.PeriodIndex, alias: str, zone: str | None
) -> None:
    series = read(pd.Series(np.arange(len(index)) / 2, index=index))
    assert isinstance(series, Series)
    assert series.frequency is not None
    assert (series.frequency.alias, series.timezone) == (alias, zone)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freq": "D"}, "has no dates"),
        ({"timezone": "UTC"}, "has no dates"),
        ({"freq": "weekly", "dates": MONTHS[:3].to_numpy()}, "Did you mean W-SUN"),
        ({"timezone": "Berlin", "dates": MONTHS[:3].to_numpy()}, "`timezone` is 'Berlin'"),
    ],
)
def test_a_series_of_an_unfit_calendar_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Series(np.arange(3.0), **options)  # type: ignore[arg-type]
