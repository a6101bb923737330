"""sktime's frames as long frames, which are read as panels; sktime itself is not needed."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.adapters.sktime_frames import known_columns, long_frame, series_of
from chainrule.data import Panel, Reading, read
from chainrule.errors import DataError

STEPS = 40
TIMES: dict[str, Any] = {
    "numbers": pd.RangeIndex(200_005, 200_005 + STEPS + 2),
    "months": pd.period_range("2020-01", periods=STEPS + 2, freq="M"),
    "weeks": pd.period_range("2020-01-01", periods=STEPS + 2, freq="W-WED"),
    "ends of quarters": pd.date_range("2020-01-01", periods=STEPS + 2, freq="QE"),
    "hours of a zone": pd.date_range("2024-03-30 20:00", periods=STEPS + 2, freq="h", tz="Europe/Berlin"),
}
LEVELS: dict[str, tuple[list[Any], ...]] = {"one": (), "panel": (["a", "b"],), "hierarchy": (["a", "b"], [1, 2])}


def frames(times: Any, levels: tuple[list[Any], ...] = ()) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A target of all times but the last two, and a price at all."""
    index = times
    if levels:
        index = pd.MultiIndex.from_frame(pd.MultiIndex.from_product([*levels, times]).to_frame())  # without frequencies
    values = np.sin(np.arange(len(index)))
    X = pd.DataFrame({"price": values + 2}, index=index)
    y = pd.DataFrame({"sales": values}, index=index)
    return y[index.get_level_values(-1) < times[-2]], X


def panel_of(y: pd.DataFrame, X: pd.DataFrame | None) -> Panel:
    cutoff = y.index.get_level_values(-1)[-1:]
    reading = Reading(layout="long", known=tuple(known_columns(X)))
    panel = read(long_frame(y, X, cutoff), reading)
    assert isinstance(panel, Panel)
    return panel


@pytest.mark.parametrize("levels", LEVELS.values(), ids=LEVELS)
@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_series_of_all_times_and_levels_become_a_panel(times: Any, levels: tuple[list[Any], ...]) -> None:
    y, X = frames(times, levels)
    panel = panel_of(y, X)
    assert panel.ids == tuple(dict.fromkeys(series_of(y.index)))
    assert np.concatenate(panel.observed).tolist() == y["sales"].tolist()
    assert panel.known[:, 0].tolist() == X["price"].tolist()
    assert [each.name for each in panel.covariates.known] == ["X['price']"]
    assert np.diff(panel.starts).tolist() == [STEPS + 2] * len(panel.ids)


@pytest.mark.parametrize(
    ("times", "season"),
    [
        (pd.period_range("2020-01", periods=60, freq="M"), 12),
        (pd.date_range("2020-01-01", periods=60, freq="QE"), 4),
        (pd.date_range("2024-03-30", periods=60, freq="h"), 24),
    ],
    ids=lambda value: str(getattr(value, "freqstr", value)),
)
def test_the_season_is_that_of_the_dates(times: Any, season: int) -> None:
    y = pd.DataFrame({"sales": np.random.default_rng(0).normal(size=60)}, index=times)
    assert panel_of(y, None).season == season


def test_gaps_are_steps_without_a_value_and_series_begin_with_one() -> None:
    index = pd.MultiIndex.from_product([["a", "b"], range(6)])
    y = pd.DataFrame({"sales": [np.nan, np.nan, 1, np.nan, 3, 4, 0, 1, 2, 3, 4, 5]}, index=index).drop(("b", 2))
    panel = panel_of(y, None)
    for observed, expected in zip(panel.observed, ([1, np.nan, 3, 4], [0, 1, np.nan, 3, 4, 5]), strict=True):
        np.testing.assert_array_equal(observed, expected)


def test_a_series_that_ends_earlier_is_refused() -> None:
    y, _ = frames(TIMES["months"], LEVELS["panel"])
    blank = y.copy()
    blank.iloc[-1] = np.nan
    for lacking in (y.iloc[:-1], blank):
        with pytest.raises(DataError, match=r"1 series of `y` \('b'\) without a value at 2023-04, from which all"):
            long_frame(lacking, None, y.index.get_level_values(-1)[-1:])


def test_names_of_series_are_told_apart() -> None:
    index = pd.MultiIndex.from_tuples([("a, b", "c", 0), ("a", "b, c", 0), (1, "c", 0), ("1", "c", 0)])
    assert len(set(series_of(index))) == len(index)
