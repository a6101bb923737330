"""Series that go on: what may follow what, forecasts from new data, updates, and files that have grown."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import chainrule
from chainrule import Reading, Run
from chainrule.data import Series
from chainrule.errors import ArgumentError, ColumnError, DataError, ShapeError, TooShortError, TransformError
from chainrule.runs.continuing import go_on
from chainrule.runs.kinds.series.run import SeriesRun
from tests.runs.cases import ar1, daily, write_csv

pytestmark = pytest.mark.usefixtures("without_figures")

VALUES = ar1(60)


def dated(begin: int, end: int, by: float = 0.0) -> Series:
    return Series(VALUES[begin:end] + by, ("a",), daily(60)[begin:end], "new.csv")


@given(st.integers(2, 58), st.data())
def test_dates_join_whatever_is_repeated(end: int, drawn: st.DataObject) -> None:
    begin = drawn.draw(st.integers(0, end))
    until = drawn.draw(st.integers(max(end, begin + 1), 60))
    now = go_on(dated(0, end), dated(begin, until))
    np.testing.assert_array_equal(now.series.values, VALUES[:until])
    np.testing.assert_array_equal(now.series.dates, daily(60)[:until])
    assert (now.steps, now.revised) == (until - end, None)


@given(st.integers(2, 58), st.integers(1, 20))
def test_without_dates_what_repeats_all_goes_on_and_anything_else_follows(end: int, more: int) -> None:
    known = Series(VALUES[:end])
    all_of_it = Series(VALUES[: end + more])
    for new in (all_of_it, Series(VALUES[end : end + more])):
        now = go_on(known, new)
        np.testing.assert_array_equal(now.series.values, all_of_it.values)
        assert now.steps == len(all_of_it.values) - end


@pytest.mark.parametrize(
    ("part", "said"), [(slice(40), "1 to 40"), (slice(20, 30), "21 to 30"), (slice(50, 60), "51 to 60")]
)
def test_without_dates_a_part_of_what_is_known_does_not_follow_it(part: slice, said: str) -> None:
    new = np.concatenate([VALUES[part].ravel(), [7.0] * (part.stop == 60)])
    with pytest.raises(DataError, match=f"begins with steps {said} of the 60 of .*has no dates .*Give all of the ser"):
        go_on(Series(VALUES), Series(new))


def test_what_recurs_in_a_series_may_come_again() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(2, 200).astype(float)
    season = np.tile([1.0, 5.0, 2.0, 7.0], 10)
    for known, new in ((season, season[:6]), (np.zeros(40), np.zeros(9)), (counts, counts[:2])):
        assert go_on(Series(known), Series(new)).steps == len(new)


def test_columns_are_taken_by_name() -> None:
    two = np.column_stack([VALUES, 2 * VALUES])
    now = go_on(Series(two[:50], ("a", "b")), Series(two[50:, ::-1], ("b", "a")))
    np.testing.assert_array_equal(now.series.values, two)
    with pytest.raises(DataError, match=r"has the columns b, c; expected those of the known series: a, b"):
        go_on(Series(two[:50], ("a", "b")), Series(two[50:], ("b", "c")))


def test_revised_values_are_taken_and_said() -> None:
    new = dated(40, 60)
    new.values[2] += 1
    now = go_on(dated(0, 50), new)
    assert now.revised == "1 of the steps that it repeats, at 2020-02-12"
    assert now.series.values[42] == VALUES[42] + 1


def later(steps: slice) -> Series:
    """The steps six hours later than they are."""
    return Series(VALUES[steps], ("a",), daily(60)[steps] + np.timedelta64(6, "h"), "new.csv")


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (dated(10, 40), r"new.csv ends 2020-02-09, before the data of the run do: 2020-02-19\."),
        (dated(52, 60), r"has a gap: after 2020-02-19, where the data of the run end, it goes on at 2020-02-22"),
        (
            Series(VALUES[:3], ("a",), daily(60)[[50, 51, 55]], "new.csv"),
            "has a gap: after 2020-02-21 it goes on at 2020-02-25",
        ),
        (later(slice(45, 60)), r"has steps between those of the run, at 2020-02-15T06:00:00, "),
        (later(slice(49, 51)), r"steps at 2020-02-19T00:00:00, 2020-02-19T06:00:00, closer than any two"),
        (Series(VALUES[50:], ("a",), None, "new.csv"), r"noise.csv has dates and new.csv has none"),
    ],
)
def test_what_does_not_go_on_is_refused_with_its_dates(new: Series, message: str) -> None:
    with pytest.raises(DataError, match=message):
        go_on(replace(dated(0, 50), name="noise.csv"), new)


def test_a_series_without_dates_that_was_revised_is_not_taken_for_what_follows() -> None:
    new = Series(VALUES.copy())
    new.values[3] += 1
    with pytest.raises(DataError, match="repeats the known series but for step 4, and has no dates"):
        go_on(Series(VALUES[:50]), new)


@pytest.fixture
def run(tmp_path: Path) -> SeriesRun:
    """A linear AR of the first 250 days of 300, in a file."""
    source = write_csv(tmp_path / "noise.csv", ar1()[:250], daily(300)[:250])
    run = chainrule.fit(source, "ar", window=3, out=tmp_path / "run", quiet=True)
    assert isinstance(run, SeriesRun)
    return run


def expected(run: Run, until: int) -> np.ndarray:
    """Of the refitted weights after so many steps."""
    assert run.refit is not None
    return run.refit.model.forecast(torch.from_numpy(ar1()[:until]), 4, 20, seed=1).numpy()  # type: ignore[no-any-return, operator]


def forecast(run: Run, data: object = None) -> np.ndarray:
    made = run.forecast(4, paths=20, seed=1, data=data)  # type: ignore[arg-type]
    np.testing.assert_array_equal(made.dates, (daily(320)[len(made.history) :][:4]))
    return made.paths


@pytest.mark.parametrize("suffix", ["csv", "array", "pandas"])
def test_one_row_will_do_where_it_goes_on(suffix: str, run: SeriesRun, tmp_path: Path) -> None:
    frame = pd.DataFrame({"date": daily(300)[250:251], "a": ar1()[250:251, 0]})
    data: object = frame.set_index("date")
    if suffix == "csv":
        data = tmp_path / "new.csv"
        frame.to_csv(data, index=False)
    if suffix == "array":
        run = chainrule.fit(ar1()[:250], "ar", window=3, out=tmp_path / "array", quiet=True)  # type: ignore[assignment]
        data = ar1()[250:251]
    run.update(data)  # type: ignore[arg-type]
    np.testing.assert_array_equal(run.latest.values, ar1()[:251])
    with pytest.raises(TooShortError, match=r"has 1 step; at least [39] are needed"):
        run.score(data)  # type: ignore[arg-type]
    with pytest.raises(TooShortError, match="needs at least 2"):
        chainrule.fit(data, "ar", out=tmp_path / "short", quiet=True)  # type: ignore[arg-type]


def test_a_file_that_shrank_has_not_grown(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    pd.DataFrame({"v": VALUES[:, 0]}).to_csv(path, index=False)
    run = chainrule.fit(path, "ar", window=3, out=tmp_path / "run", quiet=True)
    pd.DataFrame({"v": VALUES[:40, 0]}).to_csv(path, index=False)
    with pytest.warns(UserWarning, match=r"v.csv has changed since the fit, .* begins with steps 1 to 40 of the 60"):
        made = run.forecast(2, paths=9)
    assert len(made.history) == 60
    with pytest.raises(DataError, match=r"the new v.csv begins with steps 1 to 40 of the 60 of the known v.csv"):
        run.update(path)


def test_data_in_memory_are_told_apart(tmp_path: Path) -> None:
    values = pd.Series(VALUES[:, 0], index=pd.DatetimeIndex(daily(60)), name="v")
    run = chainrule.fit(values, "ar", window=3, out=tmp_path / "run", quiet=True)
    with pytest.raises(DataError, match="the known data has dates and the new data has none"):
        run.update(values.to_numpy())
    with pytest.raises(
        DataError, match="the new data has dates of a time zone, UTC, and the known data has dates of n"
    ):
        run.update(values.tz_localize("UTC"))


SOURCES: dict[str, Callable[[Path], object]] = {
    "a file": lambda folder: write_csv(folder / "new.csv", ar1()[240:], daily(300)[240:]),
    "pandas": lambda folder: pd.DataFrame({"b": 1.0, "a": ar1()[250:, 0]}, index=pd.DatetimeIndex(daily(300)[250:])),
    "a series": lambda folder: Series(ar1(), ("a",), daily(300), "new"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_forecast_from_new_data_goes_on_from_its_end(source: str, run: SeriesRun, tmp_path: Path) -> None:
    new = SOURCES[source](tmp_path)
    np.testing.assert_array_equal(forecast(run), expected(run, 250))
    np.testing.assert_array_equal(forecast(run, new), expected(run, 300))
    sampled = run.sample(3, data=new, seed=2)  # type: ignore[arg-type]
    assert run.refit is not None
    np.testing.assert_array_equal(sampled, run.refit.model.sample(3, torch.from_numpy(ar1()), seed=2))  # type: ignore[operator]
    np.testing.assert_array_equal(forecast(run), expected(run, 250))  # which kept nothing


def test_an_update_is_kept_and_leaves_scores_alone(run: SeriesRun, tmp_path: Path) -> None:
    assert run.since == "after step 250 (2020-09-06), the last of the fit, since which none has come"
    before = run.score().to_dict()
    backtest = run.backtest(horizon=2, paths=5).to_dict()
    assert run.update(SOURCES["a file"](tmp_path)) is run  # type: ignore[arg-type]
    loaded = chainrule.load(run.path)
    assert isinstance(loaded, SeriesRun)
    np.testing.assert_array_equal(forecast(loaded), expected(run, 300))
    assert loaded.since == "after step 300 (2020-10-26), the last of 50 since the fit"
    assert loaded.score().to_dict() == before
    assert loaded.backtest(horizon=2, paths=5).to_dict() == backtest
    with pytest.raises(DataError, match="ends 2020-09-06, before the data of the run do: 2020-10-26"):
        loaded.update(write_csv(tmp_path / "old.csv", ar1()[:250], daily(300)[:250]))
    np.testing.assert_array_equal(forecast(loaded), expected(run, 300))


def test_a_revision_is_used_and_warned_of(run: SeriesRun, tmp_path: Path) -> None:
    values = ar1()
    values[249] += 5
    with pytest.warns(UserWarning, match=r"other values than .* for 1 of the steps that it repeats, at 2020-09-06"):
        made = run.forecast(1, data=Series(values, ("a",), daily(300)))
    np.testing.assert_array_equal(made.history, values)


def test_a_file_that_has_grown_is_gone_on_from_and_one_that_changed_is_not(run: SeriesRun, tmp_path: Path) -> None:
    source = tmp_path / "noise.csv"
    write_csv(source, ar1(), daily(300))
    with pytest.warns(UserWarning, match=r"noise.csv has grown by 50 steps since the fit; .* its end, 2020-10-26\.$"):
        np.testing.assert_array_equal(forecast(run), expected(run, 300))
    values = ar1()
    values[7] += 1
    write_csv(source, values, daily(300))
    with pytest.warns(UserWarning, match=r"noise.csv has changed since the fit, and this goes on after the 250 steps"):
        np.testing.assert_array_equal(forecast(run), expected(run, 250))
    source.write_text("date,b\n2020-01-01,1\n2020-01-02,2\n")
    with pytest.warns(UserWarning, match=r"has changed since the fit.*no column 'a'"):
        np.testing.assert_array_equal(forecast(run), expected(run, 250))
    source.unlink()
    np.testing.assert_array_equal(forecast(run), expected(run, 250))


def test_what_the_transform_cannot_take_is_refused_in_the_runs_words(tmp_path: Path) -> None:
    reading = Reading(transform="log-return")
    run = chainrule.fit(ar1(200), "ar", window=2, reading=reading, out=tmp_path / "run", quiet=True)
    for ask in (run.forecast, run.update, run.sample, run.score):
        with pytest.raises(TransformError, match=r"models log-returns.*has -1 at step 2\. Correct them, or fit again"):
            ask(data=np.array([50.0, -1.0, 50.0, 51.0, 52.0]))


def test_columns_of_new_data_are_the_runs(run: SeriesRun) -> None:
    with pytest.raises(ColumnError, match="no column 'a'"):
        run.forecast(data=pd.DataFrame({"b": [1.0, 2.0]}))
    with pytest.raises(ShapeError, match="the array has 2 columns; expected as many as are named: a"):
        run.forecast(data=np.ones((5, 2)))
    assert run.score(ar1(50, seed=1)).count == 50 - run.config.data.season, "an array has no names to differ"


def test_what_is_no_series_cannot_be_updated_or_take_both(text_run: Run, run: SeriesRun) -> None:
    with pytest.raises(ArgumentError, match=r"cannot be updated.*It can score"):
        text_run.update("english")
    for asked in (text_run, run):
        with pytest.raises(ArgumentError, match="give `prompt` or `data` to go on from, not both"):
            asked.sample(prompt="the", data="english")


def test_text_goes_on_after_all_of_new_data_as_after_a_prompt(
    text_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chainrule.runs.kinds.symbols.run._CHUNK", 7)
    (tmp_path / "new.txt").write_text("the cat sat on the mat and the dog ran")
    after = text_run.sample(30, data=tmp_path / "new.txt", seed=4)
    monkeypatch.undo()
    assert after == text_run.sample(30, prompt="the cat sat on the mat and the dog ran", seed=4)
    assert len(after) == 30
