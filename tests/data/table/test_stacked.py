"""Tables of several series: one is chosen by its id, in files and by the levels of a MultiIndex."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.data import Reading, Series, read
from chainrule.errors import ColumnError

N = 10
DAYS = pd.date_range("2024-01-01", periods=N, freq="D")
OF = {"AAPL": np.arange(N) + 0.5, "MSFT": np.arange(N) * 2.5}
LONG = pd.concat([pd.DataFrame({"ticker": name, "date": DAYS, "close": x}) for name, x in OF.items()])
REFUSED = (
    r'holds 2 series, told apart by ticker: AAPL, MSFT. `layout="long"` reads all of them. '
    r'Choose .*, for example `series="AAPL"`\.'
)


def series_of(source: Path | pd.DataFrame, **options: Any) -> Series:
    series = read(source, Reading(**options))
    assert isinstance(series, Series)
    return series


@pytest.mark.parametrize(
    "kind", ["csv", "parquet", "rows", "mixed rows", "index", "index of ids first", "index.parquet"]
)
def test_one_of_several_series_is_chosen(kind: str, tmp_path: Path) -> None:
    source: Path | pd.DataFrame = LONG.reset_index(drop=True)
    path = tmp_path / f"a.{kind.rpartition('.')[2]}"
    if kind == "csv":
        LONG.to_csv(path, index=False)
    elif kind == "parquet":
        LONG.to_parquet(path, index=False)
    elif kind == "mixed rows":
        source = LONG.sort_values(["date", "ticker"])
    elif kind == "index":
        source = LONG.set_index(["date", "ticker"]).sort_index()
    elif kind.startswith("index"):
        source = LONG.set_index(["ticker", "date"])
        if kind.endswith("parquet"):
            source.to_parquet(path)
    source = path if path.exists() else source
    with pytest.raises(ColumnError, match=REFUSED):
        series_of(source)
    with pytest.raises(ColumnError, match=r"there is no series 'AAPLE': .* Did you mean 'AAPL'\?"):
        series_of(source, series="AAPLE")
    for name, values in OF.items():
        for reading in ({"series": name}, {"series": name, "id": "ticker"}):
            series = series_of(source, **reading)
            assert series.columns == ("close",)
            np.testing.assert_array_equal(series.values[:, 0], values)
            np.testing.assert_array_equal(series.dates, DAYS.to_numpy())


def test_a_table_of_one_series_needs_no_choice() -> None:
    one = LONG[LONG["ticker"] == "MSFT"]
    for options in ({}, {"id": "ticker", "layout": "one"}, {"series": "MSFT"}):
        np.testing.assert_array_equal(series_of(one, **options).values[:, 0], OF["MSFT"])


def test_undated_series_are_told_apart_by_a_named_column() -> None:
    undated = LONG.drop(columns="date")
    assert len(series_of(undated, columns=["close"]).values) == 2 * N  # one series, as far as can be seen
    with pytest.raises(ColumnError, match=REFUSED):
        series_of(undated, id="ticker", layout="one")
    np.testing.assert_array_equal(series_of(undated, series="MSFT").values[:, 0], OF["MSFT"])


def test_ids_that_are_numbers_are_named_as_they_look() -> None:
    numbered = LONG.assign(ticker=np.repeat([1.0, 2.0], N))
    np.testing.assert_array_equal(series_of(numbered, id="ticker", series="2").values[:, 0], OF["MSFT"])


def test_a_series_that_no_column_holds() -> None:
    with pytest.raises(ColumnError, match=r"no column of the data holds the series 'x'. Leave `series` out"):
        series_of(pd.DataFrame({"v": np.arange(N)}), series="x")
    frame = pd.DataFrame({"v": np.arange(N), "a": ["x", "y"] * 5, "b": ["y", "x"] * 5})
    with pytest.raises(ColumnError, match=r"a, b of the data hold 'x'. Name .* for example `id=\"a\"`"):
        series_of(frame, series="x")


def test_columns_of_two_levels_are_named_by_both() -> None:
    frame = pd.DataFrame(
        np.stack(list(OF.values()), axis=1), index=DAYS, columns=pd.MultiIndex.from_product([["Close"], OF])
    )
    with pytest.raises(ColumnError, match=r'2 numeric columns: Close AAPL, Close MSFT.*columns=\("Close AAPL",\)'):
        series_of(frame)
    np.testing.assert_array_equal(series_of(frame, columns=["Close MSFT"]).values[:, 0], OF["MSFT"])


@pytest.mark.parametrize("level", [["x", "y"] * 5, list(range(N))])
def test_an_index_without_dates_is_no_series(level: list[object]) -> None:
    frame = pd.DataFrame({"v": OF["AAPL"]}, index=pd.Index(level, name="n"))
    assert series_of(frame).columns == ("v",)
