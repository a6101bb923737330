"""What a run keeps of a panel that grows: no more with every update, and forecasts are those of all that came."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import chainrule
from chainrule import Reading
from chainrule.data import Panel
from chainrule.errors import ArgumentError, DataError
from chainrule.runs.folder.contents import UPDATED
from chainrule.runs.kinds.panels import keeping, live
from chainrule.runs.kinds.panels.run import PanelRun

KEPT = 24  # here, so that little data does
TIMES = 16
OF_SHOPS = Reading(past=("visits",), static=("region",), calendar=("weekday",), season=7)


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "KEPT", KEPT)
    monkeypatch.setattr(live, "TIMES", TIMES)


def shops(days: int, names: str = "abc", first: str = "2024-01-01", seed: int = 0) -> pd.DataFrame:
    """Sales of a weekly season, with gaps, of shops that open a day after one another."""
    random = np.random.default_rng(seed)
    frames = []
    for k, name in enumerate(names):
        day = pd.date_range(first, periods=days)[k if seed == 0 else 0 :]
        y = 10 * (k + 1) + np.sin(2 * np.pi * day.day_of_week / 7) + random.standard_normal(len(day))
        if seed == 0:
            y = np.where(random.random(len(day)) > 0.05, y, np.nan)
        visits = random.random(len(day))
        frames.append(pd.DataFrame({"unique_id": name, "ds": day, "y": y, "visits": visits, "region": "NS"[k % 2]}))
    return pd.concat(frames)


def opened(path: Path) -> PanelRun:
    run = chainrule.load(path)
    assert isinstance(run, PanelRun)
    return run


@pytest.fixture(scope="module", params=["gru", "conv", "ar"])
def fitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kept") / "run"
    sizes: dict[str, Any] = {"window": 8} if request.param == "ar" else {"hidden": 4, "window": 8}
    chainrule.fit(
        shops(100), request.param, reading=OF_SHOPS, horizon=3, steps=10, out=path, quiet=True, figures=False, **sizes
    )
    return path


@pytest.fixture
def copies(fitted: Path, tmp_path: Path) -> tuple[PanelRun, PanelRun]:
    shutil.copytree(fitted, tmp_path / "whole")
    shutil.copytree(fitted, tmp_path / "part")
    return opened(tmp_path / "whole"), opened(tmp_path / "part")


@pytest.mark.sampled(0)
def test_the_file_does_not_grow_with_updates(
    copies: tuple[PanelRun, PanelRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though a shop opens on the way, and late values are revised; all at once leaves the same forecasts."""
    whole, part = copies
    first = pd.date_range("2024-04-10", periods=8, freq="20D").strftime("%Y-%m-%d")
    each = [shops(20, "abc" if k < 2 else "abcd", day, seed=k + 1) for k, day in enumerate(first)]
    each[0] = pd.concat([shops(100).groupby("unique_id").tail(3).assign(y=30.0), each[0]])
    sizes = []

    def update_part() -> None:
        for new in each:
            opened(part.path).update(new)
            sizes.append((part.path / UPDATED).stat().st_size)

    with pytest.warns(UserWarning, match="the new ones are taken"):
        update_part()
    assert sizes[-1] == sizes[-2] == sizes[-3]
    monkeypatch.setattr(keeping, "KEPT", 10**6)
    with pytest.warns(UserWarning, match="the new ones are taken"):
        whole.update(pd.concat(each))
    assert len(whole.latest.values) > 2 * len(opened(part.path).latest.values)
    assert opened(part.path).since == whole.since
    more = shops(2, "abcd", "2024-09-17", seed=99)
    for intervals in ("model", "conformal"):
        found, expected = (run.forecast(data=more, intervals=intervals) for run in (opened(part.path), whole))
        assert found.ids == expected.ids
        np.testing.assert_array_equal(found.dates, expected.dates)
        np.testing.assert_allclose(found.quantiles, expected.quantiles, rtol=1e-5, atol=1e-5)


def test_other_weights_do_not_go_on_from_what_is_kept(copies: tuple[PanelRun, PanelRun]) -> None:
    _, part = copies
    part.update(shops(30, "abc", "2024-04-10", seed=1))
    other = opened(part.path)
    with torch.no_grad():
        next(other._newest.parameters()).add_(1)
    with pytest.raises(ArgumentError, match=r"the state of the weights that .* delivers, and these are others"):
        other.forecast()


def test_a_panel_without_dates_is_told_from_new_rows(tmp_path: Path) -> None:
    """Rows that repeat all of it, of which the first are no longer kept, or that go on from it."""
    values = np.random.default_rng(0).standard_normal((2, 200))

    def of(steps: slice) -> Panel:
        some = values[:, steps]
        return Panel(some.ravel(), some.shape[1] * np.arange(3), ("a", "b"), "y", name="numbered")

    run = chainrule.fit(of(slice(100)), "ar", horizon=2, steps=3, out=tmp_path / "run", quiet=True, figures=False)
    assert isinstance(run, PanelRun)
    run.update(of(slice(100, 160))).update(of(slice(160, 180)))
    assert len(run.latest.values) < 2 * 180
    repeated = run.forecast(data=of(slice(190)))
    continued = run.forecast(data=of(slice(180, 190)))
    np.testing.assert_array_equal(repeated.quantiles, continued.quantiles)
    assert continued.to_frame()["ds"].tolist() == [191, 192] * 2, "those that are no longer kept count"
    assert run.update(of(slice(190))).since == "after row 380, with 2 series"


def test_numbers_of_steps_stay_those_of_the_data(tmp_path: Path) -> None:
    frame = shops(100).reset_index(drop=True)
    frame["ds"] = 1000 + 2 * ((frame["ds"] - pd.Timestamp("2024-01-01")) // pd.Timedelta("1D"))
    frame = frame[["unique_id", "ds", "y"]].fillna(5.0)

    def until(step: int) -> pd.DataFrame:
        return frame[frame["ds"] < 1000 + 2 * step]

    options: Any = {"reading": {"layout": "long"}, "horizon": 3, "steps": 3, "quiet": True, "figures": False}
    run = chainrule.fit(until(60), "ar", out=tmp_path / "run", **options)
    assert isinstance(run, PanelRun)
    assert run.forecast().to_frame()["ds"].tolist() == [1120, 1122, 1124] * 3
    assert run.forecast().to_dict()["steps"] == [[1120, 1122, 1124]] * 3
    assert "1122 " in str(run.forecast())
    errors = run.backtest().to_frame().merge(frame, on=["unique_id", "ds"], suffixes=("", " in the data"))
    assert len(errors)
    assert (errors["y"].isna() | (errors["y"] == errors["y in the data"])).all()
    run.update(until(95))
    assert len(run.latest.values) < len(until(95))
    run = opened(tmp_path / "run")
    assert run.forecast().to_frame()["ds"].tolist() == [1190, 1192, 1194] * 3
    with pytest.raises(DataError, match="leaves a gap"):
        run.update(frame[frame["ds"] >= 1194])
    with pytest.raises(DataError, match="ends before"):
        run.update(until(80))
    overlapping = run.forecast(data=frame[frame["ds"] >= 1150])
    np.testing.assert_array_equal(overlapping.quantiles, run.forecast(data=frame[frame["ds"] >= 1190]).quantiles)
