"""Series from memory."""

import numpy as np
import pandas as pd
import pytest

from chainrule.data import Reading, Series, read
from chainrule.errors import ArgumentError, ColumnError, DataError, MissingValuesError, ShapeError

X = np.random.default_rng(0).standard_normal(40)


def series(source: object, reading: Reading | None = None) -> Series:
    data = read(source, reading or Reading())  # type: ignore[arg-type]
    assert isinstance(data, Series)
    return data


@pytest.mark.parametrize("values", [X, X[:, None], X.astype(np.float32), (100 * X).astype(np.int32)])
def test_an_array_of_one_column(values: np.ndarray) -> None:
    read_back = series(values)
    np.testing.assert_array_equal(read_back.values[:, 0], values.reshape(-1).astype(np.float64))
    assert (read_back.columns, read_back.dates) == (("value",), None)


def test_all_columns_of_an_array_are_taken_unless_some_are_chosen() -> None:
    both = np.stack([X, 2 * X], axis=1)
    assert series(both).columns == ("value1", "value2")
    np.testing.assert_array_equal(series(both, Reading(columns=("value2",))).values, both[:, 1:])


def test_the_index_of_pandas_data_gives_the_dates() -> None:
    days = pd.date_range("2024-01-01", periods=40, freq="D")
    by_series = series(pd.Series(X, index=days, name="price"))
    by_frame = series(pd.DataFrame({"price": X, "note": "x"}, index=days.to_period()))
    for read_back in (by_series, by_frame):
        assert (read_back.columns, read_back.season) == (("price",), 7)
        assert read_back.dates is not None
        np.testing.assert_array_equal(read_back.dates, days.to_numpy().astype(read_back.dates.dtype))


def test_pandas_data_without_dates() -> None:
    assert series(pd.Series(X)).dates is None
    assert series(pd.Series(X)).columns == ("value",)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (np.zeros((2, 2, 2)), ShapeError, r"shape \(2, 2, 2\); expected \(steps,\) or \(steps, columns\)"),
        (np.array(["a", "b"]), DataError, "expected numbers"),
        (np.where(X > 1, np.nan, X), MissingValuesError, "fill"),
        (pd.DataFrame({"a": X, "b": X}), ColumnError, "Choose"),
        ([1.0, 2.0], ArgumentError, "cannot read data from a list; expected a path"),
        (None, ArgumentError, "cannot read data from a NoneType"),
    ],
)
def test_what_cannot_be_a_series(source: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        series(source)


def test_columns_of_one_name_are_numbered() -> None:
    frame = pd.DataFrame(np.stack([X, 2 * X], axis=1), columns=["a", "a"])
    with pytest.raises(ColumnError, match=r"no column 'a'; it has a 1, a 2"):
        series(frame, Reading(columns=("a",)))
    np.testing.assert_array_equal(series(frame, Reading(columns=("a 2",))).values[:, 0], 2 * X)
