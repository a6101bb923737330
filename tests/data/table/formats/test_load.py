"""Tables: columns, dates and blanks as they are in files, and an error for each way they can be wrong."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from chainrule.data import Reading, Series, read
from chainrule.errors import (
    ChainruleError,
    ColumnError,
    DataError,
    MissingValuesError,
    TooShortError,
    TransformError,
)


def read_csv(folder: Path, text: str, **options: Any) -> Series:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    series = read(path, Reading(**options))
    assert isinstance(series, Series)
    return series


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_dates_and_the_only_numeric_column_are_found(tmp_path: Path, delimiter: str, end: str) -> None:
    rows = [("name", "when", "Price, USD" if delimiter != "," else "Price")]
    rows += [("x", f"2024-01-{day:02d}", str(day + 0.5)) for day in range(1, 15)]
    series = read_csv(tmp_path, end.join(delimiter.join(row) for row in rows) + end * 3)
    assert series.columns == (rows[0][2],)
    np.testing.assert_array_equal(series.values[:, 0], np.arange(1, 15) + 0.5)
    assert series.dates is not None
    assert series.dates.dtype == "datetime64[ns]"
    np.testing.assert_array_equal(series.dates, np.arange("2024-01-01", "2024-01-15", dtype="datetime64[D]"))
    assert (series.season, series.name) == (7, "table.csv")


def test_several_columns_are_taken_in_the_order_asked_for(tmp_path: Path) -> None:
    series = read_csv(tmp_path, "a,b,c\n1,2,3\n4,5,6\n", columns=["c", "a"])
    assert series.columns == ("c", "a")
    assert series.values.tolist() == [[3, 1], [6, 4]]
    assert series.dates is None


def test_parquet_is_read_with_its_index(tmp_path: Path) -> None:
    dates = pd.date_range("2020-01-01", periods=24, freq="MS", name="month")
    pd.DataFrame({"sales": np.arange(24.0)}, index=dates).to_parquet(tmp_path / "sales.parquet")
    series = read(tmp_path / "sales.parquet")
    assert isinstance(series, Series)
    np.testing.assert_array_equal(series.dates, dates.to_numpy())
    assert (series.columns, series.season) == (("sales",), 12)


def test_numbers_called_time_are_no_dates(tmp_path: Path) -> None:
    seconds = "".join(f"{second},{second % 7}\n" for second in range(1500, 1800))
    series = read_csv(tmp_path, "time,v\n" + seconds, columns=["v"])
    assert (series.dates, series.season) == (None, 7)


def test_a_season_asked_for_is_kept(tmp_path: Path) -> None:
    assert read_csv(tmp_path, "v\n1\n2\n3\n", season=2).season == 2


GAPS = "date,v,w\n2024-01-01,1,5\n2024-01-02,,6\n2024-01-03,,\n2024-01-05,5,8\n"


@pytest.mark.parametrize(
    ("fill", "v", "w"),
    [
        ("forward", [1, 1, 1, 5], [5, 6, 6, 8]),
        ("linear", [1, 2, 3, 5], [5, 6, 6 + 2 / 3, 8]),  # linear in time: the last gap is two days long
        ("drop", [1, 5], [5, 8]),
    ],
)
def test_blanks_are_filled_as_asked(tmp_path: Path, fill: str, v: list[float], w: list[float]) -> None:
    series = read_csv(tmp_path, GAPS, columns=["v", "w"], fill=fill)
    np.testing.assert_allclose(series.values, np.array([v, w]).T, rtol=1e-15)
    assert series.dates is not None
    assert len(series.dates) == len(v)
    assert (series.filled, series.left_out) == ((0, 2) if fill == "drop" else (3, 0))


CASES: list[tuple[str, str, dict[str, Any], type[ChainruleError], str]] = [
    (
        "blanks",
        GAPS,
        {"columns": ["v", "w"]},
        MissingValuesError,
        r'3 missing values in v, w, at lines 3, 4. Give `fill="forward"`',
    ),
    ("a blank line", "v\n1\n\n3\n", {}, MissingValuesError, "1 missing value in v, at line 3"),
    (
        "nothing before",
        "v\n\n1\n2\n",
        {"fill": "forward"},
        MissingValuesError,
        r"""needs a value before the blank, but 'v' of table.csv is missing in its first row. Use `fill="drop"`""",
    ),
    ("nothing after", "v,w\n1,1\n,2\n", {"columns": ["v"], "fill": "linear"}, MissingValuesError, "on each side"),
    ("nothing left", "v,w\n1,2\n,3\n", {"columns": ["v"], "fill": "drop"}, TooShortError, "has 1 step; .*at least 2"),
    ("one row", "v\n1\n", {}, TooShortError, "has 1 step"),
    ("only a header", "date,v\n", {}, TooShortError, "has 0 steps"),
    ("nothing", "", {}, TooShortError, "table.csv is empty; expected a header line"),
    (
        "a missing column",
        "Date,Price\n2024-01-01,1\n2024-01-02,1\n",
        {"columns": ["price "]},
        ColumnError,
        "has no column 'price '; it has Date, Price. Did you mean 'Price'?",
    ),
    (
        "a missing date",
        "Date,v\n2024-01-01,1\n2024-01-02,1\n",
        {"date": "Day"},
        ColumnError,
        "no column 'Day'",
    ),
    (
        "several columns",
        "a,b\n1,2\n3,4\n",
        {},
        ColumnError,
        r'has 2 numeric columns: a, b. Choose with `columns`, for example `columns=\("a",\)`',
    ),
    (
        "words among numbers",
        "name,v\nx,1\ny,n.a.\nz,.\n",
        {},
        ColumnError,
        "column 'v' of table.csv is not numeric: lines 3, 4 hold 'n.a.', '.'",
    ),
    ("words", "name,colour\nx,red\ny,blue\n", {}, ColumnError, "no numeric column; it has name, colour"),
    ("truths", "v\nTrue\nFalse\n", {"columns": ["v"]}, ColumnError, "lines 2, 3 hold True, False"),
    ("infinity", "v\n1\n-inf\n2\n", {}, DataError, "infinite values, at line 3"),
    (
        "no header",
        "2024-01-01,1.5\n2024-01-02,2.5\n",
        {},
        DataError,
        "no header: its first line is '2024-01-01, 1.5'. Give `header=False`",
    ),
    (
        "ragged",
        "a,b\n1,2\n1,2,3,4\n",
        {},
        DataError,
        "has 4 cells in line 3; expected 2, as many as its header has, with ','",
    ),
    ("cells cut off", "a,b\n1,2,3\n1,2,3\n", {}, DataError, "has 3 cells in line 2; expected 2"),
    (
        "prices below zero",
        "v\n3\n-37.63\n0\n",
        {"transform": "log-return"},
        TransformError,
        r'has -37.63, 0 in v, at lines 3, 4. Use `transform="difference"`',
    ),
    ("not sorted", "date,v\n2024-01-02,1\n2024-01-01,2\n", {}, ColumnError, "earlier than the row before, at line 3"),
    ("repeated", "date,v\n2024-01-01,1\n2024-01-01,2\n", {}, ColumnError, "repeat an earlier one, at line 3"),
    ("a bad date", "date,v\n2024-01-01,1\nsoon,2\n", {}, ColumnError, "'date' .* not dates .*at line 3: 'soon'"),
    ("no dates", "date,v\nsoon,1\nlater,2\n", {}, ColumnError, "not dates .* at lines 2, 3: 'soon', 'later'"),
    (
        "a bad date under another name",
        "Trade Date,v\n2024-01-01,1\n2024-01-02,1\n,2\n",
        {},
        ColumnError,
        "'Trade Date' .* not dates .*at line 4: a blank",
    ),
    (
        "an hour that clocks show twice",
        "date,v\n2020-10-25 01:00,1\n2020-10-25 02:00,2\n2020-10-25 02:00,3\n2020-10-25 03:00,4\n",
        {},
        ColumnError,
        "at line 4. This may be the hour that clocks show twice .* offset from UTC, .* Else keep one row for each",
    ),
    ("another hour", "date,v\n2020-10-25 05:00,1\n2020-10-25 05:00,2\n", {}, ColumnError, "at line 3. Keep one row"),
    (
        "an hour of several series that clocks show twice",
        "unique_id,ds,y\n" + "".join(f"a,2020-10-25 0{hour}:00,1\n" for hour in (1, 2, 2, 3)),
        {"layout": "long"},
        ColumnError,
        "a at 2020-10-25T02:00:00. This may be the hour that clocks show twice",
    ),
    (
        "a target that is named as known",
        "date,y\n2024-01-01,1\n2024-01-02,2\n",
        {"known": ["y"]},
        ColumnError,
        "no numeric column to model beside y, which is taken as",
    ),
    (
        "a date as the id",
        "date,y\n2024-01-01,1\n2024-01-02,2\n",
        {"id": "date"},
        ColumnError,
        '`id="date"` names what dates the rows of table.csv',
    ),
    ("too early", "date,v\n1500-01-01,1\n1501-01-01,2\n", {}, ColumnError, "not dates from 1678 to 2261"),
]


@pytest.mark.parametrize(("text", "options", "error", "message"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_cannot_be_read_is_named(
    tmp_path: Path, text: str, options: dict[str, Any], error: type[ChainruleError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_csv(tmp_path, text, **options)


def test_decimals_of_parquet_are_the_nearest_floats(tmp_path: Path) -> None:
    decimals = [Decimal(f"{whole}.{part:04d}") for whole in (3, 1001, 123456789) for part in range(1, 10_000, 97)]
    table = pyarrow.table({"v": pyarrow.array([*decimals, None], pyarrow.decimal128(18, 4))})
    pyarrow.parquet.write_table(table, tmp_path / "table.parquet")
    series = read(tmp_path / "table.parquet", Reading(fill="drop"))
    assert isinstance(series, Series)
    assert series.values[:, 0].tolist() == [float(str(cell)) for cell in decimals]


def test_rows_of_parquet_are_counted_from_one(tmp_path: Path) -> None:
    pd.DataFrame({"v": [1.0, np.nan, 3.0]}).to_parquet(tmp_path / "table.parquet")
    with pytest.raises(MissingValuesError, match="at row 2"):
        read(tmp_path / "table.parquet")


def test_a_broken_parquet_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "table.parquet").write_bytes(b"PAR0")
    with pytest.raises(DataError, match=r"table.parquet cannot be read as Parquet"):
        read(tmp_path / "table.parquet")


def test_an_encoding_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("Größe\n1\n2\n".encode("latin-1"))
    with pytest.raises(DataError, match=r'not utf-8 text: byte 2 .*`encoding="latin-1"`'):
        read(path)
    series = read(path, Reading(encoding="latin-1"))
    assert isinstance(series, Series)
    assert series.columns == ("Größe",)
