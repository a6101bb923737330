"""Every frequency, with its gaps, and series that do not have it."""

import numpy as np
import pandas as pd
import pytest
from utilsforecast.preprocessing import fill_gaps

from chainrule.data import Panel, Reading, extended, read
from chainrule.errors import DataError
from tests.data.panels.frames import panel_of

STEPS = 40
FREQUENCIES = ("h", "15min", "2h", "D", "B", "W-SUN", "MS", "ME", "QE-DEC", "QS-JAN", "YE-DEC", "2D")
ZONED = ("h", "D", "B", "W-SUN", "MS", "ME")


def frame_of(freq: str, zone: str | None = None) -> pd.DataFrame:
    """Three series with gaps in the middle, over a change of the clocks; one begins later."""
    dates = pd.date_range("2024-03-28", periods=STEPS, freq=freq, tz=zone)
    full = pd.concat(
        [pd.DataFrame({"unique_id": name, "ds": dates[first:]}) for name, first in (("a", 0), ("b", 9), ("c", 0))]
    ).reset_index(drop=True)
    return full.assign(y=np.arange(len(full)) + 1.0).drop(index=[5, 13, 14, 50])


@pytest.mark.parametrize("freq", FREQUENCIES)
def test_gaps_become_missing_values(freq: str) -> None:
    frame = frame_of(freq)
    expected = fill_gaps(frame, freq=freq, end="per_serie")
    panel = panel_of(frame, layout="long")
    assert panel.freq == freq
    np.testing.assert_array_equal(panel.values, expected["y"])
    np.testing.assert_array_equal(panel.dates, expected["ds"].to_numpy("datetime64[ns]"))
    assert np.diff(panel.starts).tolist() == expected.groupby("unique_id").size().tolist()


@pytest.mark.parametrize("freq", ZONED)
def test_the_clocks_of_a_zone_are_followed(freq: str) -> None:
    frame = frame_of(freq, "Europe/Berlin")
    panel = panel_of(frame, layout="long", freq=freq)
    dates = pd.date_range("2024-03-28", periods=STEPS, freq=freq, tz="Europe/Berlin")
    assert panel.timezone == "Europe/Berlin"
    assert panel.dates is not None
    np.testing.assert_array_equal(panel.dates[:STEPS], dates.tz_convert(None).to_numpy("datetime64[ns]"))
    assert int(np.isnan(panel.values).sum()) == 4
    longer = extended(panel_of(frame[frame["ds"] < dates[-3]], layout="long", freq=freq), 3)
    np.testing.assert_array_equal(longer.dates, panel.dates)


def test_series_of_another_frequency_are_named() -> None:
    days = frame_of("D")
    months = pd.DataFrame({"unique_id": "monthly", "ds": pd.date_range("2024-01-01", periods=5, freq="MS"), "y": 1.0})
    with pytest.raises(DataError, match=r"steps of the data are days \(D\), but those of monthly are months"):
        panel_of(pd.concat([days, months]), layout="long")
    both = panel_of(pd.concat([days, months]), layout="long", freq="D")
    assert np.isnan(both.values[both.starts[3] :]).sum() == 30 + 28 + 30 + 29 + 0
    noon = days[:9].assign(ds=days["ds"][:9] + pd.Timedelta(hours=12), unique_id="noon")
    with pytest.raises(DataError, match=r"not the dates of 1 of its series, noon: noon at 2024-03-28T12:00:00, .*"):
        panel_of(pd.concat([days, noon]), layout="long")
    with pytest.raises(DataError, match=r"means days, but no two dates of a series of the data are one step apart"):
        panel_of(months, layout="long", freq="D")
    with pytest.raises(DataError, match=r"are months, on the 1st .*MS.*, but not the dates of 3 of its series"):
        panel_of(days, layout="long", freq="MS")


def test_a_series_may_be_sparse() -> None:
    sparse = pd.DataFrame({"unique_id": "rare", "ds": pd.to_datetime(["2024-04-01", "2024-04-04", "2024-04-20"])})
    panel = panel_of(pd.concat([frame_of("D"), sparse.assign(y=3.0)]), layout="long")
    assert np.isnan(panel.values[panel.starts[3] :]).sum() == 17


def test_dates_far_off_are_refused_rather_than_filled() -> None:
    frame = frame_of("D")
    frame.loc[20, "ds"] = pd.Timestamp("2200-01-01")
    with pytest.raises(DataError, match=r"between which 64,... dates of the frequency D are missing"):
        read(frame, Reading(layout="long"))


def test_dates_without_a_frequency_are_refused() -> None:
    days = pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-08", "2024-02-17"])
    with pytest.raises(DataError, match=r"no frequency fits the dates of the data. Name one with `freq`"):
        panel_of(pd.DataFrame({"unique_id": ["a", "a", "b", "b"], "ds": days, "y": 1.0}), layout="long")


@pytest.mark.parametrize(("freq", "season"), [("h", 24), ("D", 7), ("B", 5), ("MS", 12)])
def test_the_season_is_that_of_the_frequency(freq: str, season: int) -> None:
    dates = pd.date_range("2024-01-01", periods=60, freq=freq)
    panel = panel_of(pd.DataFrame({"ds": dates, "a": 1.0, "b": np.arange(60.0)}), layout="columns")
    assert panel.season == season


def test_the_season_of_numbered_steps_is_found_in_all_series_together() -> None:
    noise = np.random.default_rng(0)
    waves = np.sin(np.arange(150) * 2 * np.pi / 6)[:, None] + noise.normal(size=(150, 30))
    waves[noise.random(waves.shape) < 0.05] = np.nan
    assert panel_of(waves, layout="columns").season == 6
    assert panel_of(noise.normal(size=(150, 30)), layout="columns").season == 1
    assert panel_of(np.ones((20, 3)), layout="columns").season == 1
    assert panel_of(waves, layout="columns", season=4).season == 4


def test_a_frequency_of_a_panel_is_that_of_all_dates() -> None:
    panel = panel_of(frame_of("D"), layout="long")
    assert isinstance(panel, Panel)
    assert panel.frequency is not None
    assert panel.frequency.alias == "D"
