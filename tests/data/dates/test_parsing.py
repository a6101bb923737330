"""Dates: the ways tables write them."""

import numpy as np
import pandas as pd
import pytest

from chainrule.data.dates.parsing import parse_dates
from chainrule.errors import ColumnError

NEW_YEAR = np.array(["2024-01-01", "2024-01-02", "2024-01-31"], dtype="datetime64[ns]")


@pytest.mark.parametrize(
    "cells",
    [
        ["2024-01-01", "2024-01-02", "2024-01-31"],
        ["2024-01-01T01:00:00+01:00", "2024-01-02 00:00Z", "2024-01-31"],
        ["1/1/2024", "1/2/2024", "1/31/2024"],
        ["01.01.2024", "02.01.2024", "31.01.2024"],
        ["1 Jan 2024", "2 Jan 2024", "31 Jan 2024"],
        [20240101, 20240102, 20240131],
        list(NEW_YEAR),
        list(pd.to_datetime(NEW_YEAR).tz_localize("UTC")),
    ],
)
def test_dates_are_parsed(cells: list[object]) -> None:
    np.testing.assert_array_equal(parse_dates(pd.Series(cells), numbers=True), NEW_YEAR)


def test_years_are_their_first_day() -> None:
    dates = parse_dates(pd.Series([1700.0, 2008.0]), numbers=True)
    assert dates.tolist() == np.array(["1700-01-01", "2008-01-01"], dtype="datetime64[ns]").tolist()


@pytest.mark.parametrize("cells", [["red", "blue"], [None, None], [0.5, 1.5], [3, 4], [20241301, 1e18]])
def test_what_is_no_date_is_missing(cells: list[object]) -> None:
    assert np.isnat(parse_dates(pd.Series(cells), numbers=True)).all()


def test_numbers_are_dates_only_where_allowed() -> None:
    assert np.isnat(parse_dates(pd.Series([2001, 2002]), numbers=False)).all()


def test_days_and_months_that_could_be_swapped_are_refused() -> None:
    with pytest.raises(ColumnError, match="'when' read both month-first and day-first, for example 01/02/2024"):
        parse_dates(pd.Series(["01/01/2024", "01/02/2024", "01/03/2024"], name="when"), numbers=False)


@pytest.mark.parametrize("form", ["{}Q{}", "{}-Q{}", "{} q{}"])
def test_quarters_are_their_first_day(form: str) -> None:
    cells = [form.format(1950, quarter) for quarter in (1, 2, 3, 4)]
    expected = np.array(["1950-01-01", "1950-04-01", "1950-07-01", "1950-10-01"], dtype="datetime64[ns]")
    np.testing.assert_array_equal(parse_dates(pd.Series(cells), numbers=False), expected)
    assert np.isnat(parse_dates(pd.Series([*cells, "later", None]), numbers=False)).tolist() == [False] * 4 + [True] * 2


@pytest.mark.parametrize("cells", [["31/01/20", "28/02/20"], ["01-02-03", None], ["5.6.20", "6.6.20"]])
def test_years_of_two_digits_are_refused(cells: list[str | None]) -> None:
    with pytest.raises(ColumnError, match=rf"'when' have years of two digits, for example {cells[0]}: .*2024-01-31"):
        parse_dates(pd.Series(cells, name="when"), numbers=False)


@pytest.mark.parametrize("unit", [1, 1000])
def test_numbers_since_1970_are_dates_where_allowed(unit: int) -> None:
    seconds = pd.Series([1_700_000_000, 1_700_000_000.5, 1_700_000_060])
    expected = pd.to_datetime(seconds, unit="s").to_numpy().astype("datetime64[ns]")
    np.testing.assert_array_equal(parse_dates(seconds * unit, numbers=True), expected)
    assert np.isnat(parse_dates(seconds * unit, numbers=False)).all()
    assert np.isnat(parse_dates(seconds[::-1] * unit + 0.1, numbers=True)).all()  # neither whole nor increasing
