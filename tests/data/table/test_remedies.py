"""Every remedy that a refusal names is applied as it is written, and works."""

import ast
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest

from chainrule.data import Reading, Series, read
from chainrule.errors import ChainruleError

N = 12
VALUES = np.arange(N) ** 2 + 0.5
DAYS = pd.date_range("2024-01-01", periods=N, freq="D")
MONTHS = pd.date_range("2001-01-02", periods=N, freq="MS") + pd.Timedelta("1D")
_SETTING = re.compile(r"`([a-z_]+)=([^`]*)`")


def settings_in(remedy: str) -> dict[str, Any]:
    """The fields of a reading that the settings in a remedy stand for, as Python reads them."""
    return {name: ast.literal_eval(value) for name, value in _SETTING.findall(remedy)}


def stacked(**columns: Any) -> pd.DataFrame:
    """Two series, one below the other."""
    frames = [pd.DataFrame({"date": DAYS, **columns, "v": VALUES + i}) for i in range(2)]
    return pd.concat(frames, ignore_index=True)


def of_two(*names: str) -> np.ndarray:
    return np.repeat(names, N)


def dated(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"date": DAYS, **columns})


FOUR = pd.concat([stacked().assign(a=of_two("x", "y"), b=b) for b in "pq"])
BY_SETTINGS: dict[str, tuple[pd.DataFrame | str, str]] = {
    "several columns": (dated(a=VALUES, b=VALUES), r"for example (.*)\.$"),
    "a name with a comma": (dated(**{"Price, USD": VALUES, "b": VALUES}), r"for example (.*)\.$"),
    "a name with blanks": (dated(**{"Adj Close": VALUES, "b": VALUES}), r"for example (.*)\.$"),
    "a name with quotes": (dated(**{'the "price"': VALUES, "b": VALUES}), r"for example (.*)\.$"),
    "day or month first": (dated(v=VALUES).assign(date=MONTHS.strftime("%d/%m/%Y")), r"Give (`.*`) or `.*`, or write"),
    "month or day first": (dated(v=VALUES).assign(date=MONTHS.strftime("%d/%m/%Y")), r"Give `.*` or (`.*`), or write"),
    "day or month first under another name": (
        pd.DataFrame({"x": "a", "when": MONTHS.strftime("%d/%m/%Y"), "v": VALUES}),
        r"Give (`.*`) or `.*`, or write",
    ),
    "short years": (dated(v=VALUES).assign(date=DAYS.strftime("%d.%m.%y")), r"Give (`[^`]+`)"),
    "short years of months": (dated(v=VALUES).assign(date=MONTHS.strftime("%b-%y")), r"Give (`[^`]+`)"),
    "no header": (dated(v=VALUES).to_csv(index=False, header=False), r"Give (`[^`]+`)"),
    "no header, taken as one": (dated(v=VALUES).to_csv(index=False, header=False), r"or (`[^`]+`)"),
    "a line that may be a header": (dated(i="x", v=VALUES).to_csv(index=False, header=False), r"Give (`[^`]+`)"),
    "a line that may be none": (dated(i="x", v=VALUES).to_csv(index=False, header=False), r"or (`[^`]+`)"),
    "thousands": (dated(v=[f"{x + 1000:,.0f}" for x in VALUES]), r"or (`[^`]+`)"),
    "decimals": (dated(v=[f"{x + 1000:,.0f}" for x in VALUES]), r"Give (`[^`]+`)"),
    **{
        f"marks of {cell}": (dated(v=[cell] * N), "marks with `thousands` and `decimal`: (.*) for")
        for cell in ("1.500,5", "1'001.7", "1_001", "1 001,7", "1\u00a0001", "12,345.6")
    },
    "dots": ("date;v\n2024-01-01;1.500\n2024-01-02;2.125\n2024-01-03;2.250\n", "or (`[^`]+`)"),
    "dots that are points": ("date;v\n2024-01-01;1.500\n2024-01-02;2.125\n2024-01-03;2.250\n", "Give (`[^`]+`)"),
    "blanks": (dated(v=np.where(VALUES == 4.5, np.nan, VALUES)), "Give (`fill=.forward.`)"),
    "a first blank": (dated(v=np.where(VALUES == 0.5, np.nan, VALUES)), "Give (`fill=.forward.`)"),
    "a blank row": ("date,v\n2024-01-01,1\n\n2024-01-03,2\n2024-01-04,5\n", "Give (`fill=.drop.`)"),
    "stacked": (stacked().assign(ticker=of_two("AAPL", "MSFT")), r"for example (.*)\.$"),
    "stacked by numbers": (stacked().assign(store=of_two("1", "2")), r"for example (.*)\.$"),
    "stacked by names with blanks": (stacked().assign(where=of_two("New York", "Rio, Brazil")), r"for example (.*)\.$"),
    "stacked by two columns": (FOUR, r"for example (.*)\.$"),
    "zero bytes": ("v\n1\n2\n", r"for example (`encoding=.*`)"),
    "sheets": ("", r"for example (.*)\.$"),
}  # fmt: skip


