"""New rows join a panel as they would have been read with it."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.data import Panel, Reading, check_known_ahead, extended, joined, read, read_rows, with_future
from chainrule.errors import ArgumentError, DataError
from tests.data.panels.frames import BESIDE, DAYS, LONG, WIDE, A, B, assert_same, panel_of

READING = Reading(**BESIDE)
END = {"a": DAYS[5], "b": DAYS[5]}
KNOWN = LONG[LONG["ds"] <= DAYS[5]]
SINCE = LONG[LONG["ds"] > DAYS[5]]


def known() -> Panel:
    return panel_of(KNOWN, **BESIDE)


@pytest.mark.parametrize("new", [SINCE, LONG, LONG[LONG["ds"] >= DAYS[4]]], ids=["what came since", "all", "the end"])
def test_observations_join(new: pd.DataFrame) -> None:
    expected = replace(panel_of(LONG, **BESIDE), season=known().season)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(with_future(known(), new, READING), expected)
        if new is not SINCE:  # of so few dates alone, a frequency cannot be told
            fresh = read(new, replace(READING, freq="D"), covariates=known().covariates)
            assert isinstance(fresh, Panel)
            assert_same(joined(known(), fresh), expected)


def test_some_series_may_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    SINCE[SINCE["unique_id"] == "a"].to_csv(path, index=False)
    panel = with_future(known(), path, READING, inherited=True)
    assert [len(each) for each in panel.observed] == [4, 8]


def test_what_is_known_ahead_joins_with_or_without_a_blank_target() -> None:
    ahead = pd.DataFrame(
        [(name, day, 9.5, True) for name, day0 in END.items() for day in DAYS[6:8] if day > day0],
        columns=["unique_id", "ds", "price", "open"],
    )
    panel = with_future(known(), ahead.assign(rain=np.nan, region=None, store=np.nan), READING)
    assert np.diff(panel.starts).tolist() == [6, 8]
    assert [len(each) for each in panel.observed] == [4, 6]
    assert panel.known is not None
    np.testing.assert_array_equal(panel.known[4:6], [[9.5, 1], [9.5, 1]])
    check_known_ahead(panel, 2)
    with pytest.raises(DataError, match=r"price, open of the data must be known ahead for 3 steps, and are .* 2"):
        check_known_ahead(panel, 3)
    then = with_future(panel, SINCE, READING)
    assert [len(each) for each in then.observed] == [5, 8]


def test_steps_without_dates_follow_or_repeat() -> None:
    panel = panel_of(np.array([[1.0, 10.0], [2.0, 20.0], [3.0, np.nan]]), layout="columns")
    more = np.array([[1.0, 30.0], [2.0, 40.0], [3.0, np.nan], [4.0, np.nan]])
    longer = joined(panel, panel_of(more, layout="columns"))
    assert [each.tolist() for each in longer.observed] == [[1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 30.0, 40.0]]
    with pytest.raises(DataError, match="repeats the series value1 but for some values"):
        joined(panel, panel_of(more + np.eye(4)[2, :, None], layout="columns"))


COUNTED = pd.DataFrame(
    {"unique_id": ["a"] * 4 + ["b"] * 3, "ds": [1000, 1002, 1006, 1008, 1004, 1006, 1008], "y": [*range(4), 7, 8, 9]}
)


@pytest.mark.parametrize("layout", ["long", "columns"])
def test_numbers_of_steps_place_new_rows_as_dates_do(layout: Any) -> None:
    def laid_out(rows: pd.DataFrame) -> pd.DataFrame:
        return rows if layout == "long" else rows.pivot(index="ds", columns="unique_id", values="y").reset_index()

    def rows(*numbers: int, y: float = 5.0) -> pd.DataFrame:
        return laid_out(pd.concat([pd.DataFrame({"unique_id": name, "ds": [*numbers], "y": y}) for name in "ab"]))

    reading = Reading(layout=layout)
    panel = panel_of(laid_out(COUNTED), layout=layout)
    assert panel.ids == ("a", "b")
    assert panel.first_steps is not None
    assert panel.numbers is not None
    assert (panel.first_steps.tolist(), panel.step) == ([1000, 1004], 2)
    assert panel.numbers.tolist() == [1000, 1002, 1004, 1006, 1008, 1004, 1006, 1008]
    more = with_future(panel, rows(1010), reading)
    assert more.ends.tolist() == [6, 10]
    overlap = pd.concat([COUNTED, COUNTED.tail(2).assign(ds=1010, unique_id=["a", "b"])])
    assert with_future(panel, laid_out(overlap[overlap["ds"] >= 1006]), reading).ends.tolist() == [6, 10]
    with pytest.raises(DataError, match=r"leaves a gap after .* it goes on with a at 1020, b at 1020"):
        with_future(panel, rows(1020), reading)
    with pytest.raises(DataError, match="ends before the known data does, in the series a, b"):
        with_future(panel, rows(1004), reading)
    with pytest.raises(DataError, match="between those of the known data, whose numbers rise by 2: a at 1009"):
        with_future(panel, rows(1009), reading)
    with pytest.raises(DataError, match="do not rise by 2, as those of the fitted data do: a at 1011"):
        with_future(panel, rows(1010, 1011), reading)
    with pytest.raises(DataError, match="the known data alone has numbers of its steps"):
        with_future(panel, rows(1010).drop(columns="ds").iloc[:1], reading)


@pytest.mark.parametrize("what", ["values", "known"])
@pytest.mark.parametrize("dated", [True, False])
def test_infinite_values_are_named_with_their_column_series_and_step(what: str, dated: bool) -> None:
    column = {"values": "y", "known": "price"}[what]
    frame = LONG.astype({"price": float}).copy()
    frame.loc[[1, 7], column] = np.inf
    if not dated:
        frame["ds"] = range(100, 113)
    when = "b at 2024-01-04, a at 2024-01-03" if dated else "b at 101, a at 107"
    with pytest.raises(DataError, match=rf"{column} of the data has infinite values, in {when}\."):
        panel_of(frame, layout="long", known=("price",))


def test_numbers_of_steps_go_on_however_large_they_become() -> None:
    panel = panel_of(COUNTED.assign(ds=COUNTED["ds"] + 98_990), layout="long")
    more = with_future(panel, pd.DataFrame({"unique_id": ["a"], "ds": [100_000], "y": [5]}), Reading(layout="long"))
    assert more.numbers is not None
    assert more.numbers[more.ends[0] - 1] == 100_000


def test_a_part_of_a_series_without_dates_does_not_follow_it() -> None:
    values = np.random.default_rng(0).normal(size=(40, 2))
    panel = panel_of(values, layout="columns")
    for part, said in ((slice(25), "1 to 25"), (slice(10, 20), "11 to 20"), (slice(35, None), "36 to 40")):
        with pytest.raises(DataError, match=f"begins with steps {said} of those that are kept of value1"):
            joined(panel, panel_of(values[part], layout="columns"))
    assert joined(panel, panel_of(values[:10, ::-1] + 1, layout="columns")).ends.tolist() == [50, 100]


def test_new_series_come_where_they_may() -> None:
    new = SINCE[SINCE["unique_id"] == "a"].assign(unique_id="c", region="south", y=3.0)
    with pytest.raises(DataError, match=r"the new data has 1 series that the known data does not have: c; it has b, a"):
        with_future(known(), new, READING)
    panel = with_future(known(), new, READING, allow_new=True)
    assert panel.ids == ("b", "a", "c")
    assert panel.static is not None
    np.testing.assert_array_equal(panel.static[2], [1, 0])
    assert panel.dates is not None
    np.testing.assert_array_equal(panel.dates[panel.starts[2] :], DAYS[6:].to_numpy())


def test_revised_values_are_taken_with_a_warning() -> None:
    with pytest.warns(
        UserWarning, match="has other values than the known data for 1 step that it repeats, in the series b"
    ):
        panel = with_future(known(), LONG.assign(y=[99.0, *B[1:], *A]), READING)
    assert panel.values[0] == 99


REFUSED: dict[str, tuple[pd.DataFrame, str]] = {
    "a gap": (SINCE[SINCE["ds"] > DAYS[6]], "leaves a gap after .* it goes on with a at 2024-01-08"),
    "an early end": (KNOWN[KNOWN["ds"] < DAYS[4]], "ends before the known data does, in the series b, a"),
    "changed statics": (
        SINCE.assign(region="south"),
        "'region' .* differs from that of the known data, in the series a",
    ),
    "other hours": (SINCE.assign(ds=SINCE["ds"] + pd.Timedelta(hours=1)), "."),
    "unknown levels": (SINCE.assign(region="west"), "1 category that the fitted data do not have: west"),
    "no dates": (SINCE.drop(columns="ds"), "has no column of dates"),
    "a zone": (SINCE.assign(ds=SINCE["ds"].dt.tz_localize("Europe/Berlin")), "the new data alone has a time zone"),
    "other steps": (LONG.assign(ds=LONG["ds"] + pd.Timedelta(hours=1)), "steps between those of the known data, days"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_go_on_is_refused(case: str) -> None:
    new, message = REFUSED[case]
    with pytest.raises((DataError, ArgumentError), match=message):
        with_future(known(), new, READING)


def test_other_columns_and_frequencies_are_refused() -> None:
    plain = panel_of(LONG, id="unique_id", columns=("y",))
    with pytest.raises(DataError, match="has other covariates than"):
        joined(known(), plain)
    with pytest.raises(DataError, match="has the target value; expected y"):
        joined(plain, panel_of(WIDE, layout="columns"))
    with pytest.raises(DataError, match="has steps of the frequency B; expected D"):
        joined(plain, replace(plain, freq="B"))
    with pytest.raises(DataError, match="alone has dates"):
        joined(plain, replace(plain, dates=None, freq=None))
    with pytest.raises(DataError, match="takes tables of many series, and the data is none"):
        read_rows(LONG, Reading(), plain)


@pytest.mark.parametrize("horizon", [1, 2, 5])
def test_every_series_gets_the_rows_of_the_horizon(horizon: int) -> None:
    frame = LONG.assign(y=[*B[:3], np.nan, np.nan, *A])
    panel = panel_of(frame, **BESIDE)
    longer = extended(panel, horizon)
    assert (np.diff(longer.starts) == longer.ends - longer.starts[:-1] + horizon).all()
    assert longer.known is not None
    assert longer.dates is not None
    np.testing.assert_array_equal(longer.known[3 : 3 + min(horizon, 2), 0], [1.5, 2.0][:horizon])
    assert np.isnan(longer.known[5 : 3 + horizon]).all()
    np.testing.assert_array_equal(longer.dates[-horizon:], pd.date_range("2024-01-09", periods=horizon))
    assert_same(extended(longer, horizon), longer)


def test_a_horizon_is_a_whole_number() -> None:
    with pytest.raises(ArgumentError, match="`horizon` is 0"):
        extended(known(), 0)


def test_what_is_missing_ahead_is_named() -> None:
    check_known_ahead(panel_of(LONG, past=("rain",)), 3)
    options: dict[str, Any] = {"known": ("price",)}
    with pytest.raises(DataError, match=r"price .* 2 series: b at 2024-01-08 to 2024-01-09, a at 2024-01-09"):
        check_known_ahead(panel_of(LONG, **options), 2)
