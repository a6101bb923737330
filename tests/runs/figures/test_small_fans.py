"""A page of small fans: an axes for each series, of histories of any length, with dates or without."""

import io

import numpy as np
import pytest

from chainrule.runs.figures.small_fans import small_fans

LEVELS = np.array([0.1, 0.5, 0.9])
HISTORIES = [np.arange(5.0), np.ones(1), np.array([1.0, np.nan, 3.0, np.nan])]
QUANTILES = np.tile([1.0, 2.0, 3.0], (3, 6, 1))
NAMES = ["a", "$b$ & a name that goes on and on", "c"]


def dates(first: str, count: int) -> np.ndarray:
    return np.datetime64(first) + np.arange(count) * np.timedelta64(1, "D")


@pytest.mark.parametrize("dated", [True, False])
def test_each_series_has_its_axes_name_and_bands(dated: bool) -> None:
    past = [dates("2023-12-01", len(history)) for history in HISTORIES] if dated else None
    future = [dates("2024-01-01", 6)] * 3 if dated else None
    page = small_fans(NAMES, HISTORIES, past, LEVELS, QUANTILES, future, actual=np.ones((3, 6)))
    page.savefig(io.BytesIO())
    assert [axes.get_title("left") for axes in page.axes] == ["a", "$b$ & a name that goes …", "c"]
    for axes in page.axes:
        history, median, actual = axes.lines
        assert len(axes.collections) == 1, "one band between the outer levels"
        np.testing.assert_array_equal(np.asarray(median.get_ydata())[1:], 2.0)
        np.testing.assert_array_equal(actual.get_ydata(), 1.0)
        assert len(np.asarray(history.get_xdata())) == len(np.asarray(history.get_ydata()))


@pytest.mark.parametrize("unit", ["s", "m", "h", "D", "M"])
def test_ticks_fit_however_short_a_time_is(unit: str) -> None:
    for steps in range(2, 75, 3):
        times = (np.datetime64("2020-03-20T15:00", "s").astype(f"M8[{unit}]") + np.arange(steps)).astype("M8[us]")
        quantiles = np.ones((1, 1, 3))
        page = small_fans(["a"], [np.ones(steps - 1)], [times[:-1]], LEVELS, quantiles, [times[-1:]])
        assert len(page.axes[0].get_xticks()) <= 6


@pytest.mark.parametrize(("count", "axes"), [(1, 1), (2, 2), (4, 4), (12, 12)])
def test_a_page_has_no_empty_axes(count: int, axes: int) -> None:
    page = small_fans(["a"] * count, [np.ones(3)] * count, None, LEVELS, QUANTILES[[0] * count, :1], None)
    assert len(page.axes) == axes
    assert page.get_suptitle() == "Forecasts, 1 step ahead, 10 % to 90 %"