def write(case: str, content: pd.DataFrame | str, folder: Path) -> Path:
    path = folder / "table.csv"
    if case == "sheets":
        path = folder / "table.xlsx"
        with pd.ExcelWriter(path) as book:
            for name in ("the first", "the second"):
                dated(v=VALUES).to_excel(book, sheet_name=name, index=False)
    elif isinstance(content, pd.DataFrame):
        content.to_csv(path, index=False)
    else:
        path.write_text(content, encoding="utf-16-le" if case == "zero bytes" else "utf-8")
    return path


def refusal_of(path: Path, reading: dict[str, Any]) -> str | None:
    """Why the file cannot be read so, None if it can."""
    try:
        read(path, Reading(**reading))
    except ChainruleError as error:
        return str(error)
    return None


@pytest.mark.parametrize("case", BY_SETTINGS)
def test_the_settings_of_a_remedy_work(case: str, tmp_path: Path) -> None:
    content, remedy = BY_SETTINGS[case]
    path = write(case, content, tmp_path)
    reading: dict[str, Any] = {}
    refusal = refusal_of(path, reading)
    while refusal is not None:
        found = re.search(remedy, refusal)
        assert found, f"{refusal} names no remedy that {remedy!r} finds"
        options = settings_in(found[1])
        assert not options.items() <= reading.items(), f"the remedy was taken already: {refusal}"
        reading |= options
        refusal = refusal_of(path, reading)
        remedy = r"(?:Give|Use|for example) (`[^(]*?`)(?: \(|\.$|$)"
    assert reading
    series = read(path, Reading(**reading))
    assert isinstance(series, Series)
    assert len(series.values) >= 2
    has_dates = case not in ("zero bytes", "no header, taken as one", "a line that may be none")
    assert (series.dates is not None) or not has_dates


Change = Callable[[pd.DataFrame], Any]
BY_HAND: dict[str, tuple[pd.DataFrame, str, Change]] = {
    "truths": (dated(v=VALUES > 20), "Write truths as 1 and 0", lambda f: f.assign(v=f["v"].astype(int))),
    "durations": (
        dated(v=pd.to_timedelta(VALUES, unit="h")),
        r"as pandas' column.dt.total_seconds\(\) does",
        lambda f: f.assign(v=f["v"].dt.total_seconds()),
    ),
    "lists": (dated(v=[[x, x] for x in VALUES]), "Correct these cells", lambda f: f.assign(v=f["v"].str[0])),
    "signs": (
        dated(v=[f"${x}" for x in VALUES]),
        r"Strip the sign or unit, for example 0.5 for '\$0.5'",
        lambda f: f.assign(v=f["v"].str.strip("$").astype(float)),
    ),
    "words": (
        dated(v=["soon", *(str(x) for x in VALUES[1:])]),
        "leave them blank",
        lambda f: (f.assign(v=f["v"].replace("soon", None)), Reading(fill="drop")),
    ),
    "newest first": (dated(v=VALUES)[::-1], "Sort the rows by date", lambda f: f.sort_values("date")),
    "repeated": (
        stacked(),
        "Keep one row for each date",
        lambda f: f.groupby("date", as_index=False).mean(),
    ),
    "ids by hand": (
        stacked(w=np.arange(N) % 2).assign(n=np.repeat([1.5, 2.5], N)),
        "name the column that tells them apart with `id`",
        lambda f: (f, Reading(id="n", series="1.5", columns=("v",))),
    ),
    "no dates": (
        dated(v=VALUES).assign(date=["soon"] * N),
        "rename the column",
        lambda f: f.rename(columns={"date": "note"}),
    ),
    "another date": (
        dated(v=VALUES).assign(date=["soon"] * N, when=DAYS),
        "name another with `date`",
        lambda f: (f, Reading(date="when")),
    ),
}


