"""Tables of every format and layout give the same panel."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import Covariate, Covariates, Panel, Reading, Series, read
from chainrule.errors import ArgumentError, ChainruleError, ColumnError, DataError, MissingValuesError, TooShortError
from tests.data.panels.frames import BESIDE, DAYS, LONG, WIDE, A, B, assert_same, panel_of

FORMATS = ("csv", "tsv", "parquet", "feather", "xlsx", "pandas", "polars", "index")
EXPECTED = Covariates(
    known=(Covariate("price"), Covariate("open", ("False", "True"))),
    past=(Covariate("rain"),),
    static=(Covariate("region", ("north", "south")), Covariate("store", ("3", "7"))),
    calendar=("weekday",),
)


def written(frame: pd.DataFrame, kind: str, folder: Path) -> Any:
    path = folder / f"table.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "tsv":
        frame.to_csv(path, index=False, sep="\t")
    elif kind == "xlsx":
        frame.to_excel(path, index=False)
    elif kind in ("parquet", "feather"):
        getattr(frame, f"to_{kind}")(path)
    elif kind == "polars":
        return pl.from_pandas(frame)
    elif kind == "index":
        return frame.set_index([name for name in ("unique_id", "ds") if name in frame])
    else:
        return frame
    return path


def test_the_panel_of_a_long_frame() -> None:
    panel = panel_of(LONG, id="unique_id", **BESIDE)
    assert panel.ids == ("b", "a")
    assert (panel.target, panel.freq, panel.timezone, panel.covariates) == ("y", "D", None, EXPECTED)
    np.testing.assert_array_equal(panel.values, [*B, *A])
    np.testing.assert_array_equal(panel.dates, LONG["ds"].to_numpy())
    np.testing.assert_array_equal(panel.known, LONG[["price", "open"]].to_numpy(float))
    np.testing.assert_array_equal(panel.static, [[1, 1], [0, 0]])


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_long_panel(kind: str, tmp_path: Path) -> None:
    mixed = LONG.iloc[[4, 9, *range(4), *range(5, 9), *range(10, 13)]].reset_index(drop=True)
    assert_same(panel_of(LONG, id="unique_id", **BESIDE), panel_of(written(mixed, kind, tmp_path), **BESIDE))


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_wide_panel(kind: str, tmp_path: Path) -> None:
    expected = panel_of(LONG[["unique_id", "ds", "y"]].rename(columns={"y": "value"}), layout="long")
    across = WIDE.set_index("ds").T.rename_axis("unique_id").reset_index()
    across.columns = [str(name)[:10] for name in across.columns]
    by_column = panel_of(written(WIDE, kind, tmp_path), layout="columns")
    by_row = panel_of(written(across, kind, tmp_path), layout="rows")
    assert_same(expected, by_column)
    assert_same(expected, by_row)


@pytest.mark.parametrize("layout", ["columns", "rows"])
def test_arrays_are_panels_without_dates(layout: str) -> None:
    values = np.array([[np.nan, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, np.nan]])
    panel = panel_of(values if layout == "rows" else values.T, layout=layout)
    assert panel.dates is None
    assert [each.tolist() for each in panel.observed] == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


def test_rows_as_m4_has_them(tmp_path: Path) -> None:
    path = tmp_path / "m4.csv"
    path.write_text('"V1","V2","V3","V4"\n"H1",1,2,3\n"H2",5.5,6,\n')
    panel = panel_of(path, layout="rows")
    assert panel.ids == ("H1", "H2")
    assert [each.tolist() for each in panel.observed] == [[1.0, 2.0, 3.0], [5.5, 6.0]]
    assert panel.dates is None


def test_steps_may_be_numbered() -> None:
    frame = pd.DataFrame({"unique_id": ["a", "a", "b", "b", "a"], "ds": [30, 10, 2000, 2010, 40], "y": range(5)})
    panel = panel_of(frame, layout="long")
    assert panel.dates is None
    np.testing.assert_array_equal(panel.values, [1, np.nan, 0, 4, 2, 3])


def test_several_ids_make_one() -> None:
    frame = pd.DataFrame({"shop": [1.0, 1.0, 2.0, 2.0], "item": ["x", "y", "x", "y"], "ds": DAYS[0], "y": range(4)})
    frame = pd.concat([frame, frame.assign(ds=DAYS[1])])
    panel = panel_of(frame, id=("shop", "item"), freq="D")
    assert panel.ids == ("1,x", "1,y", "2,x", "2,y")
    assert_same(panel, panel_of(frame, layout="long", id=("shop", "item"), columns=("y",), freq="D"))


def test_a_single_series_with_covariates_needs_no_id() -> None:
    frame = LONG[LONG["unique_id"] == "a"].drop(columns="unique_id")
    panel = panel_of(frame, known=("price",))
    assert panel.ids == ("y",)
    np.testing.assert_array_equal(panel.values, A)


def test_what_is_known_ahead_is_kept_and_other_blank_rows_at_the_ends_are_not() -> None:
    frame = LONG.assign(y=[np.nan, *B[:3], np.nan, *A])
    ahead = panel_of(frame, known=("price",))
    assert np.diff(ahead.starts).tolist() == [4, 8]
    np.testing.assert_array_equal(ahead.values[:4], [*B[:3], np.nan])
    assert np.diff(panel_of(frame, id="unique_id", columns=("y",)).starts).tolist() == [3, 8]


@pytest.mark.parametrize(("fill", "filled"), [("forward", 2.0), ("linear", 3.0), (None, np.nan)])
def test_fill_is_of_the_target_inside_a_series(fill: Any, filled: float) -> None:
    panel = panel_of(LONG.assign(y=[*B[:4], np.nan, *A]), known=("price",), fill=fill)
    np.testing.assert_array_equal(panel.values[:8], [*B[:4], np.nan, 1.0, 2.0, filled])


def test_levels_of_a_run_are_kept() -> None:
    reading = Reading(**BESIDE)
    new = LONG[LONG["unique_id"] == "a"]
    panel = read(new, reading, covariates=EXPECTED)
    assert isinstance(panel, Panel)
    assert panel.covariates == EXPECTED
    np.testing.assert_array_equal(panel.static, [[0, 0]])
    with pytest.raises(DataError, match=r"column 'region' .* 1 category that the fitted data do not have: nord; .*"):
        read(new.assign(region="nord"), reading, covariates=EXPECTED)
    with pytest.raises(DataError, match="the model takes many series, but the data is read as real values"):
        read(new, Reading(columns=("y",)), covariates=EXPECTED)


SWAPPED = WIDE.rename(columns={"ds": "id"}).astype({"id": str})
BROKEN: dict[str, tuple[Any, dict[str, Any], type[ChainruleError], str]] = {
    "repeated rows": (pd.concat([LONG, LONG[:2]]), {}, ColumnError, "same series and date: b at 2024-01-03, b at"),
    "no target": (LONG.drop(columns="y"), {}, ColumnError, r"3 numeric columns: price, rain, store. Choose .*`columns"),
    "two targets": (LONG, {"columns": ("y", "rain")}, ColumnError, "names 2 columns, and a panel has one target"),
    "a missing column": (LONG, {"known": ("prise",)}, ColumnError, "no column 'prise'.* Did you mean 'price'"),
    "static that changes": (LONG, {"static": ("price",)}, ColumnError, "'price' .* changes within the series b, a"),
    "blank ids": (LONG.assign(unique_id=LONG["unique_id"].where(LONG["y"] != 10)), {}, MissingValuesError, "row 1"),
    "text as target": (LONG.assign(y="x"), {"columns": ("y",)}, ColumnError, "column 'y' .* is not numeric"),
    "no value": (LONG.assign(y=[np.nan] * 5 + A), {}, DataError, "1 series of the data without any value of y: b"),
    "infinite values": (LONG.assign(y=np.inf), {}, DataError, "infinite values"),
    "dates as covariates": (LONG.assign(x=DAYS[0]), {"past": ("x",)}, ColumnError, "'x' .* holds dates"),
    "no rows": (LONG[:0], {}, TooShortError, "no rows"),
    "a transform": (LONG, {"transform": "difference"}, ArgumentError, r'`transform="difference"` does not apply'),
    "dropped rows": (LONG, {"fill": "drop"}, ArgumentError, r'`fill="drop"` does not apply'),
    "a series": (LONG, {"series": "a"}, ArgumentError, r'`series="a"` does not apply to `layout="long"`'),
    "covariates of one": (LONG, {"layout": "one", "known": ("price",)}, ArgumentError, "`known=.*does not apply"),
    "covariates of columns": (WIDE, {"layout": "columns", "static": ("a",)}, ArgumentError, "`static=.*does not apply"),
    "ids of columns": (WIDE, {"layout": "columns", "id": "a"}, ArgumentError, "`id=.*does not apply"),
    "one of columns": (WIDE, {"layout": "columns", "columns": ("a",)}, ArgumentError, "expected several"),
    "dates of rows": (SWAPPED, {"layout": "rows", "date": "id"}, ArgumentError, "`date=.*does not apply"),
    "frequency of rows": (SWAPPED, {"layout": "rows", "freq": "D"}, ArgumentError, '`freq="D"` applies to dates'),
    "calendar of rows": (SWAPPED, {"layout": "rows", "calendar": ("hour",)}, ArgumentError, "`calendar=.* applies to"),
    "repeated ids of rows": (pd.concat([SWAPPED, SWAPPED[:1]]), {"layout": "rows"}, ColumnError, "ids .* repeat"),
    "words in columns": (WIDE.assign(note="x"), {"layout": "columns"}, ColumnError, "column 'note' .* is not numeric"),
    "a long array": (np.eye(3), {}, ArgumentError, "an array has no columns of ids"),
    "a lazy frame": (pl.LazyFrame({"y": [1.0]}), {}, DataError, "LazyFrame, which holds no values yet"),
    "calendar without dates": (LONG.drop(columns="ds"), {"calendar": ("hour",)}, ArgumentError, "`calendar=.* applies"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_read_is_refused(case: str) -> None:
    source, options, error, message = BROKEN[case]
    with pytest.raises(error, match=message):
        read(source, Reading(**{"layout": "long", **options}))


def test_polars_data_are_one_series_too() -> None:
    frame = pl.DataFrame({"ds": DAYS, "y": A[3:] + A[3:6]})
    for source in (frame, frame["y"]):
        series = read(source)
        assert isinstance(series, Series)
        np.testing.assert_array_equal(series.values[:, 0], frame["y"].to_numpy())


@given(st.lists(st.lists(st.none() | st.floats(-1e9, 1e9), max_size=6), min_size=1, max_size=5), st.randoms())
@settings(deadline=None, max_examples=50)
def test_values_come_back_from_rows_in_any_order(series: list[list[float | None]], random: Any) -> None:
    cells = [
        (f"s{i}", DAYS[j], np.nan if value is None else value)
        for i, values in enumerate(series)
        for j, value in enumerate([0.0, *values, 1.0])
    ]
    cells += [("dense", day, 1.0) for day in DAYS]
    kept = [cell for cell in cells if not np.isnan(cell[2])]
    random.shuffle(kept)
    panel = panel_of(pd.DataFrame(kept, columns=["unique_id", "ds", "y"]), layout="long", freq="D")
    assert sorted(panel.ids) == sorted({name for name, _, _ in cells})
    for name, values in zip(panel.ids, panel.observed, strict=True):
        np.testing.assert_array_equal(values, [value for each, _, value in cells if each == name])


@pytest.mark.sampled(0)
@pytest.mark.parametrize("kind", ["csv", "parquet", "feather", "xlsx"])
def test_a_table_may_be_very_wide(kind: str, tmp_path: Path) -> None:
    frame = pd.DataFrame(np.arange(3 * 5_001.0).reshape(3, -1), columns=[f"s{i}" for i in range(5_001)])
    path = written(frame, kind, tmp_path)
    with pytest.raises(DataError, match=r"has 5,001 columns; .* give `layout=\"rows\"` or `layout=\"columns\"`"):
        read(path)
    assert len(panel_of(path, layout="columns").ids) == 5_001
