"""Forecasts of panels: dates that go on as the series do, frames, tables and fans."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from chainrule.data.panels.panel import Panel
from chainrule.errors import ArgumentError, ShapeError
from chainrule.runs.scoring.panels.forecast_arrays import forecast_panel
from chainrule.runs.scoring.panels.origins import Origins
from chainrule.runs.scoring.panels.panel_forecast import PanelForecast
from tests.runs.scoring.panels.cases import LEVELS, guesses, panel_of, walks

COLUMNS = ["gru", "gru-lo-40", "gru-hi-40", "gru-lo-80", "gru-hi-80", "gru-lo-95", "gru-hi-95"]


def forecast(panel: Panel, horizon: int = 3) -> PanelForecast:
    """Of all series, from their last known values on."""
    at = Origins(panel, np.arange(len(panel.ids)), panel.ends, horizon)
    return forecast_panel(panel, at.series, at.rows, guesses(at), LEVELS, model="gru")


DATED = forecast(walks(50, 20, 9, dated=True))
NUMBERED = forecast(walks(50, 20, 9))


def test_the_frame_is_in_the_format_of_utilsforecast() -> None:
    frame = DATED.to_frame()
    assert list(frame.columns) == ["unique_id", "ds", *COLUMNS]
    assert frame.unique_id.tolist() == ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    assert frame.ds.dt.strftime("%m-%d").tolist() == ["07-01", "07-02", "07-03"] * 3
    np.testing.assert_array_equal(frame["gru-hi-95"], DATED.quantiles[:, :, 6].ravel())
    assert NUMBERED.to_frame().ds.tolist() == [51, 52, 53, 21, 22, 23, 10, 11, 12]


def test_the_csv_keeps_every_digit_and_the_dates() -> None:
    read = pd.read_csv(io.StringIO(DATED.to_csv()))
    assert read.ds[0] == "2024-07-01"
    np.testing.assert_array_equal(read[COLUMNS[0]], DATED.to_frame()["gru"])


def test_rows_that_are_known_ahead_give_their_dates() -> None:
    values = np.append(walks(20).values, [np.nan, np.nan])
    found = forecast(panel_of(values, values[:20], dated=True), horizon=4)
    assert found.dates is not None
    assert found.dates.astype("datetime64[D]").astype(str).tolist() == [
        ["2024-06-29", "2024-06-30", "2024-07-01", "2024-07-02"],
        ["2024-07-01", "2024-07-02", "2024-07-03", "2024-07-04"],
    ]


def test_dates_keep_their_time_zone() -> None:
    days = pd.date_range("2024-03-25", "2024-03-30", tz="Europe/Berlin").tz_convert("UTC").tz_localize(None)
    dates = days.to_numpy("datetime64[ns]")
    starts = np.array([0, 6])
    panel = Panel(np.arange(6.0), starts, ("a",), dates=dates, freq="D", timezone="Europe/Berlin", name="zoned")
    frame = forecast(panel).to_frame()
    assert str(frame.ds.dt.tz) == "Europe/Berlin"
    assert frame.ds.dt.hour.tolist() == [0, 0, 0], "though the clocks change on the 31st"
    assert forecast(panel).plot().axes[0].get_ylabel() == "a"


def test_the_table_shows_the_first_series_and_says_how_many_more() -> None:
    table = forecast(walks(*[20] * 16, dated=True), horizon=14).table()
    assert len(table.rows) == 28
    assert table.columns[:3] == ("series", "date", "0.025")
    assert table.notes == ("and 14 series more, all in to_frame()",)
    assert max(map(len, str(table).splitlines())) <= 80
    assert DATED.table().notes == ()
    assert DATED.summary().startswith("of shops: 3 series, 3 steps, quantiles 2.5 %, 10 %")


@pytest.mark.parametrize("found", [DATED, NUMBERED])
def test_the_dictionary_is_strict_json(found: PanelForecast) -> None:
    read = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    np.testing.assert_array_equal(read["quantiles"], found.quantiles)
    assert len(read["steps" if found.dates is None else "dates"][0]) == 3


@pytest.mark.parametrize("found", [DATED, NUMBERED])
def test_one_series_is_a_fan_and_many_are_a_page(found: PanelForecast) -> None:
    fan = found.plot(series="b", actual=np.ones(3)).axes[0]
    assert fan.get_ylabel() == "b"
    page = found.plot()
    assert [axes.get_title("left") for axes in page.axes] == ["a", "b", "c"]
    chosen = found.plot(series=["c", "a"], actual=np.ones((2, 3))).axes
    assert [axes.get_title("left") for axes in chosen] == ["c", "a"]
    lines = chosen[1].lines
    np.testing.assert_array_equal(lines[0].get_ydata(), found.histories[0][-40:])
    np.testing.assert_array_equal(np.asarray(lines[1].get_ydata())[1:], found.quantiles[0, :, 3])
    page.canvas.draw()


def test_a_page_has_room_for_twelve() -> None:
    many = forecast(walks(*[20] * 16))
    assert len(many.plot().axes) == 12
    with pytest.raises(ArgumentError, match="16 series were named; expected 1 to 12"):
        many.plot(series=list(many.ids))
    with pytest.raises(ArgumentError, match="`series` is 'z'"):
        many.plot(series="z")


def test_what_does_not_fit_together_is_refused() -> None:
    panel = walks(20, 20)
    quantiles = guesses(Origins(panel, np.array([0, 0]), np.array([19, 20]), 2))
    with pytest.raises(ArgumentError, match="one for each"):
        forecast_panel(panel, np.array([0, 0]), np.array([19, 20]), quantiles, LEVELS)
    with pytest.raises(ShapeError, match="forecasts, steps and levels"):
        forecast_panel(panel, np.array([0]), np.array([20]), np.ones(7), LEVELS)
    with pytest.raises(ShapeError, match="1 history"):
        PanelForecast("data", "y", ("a", "b"), LEVELS, quantiles, [np.ones(3)])