@pytest.mark.parametrize("case", BY_HAND)
@pytest.mark.parametrize("kind", ["memory", "parquet"])
def test_what_a_remedy_asks_to_be_done_works(case: str, kind: str, tmp_path: Path) -> None:
    frame, remedy, change = BY_HAND[case]
    frame = frame.reset_index(drop=True)

    def source(frame: pd.DataFrame) -> Path | pd.DataFrame:
        if kind == "memory":
            return frame
        frame.to_parquet(tmp_path / "a.parquet")
        return tmp_path / "a.parquet"

    reading = Reading(columns=("v",))
    with pytest.raises(ChainruleError) as refused:
        read(source(frame), reading)
    assert re.search(remedy, str(refused.value))
    changed = change(frame)
    if isinstance(changed, tuple):
        changed, reading = changed
    series = read(source(changed), reading)
    assert isinstance(series, Series)
    assert series.values.shape == (N - (case == "words"), 1)


TYPES = {
    "decimals": [Decimal(str(x)) for x in VALUES],
    "categories": pd.Categorical(VALUES),
    "nullable floats": pd.array(VALUES, dtype="Float64"),
    "Arrow's floats": pd.Series(VALUES, dtype="double[pyarrow]"),
    "Arrow's decimals": pd.Series([Decimal(str(x)) for x in VALUES], dtype=pd.ArrowDtype(pyarrow.decimal128(10, 2))),
    "sparse": pd.arrays.SparseArray(VALUES),
    "text": [str(x) for x in VALUES],
    "Python's": np.array(VALUES, dtype=object),
    "small floats": VALUES.astype(np.float32),
}  # fmt: skip


def test_a_format_that_no_dates_have_is_refused() -> None:
    with pytest.raises(ChainruleError, match=r"no column of the data holds dates of the format %H. Correct"):
        read(dated(v=VALUES).astype({"date": str}).rename(columns={"date": "when"}), Reading(date_format="%H"))
    with pytest.raises(
        ChainruleError, match=r"`date_format=.%H.` does not apply to column .*, whose cells are dates already"
    ):
        read(dated(v=VALUES), Reading(date_format="%H"))
    with pytest.raises(ChainruleError, match=r"`date_format=.%Q.` is no format: .* as of Python's strptime"):
        read(dated(v=VALUES).astype({"date": str}), Reading(date_format="%Q"))


@pytest.mark.parametrize("kind", TYPES)
def test_numbers_of_every_type_are_numbers(kind: str, tmp_path: Path) -> None:
    frame = dated(v=TYPES[kind], note="x")
    frame.assign(v=frame["v"].to_numpy() if kind == "sparse" else frame["v"]).to_parquet(tmp_path / "a.parquet")
    for source in (frame, tmp_path / "a.parquet"):
        series = read(source)
        assert isinstance(series, Series)
        np.testing.assert_array_equal(series.values[:, 0], VALUES)
        np.testing.assert_array_equal(series.dates, DAYS.to_numpy())


def test_blanks_of_every_type_are_blanks() -> None:
    for kind in ("Float64", "double[pyarrow]", "Int64", "object"):
        frame = dated(v=pd.Series([None, *range(1, N)], dtype=kind))
        with pytest.raises(ChainruleError, match="1 missing value in v, at row 1"):
            read(frame)
        series = read(frame, Reading(fill="drop"))
        assert isinstance(series, Series)
        assert len(series.values) == N - 1
