"""The same series in every kind of file and every spelling of its dates reads to the same values and dates."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.data import Reading, Series, read

N = 30
VALUES = np.round(np.random.default_rng(0).normal(100, 10, N), 3)
MONTHS = pd.date_range("2013-11-01", periods=N, freq="MS")
QUARTERS = pd.date_range("1989-10-01", periods=N, freq="QS")
WEEKS = pd.date_range("2019-12-30", periods=N, freq="W-MON")
DAYS = pd.date_range("2023-12-20", periods=N, freq="D")
HOURS = pd.date_range("2024-01-30 05:00", periods=N, freq="h")
Columns = dict[str, Any]

SPELLINGS: dict[str, tuple[pd.DatetimeIndex, Columns, dict[str, Any]]] = {
    "dates": (DAYS, {"date": DAYS}, {}),
    "ISO": (DAYS, {"when": DAYS.strftime("%Y-%m-%d")}, {}),
    "ISO with slashes": (DAYS, {"when": DAYS.strftime("%Y/%m/%d")}, {}),
    "points": (DAYS, {"when": DAYS.strftime("%d.%m.%Y")}, {}),
    "month first": (DAYS, {"when": DAYS.strftime("%m/%d/%Y")}, {}),
    "in words": (DAYS, {"when": DAYS.strftime("%d %B %Y")}, {}),
    "as in America": (DAYS, {"when": DAYS.strftime("%b %d, %Y")}, {}),
    "with weekdays": (DAYS, {"when": DAYS.strftime("%a, %d %b %Y")}, {}),
    "20231220": (DAYS, {"day": DAYS.strftime("%Y%m%d").astype(int)}, {}),
    "two digits": (DAYS, {"when": DAYS.strftime("%d/%m/%y")}, {"date_format": "%d/%m/%y", "date": "when"}),
    "010224": (MONTHS, {"when": MONTHS.strftime("%d%m%y")}, {"date_format": "%d%m%y", "date": "when"}),
    "ambiguous": (MONTHS, {"when": MONTHS.strftime("%d/%m/%Y")}, {"date_format": "%d/%m/%Y", "date": "when"}),
    "ISO months": (MONTHS, {"month": MONTHS.strftime("%Y-%m")}, {}),
    "Jan 2014": (MONTHS, {"month": MONTHS.strftime("%b %Y")}, {}),
    "January 2014": (MONTHS, {"month": MONTHS.strftime("%B %Y")}, {}),
    "2014-Jan": (MONTHS, {"month": MONTHS.strftime("%Y-%b")}, {}),
    "01/2014": (MONTHS, {"month": MONTHS.strftime("%m/%Y")}, {}),
    "201401": (MONTHS, {"month": MONTHS.strftime("%Y%m").astype(int)}, {}),
    "2014M01": (MONTHS, {"period": MONTHS.strftime("%YM%m")}, {}),
    "Jan-14": (MONTHS, {"month": MONTHS.strftime("%b-%y")}, {"date_format": "%b-%y", "date": "month"}),
    "year and month": (MONTHS, {"Year": MONTHS.year, "Month": MONTHS.month}, {}),
    "year and Jan": (MONTHS, {"Year": MONTHS.year, "Month": MONTHS.strftime("%b")}, {}),
    "year, month, day": (DAYS, {"year": DAYS.year, "month": DAYS.month, "day": DAYS.day}, {}),
    "1990Q1": (QUARTERS, {"q": [f"{date.year}Q{date.quarter}" for date in QUARTERS]}, {}),
    "1990-Q1": (QUARTERS, {"q": [f"{date.year}-Q{date.quarter}" for date in QUARTERS]}, {}),
    "Q1 1990": (QUARTERS, {"q": [f"Q{date.quarter} {date.year}" for date in QUARTERS]}, {}),
    "year and quarter": (QUARTERS, {"year": QUARTERS.year, "quarter": QUARTERS.quarter}, {}),
    "2020-W02": (WEEKS, {"week": WEEKS.strftime("%G-W%V")}, {}),
    "2020W02": (WEEKS, {"week": WEEKS.strftime("%GW%V")}, {}),
    "date and time": (HOURS, {"Date": HOURS.strftime("%Y-%m-%d"), "Time": HOURS.strftime("%H:%M")}, {}),
    "date and hour": (HOURS, {"Date": HOURS.strftime("%d.%m.%Y"), "hour": HOURS.hour}, {}),
    "date and clock": (
        HOURS,
        {"d": HOURS.strftime("%m/%d/%Y"), "t": HOURS.strftime("%I:%M %p")},
        {"date": ("d", "t")},
    ),
    "with a zone": (HOURS, {"time": HOURS.strftime("%Y-%m-%dT%H:%M:%SZ")}, {}),
    "2024013005": (HOURS, {"time": HOURS.strftime("%Y%m%d%H").astype(int)}, {}),
    **{
        f"since 1970 in {unit}": (HOURS, {"timestamp": HOURS.as_unit("ns").astype("int64") // scale}, {})
        for unit, scale in {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}.items()
    },
    "a unit by name": (HOURS, {"t": HOURS.as_unit("s").astype("int64")}, {"date": "t", "date_format": "s"}),
}


def in_excel(frame: pd.DataFrame, path: Path) -> None:
    frame.to_excel(path, index=False)


FILES: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    "a.csv": lambda frame, path: frame.to_csv(path, index=False),
    "a.tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "semicolons.csv": lambda frame, path: frame.to_csv(path, index=False, sep=";", decimal=","),
    "a.parquet": lambda frame, path: frame.to_parquet(path),
    "index.parquet": lambda frame, path: frame.set_index(list(frame.columns[:-1])).to_parquet(path),
    "a.feather": lambda frame, path: frame.to_feather(path),
    "a.xlsx": in_excel,
}


def check(source: Path | pd.DataFrame, dates: pd.DatetimeIndex, options: dict[str, Any]) -> None:
    series = read(source, Reading(**options))
    assert isinstance(series, Series)
    assert series.columns == ("v",)
    np.testing.assert_array_equal(series.values[:, 0], VALUES)
    np.testing.assert_array_equal(series.dates, dates.to_numpy())


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_each_spelling_of_dates_in_each_kind_of_file(spelling: str, name: str, tmp_path: Path) -> None:
    dates, columns, options = SPELLINGS[spelling]
    frame = pd.DataFrame({**columns, "v": VALUES})
    check(frame, dates, options)
    FILES[name](frame, tmp_path / name)
    check(tmp_path / name, dates, options)


@pytest.mark.parametrize("packed", ["gz", "bz2", "xz", "zip"])
def test_packed_files(packed: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.csv.{packed}"
    pd.DataFrame({"date": DAYS, "v": VALUES}).to_csv(path, index=False)
    check(path, DAYS, {})


FRAME = pd.DataFrame({"date": DAYS.strftime("%Y-%m-%d"), "v": VALUES})
TEXT = FRAME.to_csv(index=False)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("# measured by hand\n# twice\n" + TEXT, {}),
        ("\n\nSales of a shop\nin thousands, by day, of 2023\n\n" + TEXT, {}),
        ("Sales of a shop,\n" + TEXT, {}),
        ("# date,v\n" + TEXT.partition("\n")[2], {}),
        (TEXT.replace("2023-12-25", "# a holiday\n2023-12-25"), {}),
        (TEXT.replace(",", "|"), {}),
        (TEXT.replace(",", " , ").replace("\n", "\r\n"), {}),
        ("\ufeff" + TEXT, {}),
        (TEXT.partition("\n")[2], {"header": False, "columns": ("column 2",)}),
        (TEXT.replace("date,v", "2019-01-01,2020"), {"header": True}),
        ("n," + TEXT.replace("\n2", "\n7,2"), {"columns": ("v",)}),
        (TEXT.replace("\n", ",,,\n"), {}),
        ("date,v,note" + TEXT[6:], {}),
    ],
    ids=["comments", "title", "a title with a comma", "a header as comment", "a comment below", "bars", "blanks",
         "mark", "no header", "a header of values", "one more", "empty columns", "a longer header"],
)  # fmt: skip
def test_what_stands_around_a_table_is_passed_over(text: str, options: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    series = read(tmp_path / "a.csv", Reading(**options))
    assert isinstance(series, Series)
    np.testing.assert_array_equal(series.values[:, 0], VALUES)
    np.testing.assert_array_equal(series.dates, DAYS.to_numpy())


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    ("thousands", "decimal", "write"),
    [
        (",", None, lambda x: f"{x:,.3f}"),
        (",", ".", lambda x: f"{x:,.3f}"),
        (".", ",", lambda x: f"{x:,.3f}".translate(str.maketrans(",.", ".,"))),
        (".", None, lambda x: f"{x:,.3f}".translate(str.maketrans(",.", ".,"))),
        (" ", ",", lambda x: f"{x:,.3f}".translate(str.maketrans(",.", "\u00a0,"))),
        ("'", ".", lambda x: f"{x:,.3f}".replace(",", "'")),
        (None, ",", lambda x: f"{x:.3f}".replace(".", ",")),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "parquet", "xlsx"])
def test_marks_in_numbers_are_named(
    suffix: str, thousands: Any, decimal: Any, write: Callable[[float], str], tmp_path: Path
) -> None:
    large = VALUES * np.logspace(0, 6, N)
    frame = pd.DataFrame({"date": DAYS.strftime("%d.%m.%Y"), "v": [write(x) for x in large]})
    FILES[f"a.{suffix}"](frame, tmp_path / f"a.{suffix}")
    series = read(tmp_path / f"a.{suffix}", Reading(thousands=thousands, decimal=decimal))
    assert isinstance(series, Series)
    np.testing.assert_allclose(series.values[:, 0], np.round(large, 3), rtol=1e-15)
    np.testing.assert_array_equal(series.dates, DAYS.to_numpy())
