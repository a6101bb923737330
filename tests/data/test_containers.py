"""Containers built by hand: defaults, conversions, and an error for each way they can be unfit."""

import numpy as np
import pytest

from chainrule.data import Alphabet, Labelled, Series, Symbols
from chainrule.errors import ArgumentError, ChainruleError, DataError, MissingValuesError, ShapeError

X = np.arange(6.0).reshape(3, 2)
DAYS = np.array(["2024-01-01", "2024-01-02", "2024-01-03"], dtype="datetime64[D]")


def test_values_alone_are_a_series() -> None:
    one = Series(X[:, 0])
    two = Series(X)
    assert (one.values.shape, one.columns, one.dates, one.name, one.season) == ((3, 1), ("value",), None, "series", 1)
    assert two.columns == ("value1", "value2")
    assert np.shares_memory(two.values, X)


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8])
def test_other_numbers_become_float64(dtype: type) -> None:
    series = Series(X.astype(dtype))
    assert series.values.dtype == np.float64
    np.testing.assert_array_equal(series.values, X)


def test_values_that_may_not_be_written_to_are_copied() -> None:
    fixed = X.copy()
    fixed.flags.writeable = False
    assert Series(fixed).values.flags.writeable


def test_dates_are_kept_in_nanoseconds() -> None:
    dates = Series(X, dates=DAYS).dates
    assert dates is not None
    assert dates.dtype == "datetime64[ns]"
    np.testing.assert_array_equal(dates, DAYS)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"values": np.zeros((2, 2, 2))}, ShapeError, r"shape \(2, 2, 2\); expected \(steps, columns\)"),
        ({"values": np.zeros((0, 2))}, ShapeError, r"shape \(0, 2\)"),
        ({"values": np.array(["a"])}, ArgumentError, "of type <U1; expected numbers"),
        ({"values": np.array([1.0, np.nan])}, MissingValuesError, "missing or infinite values, at steps 2"),
        ({"values": np.array([np.inf, 1.0])}, DataError, "missing or infinite values, at steps 1"),
        ({"values": np.array([1e299, 1.0])}, DataError, "Scale the data down"),
        ({"columns": ("a",)}, ShapeError, "has 2 columns but 1 name: a"),
        ({"columns": ("a", "a")}, ArgumentError, "expected distinct names"),
        ({"season": 0}, ArgumentError, "season is 0; expected a whole number"),
        ({"season": 1.5}, ArgumentError, "season is 1.5; expected a whole number"),
        ({"dates": DAYS[:2]}, ShapeError, r"3 steps but dates of shape \(2,\)"),
        ({"dates": np.arange(3)}, ArgumentError, "of type int64; expected datetime64"),
        ({"dates": DAYS[::-1]}, DataError, "do not increase at step 2"),
        ({"dates": DAYS[[0, 1, 1]]}, DataError, "do not increase at step 3"),
        ({"dates": DAYS - np.timedelta64(365 * 700, "D")}, DataError, "not from 1678 to 2261"),
        ({"dates": np.array(["NaT", *DAYS[1:]], dtype="datetime64[D]")}, DataError, "some dates of series are missing"),
    ],
)
def test_an_unfit_series_is_refused(options: dict[str, object], error: type[ChainruleError], message: str) -> None:
    with pytest.raises(error, match=message):
        Series(**{"values": X, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("document", "end", "error", "message"),
    [
        (np.array([0, 3]), (), ArgumentError, "indices from 0 to 3; expected 0 to 2, those of its alphabet"),
        (np.array([-1, 1]), (), ArgumentError, "indices from -1 to 1"),
        (np.array([0, 1]), (3,), ArgumentError, "indices from 0 to 3"),
        (np.array([0.0, 1.0]), (), ShapeError, "type float64; expected one row of whole numbers"),
        (np.array([[0, 1]]), (), ShapeError, r"shape \(1, 2\)"),
    ],
)
def test_unfit_symbols_are_refused(
    document: np.ndarray, end: tuple[int, ...], error: type[ChainruleError], message: str
) -> None:
    with pytest.raises(error, match=message):
        Symbols([np.array([1]), document], Alphabet.of(["abc"]), "abc", end=end)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"labels": np.array([0, 1])}, ShapeError, r"3 inputs but labels of shape \(2,\)"),
        ({"labels": np.array([0, 1, 2])}, ArgumentError, "indices from 0 to 2; expected 0 to 1, those of its classes"),
        ({"labels": np.array([0.0, 1.0, 1.0])}, ArgumentError, "labels of type float64"),
        ({"test": np.array([True])}, ShapeError, r"3 inputs but test of shape \(1,\)"),
        ({"kind": "image"}, ArgumentError, "Did you mean 'images'"),
    ],
)
def test_unfit_labelled_examples_are_refused(
    options: dict[str, object], error: type[ChainruleError], message: str
) -> None:
    fit: dict[str, object] = {"inputs": np.zeros((3, 1, 2, 2), np.uint8), "labels": np.array([0, 1, 1])}
    fit |= {"classes": ("a", "b"), "kind": "images", "name": "x"}
    assert Labelled(**fit).test is None  # type: ignore[arg-type]
    with pytest.raises(error, match=message):
        Labelled(**{**fit, **options})  # type: ignore[arg-type]
