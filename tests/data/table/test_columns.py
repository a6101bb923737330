"""Columns of tables as people write them: line ends, decimal commas, signs, row numbers, names."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.data import Reading, Series, read
from chainrule.data.table.formats.delimited import load_csv
from chainrule.data.table.formats.table_options import TableOptions
from chainrule.errors import ColumnError, DataError, MissingValuesError, TooShortError


def read_raw(folder: Path, raw: bytes | str, **options: Any) -> Series:
    path = folder / "table.csv"
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    series = read(path, Reading(**options))
    assert isinstance(series, Series)
    return series


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_lines_end_in_each_way(tmp_path: Path, end: str) -> None:
    series = read_raw(tmp_path, end.join(["date,v", "2024-01-01,1", "2024-01-02,2", "", " ", ""]))
    assert series.values.tolist() == [[1], [2]]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decimal_commas_are_read_where_commas_part_nothing(tmp_path: Path, delimiter: str) -> None:
    rows = ["date;v;w", "2024-01-01;1,5;1.5", "2024-01-02;-2;2", "2024-01-03;0,125;3"]
    text = "\n".join(rows).replace(";", delimiter)
    assert read_raw(tmp_path, text, columns=["v", "w"]).values.tolist() == [[1.5, 1.5], [-2, 2], [0.125, 3]]


def test_commas_that_may_part_thousands_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ColumnError,
        match=r"'v' of table.csv has commas .*'1,500'. Give `decimal=\",\"` or `thousands=\",\"`",
    ):
        read_raw(tmp_path, "n;v\na;1,500\nb;12,000\n")


@pytest.mark.parametrize(
    "text",
    [
        "d;v\n1;1.500\n2;12.000\n",
        "d;v\n1;2.000\n2;12.000\n",
        "d;v\n1;1.002\n2;883\n3;1.006\n",
        "d,v\n1,1.010\n2,883\n3,1.006\n",
    ],
    ids=[
        "semicolons",
        "round thousands",
        "semicolons beside whole numbers",
        "zeros behind the dot beside whole numbers",
    ],
)
def test_dots_that_may_part_thousands_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(
        ColumnError, match=r"'v' of table.csv has dots .*'\d\.\d{3}'. Give `decimal=\"\.\"` or `thousands=\"\.\"`"
    ):
        read_raw(tmp_path, text, columns=["v"])
    assert read_raw(tmp_path, text, columns=["v"], thousands=".").values[0, 0] >= 1002
    assert read_raw(tmp_path, text, columns=["v"], decimal=".").values[0, 0] <= 2


@pytest.mark.parametrize(
    "text",
    [
        "d;v\n1;\n2;12\n",
        "d;v\n1;1.0\n2;12.0\n",
        "d;v\n1;0.500\n2;12.000\n",
        "d;v\n1;1.25\n2;12.125\n",
        "d;v;w\n1;234.840;4.2\n2;233.630;5.3\n",
        "d,v\n1,1.500\n2,12.000\n",
        "d,v\n1,1.125\n2,883\n",
        "d;v\n1;1.500\n2;inf\n3;0.2\n",
    ],
)
def test_dots_that_can_be_points_alone_are_points(tmp_path: Path, text: str) -> None:
    dotted = load_csv(written(tmp_path, text), TableOptions()).dotted
    assert dotted == {}


def written(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (
            "1.234.5",
            r"lines 2, 3 hold '1.234.5', '1.234.5'. .*: `thousands=\".\"` and `decimal=\",\"` for",
        ),
        ("51%", "hold '51%', '51%'. Strip the sign or unit, for example 51 for '51%'"),
        ("$-51.2", "for example -51.2 for "),
        ("51 kg", "for example 51 for '51 kg'"),
        ("USD 51", "for example 51 for 'USD 51'"),
        ("(51.5)", r"Write negative numbers with a minus, for example -51.5 for '\(51.5\)'"),
        ("\u221251.5", "Write the minus as a hyphen, for example -51.5 for "),
        ("A51", "has no numeric column; it has name, v"),
    ],
)
def test_numbers_in_other_clothes_are_quoted_with_the_remedy(tmp_path: Path, cell: str, message: str) -> None:
    with pytest.raises(ColumnError, match=message):
        read_raw(tmp_path, f"name,v\nx,{cell}\ny,{cell}\n")


@pytest.mark.parametrize("first", [0, 1])
def test_the_row_numbers_that_pandas_writes_are_no_candidate(tmp_path: Path, first: int) -> None:
    text = ",v\n" + "".join(f"{first + i},{i * i}\n" for i in range(9))
    assert read_raw(tmp_path, text).columns == ("v",)
    assert read_raw(tmp_path, text, columns=["Unnamed: 0"]).values[0, 0] == first


def test_a_suggested_name_with_spaces_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(ColumnError, match=r'for example `columns=\("Adj Close",\)`'):
        read_raw(tmp_path, "Adj Close,v\n1,2\n3,4\n")
    with pytest.raises(ColumnError, match=r'for example `columns=\("Price, USD",\)`'):
        read_raw(tmp_path, '"Price, USD",v\n1,2\n3,4\n')


def test_a_column_chosen_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ColumnError, match="names 'v' twice"):
        read_raw(tmp_path, "v,w\n1,2\n3,4\n", columns=["v", "w", "v"])


BLANK_ROW = "date,v\n2024-01-01,1\n2024-01-02,2\n{}\n2024-01-04,4\n"


@pytest.mark.parametrize("row", ["", ",", "  "])
def test_a_blank_row_of_a_dated_table_is_refused_or_dropped(tmp_path: Path, row: str) -> None:
    text = BLANK_ROW.format(row)
    for fill in (None, "forward", "linear"):
        with pytest.raises(
            MissingValuesError, match=r'1 entirely blank row, at .* Give `fill="drop"` .* not fill dates'
        ):
            read_raw(tmp_path, text, fill=fill)
    series = read_raw(tmp_path, text, fill="drop")
    assert series.values.tolist() == [[1], [2], [4]]
    assert series.dates is not None
    assert str(series.dates[-1])[:10] == "2024-01-04"


def test_after_a_dropped_row_lines_keep_their_numbers(tmp_path: Path) -> None:
    with pytest.raises(ColumnError, match="earlier than the row before, at line 6"):
        read_raw(tmp_path, BLANK_ROW.format("") + "2024-01-03,3\n", fill="drop")


def test_blank_rows_alone_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(TooShortError, match="has 0 steps"):
        read_raw(tmp_path, "date,v\n,\n,\n,\n", fill="drop")


@pytest.mark.parametrize("value", ["1e299", "-1e299"])
@pytest.mark.parametrize("fill", [None, "linear"])
def test_values_too_large_to_square_are_refused(tmp_path: Path, value: str, fill: str | None) -> None:
    with pytest.raises(DataError, match=r"table.csv has values up to 1e\+299; expected at most 1e\+120. Scale"):
        read_raw(tmp_path, f"v\n1\n{value}\n3\n4\n", fill=fill)


def test_a_column_that_is_all_blank_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingValuesError, match="2 missing values in w, at lines 2, 3"):
        read_raw(tmp_path, "v,w\n1,\n2,\n", columns=["w"])


def test_a_file_of_utf_16_is_known_by_its_mark(tmp_path: Path) -> None:
    raw = "v\n1\n2\n".encode("utf-16")
    for encoding in ("utf-8", "latin-1"):
        with pytest.raises(
            DataError, match=r'begins with ff fe, the byte order mark of utf-16, .*`encoding="utf-16.*"`'
        ):
            read_raw(tmp_path, raw, encoding=encoding)
    assert read_raw(tmp_path, raw, encoding="utf-16").values.tolist() == [[1], [2]]


def test_a_quotation_mark_left_open_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="quotation mark is opened and not closed"):
        read_raw(tmp_path, 'a,b\n1,"2\n3,4\n')


def test_seconds_since_1970_are_dates(tmp_path: Path) -> None:
    text = "timestamp,v\n" + "".join(f"{1_700_000_000 + 3600 * i},{i * i}\n" for i in range(60))
    series = read_raw(tmp_path, text)
    assert (series.columns, series.season) == (("v",), 24)
    np.testing.assert_array_equal(series.dates, pd.to_datetime(np.arange(60) * 3600 + 1_700_000_000, unit="s"))
