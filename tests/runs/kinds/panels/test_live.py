"""Live intervals of panels: calibrated by the test part, and then by how forecasts since the fit have fared."""

import numpy as np
import pytest

import chainrule
from chainrule.data import Panel
from chainrule.data.panels.ahead import extended
from chainrule.runs.kinds.panels import live
from chainrule.runs.kinds.panels.ahead import LEVELS, quantiles_from
from chainrule.runs.kinds.panels.run import PanelRun
from chainrule.runs.scoring.panels import Origins, Scales, adaptive_conformal

SERIES = 4
STEPS = 120
SINCE = 30
HORIZON = 3


def of_spread(steps: int, spread: float, first: int = 0) -> Panel:
    """Series around 10 whose noise is so wide."""
    noise = np.random.default_rng(first).standard_normal((SERIES, steps))
    starts = steps * np.arange(SERIES + 1)
    return Panel((10 + spread * noise).ravel(), starts, tuple("abcd"), "y", name="noise")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> PanelRun:
    out = tmp_path_factory.mktemp("live") / "run"
    fitted = chainrule.fit(of_spread(STEPS, 1), "ar", horizon=HORIZON, steps=20, out=out, quiet=True, figures=False)
    assert isinstance(fitted, PanelRun)
    return fitted


def widths(run: PanelRun, data: Panel | None = None) -> np.ndarray:
    found = run.forecast(quantiles=(0.1, 0.5, 0.9), data=data, intervals="conformal").quantiles
    return np.asarray(found[..., 2] - found[..., 0])


def test_they_follow_what_came_since_the_fit(run: PanelRun) -> None:
    own = widths(run)
    calm, as_before, wild = (widths(run, of_spread(SINCE, spread, 1)).mean() for spread in (0.2, 1, 4))
    assert calm < 0.6 * own.mean()
    assert as_before == pytest.approx(own.mean(), rel=0.5)
    assert wild > 2 * own.mean()


def test_an_update_carries_them_on(run: PanelRun) -> None:
    """As if all had come at once; a run that is opened again goes on from there."""
    since = of_spread(SINCE, 4, 1)
    expected = widths(run, since)
    taken = chainrule.load(run.path)
    assert isinstance(taken, PanelRun)
    parts = [slice(None, 11), slice(11, 12), slice(12, None)]
    for part in parts:
        values = since.values.reshape(SERIES, -1)[:, part]
        taken.update(Panel(values.ravel(), values.shape[1] * np.arange(SERIES + 1), since.ids, "y", name="new"))
    np.testing.assert_array_equal(widths(taken), expected)
    again = chainrule.load(run.path)
    assert isinstance(again, PanelRun)
    np.testing.assert_array_equal(widths(again), expected)
    (run.path / "updated.safetensors").unlink()


def test_they_are_those_of_a_backtest_since_the_fit(run: PanelRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last origins of all; in parts, a few series at a time, no other; and of the latest times alone."""
    known, _ = run._until_now(of_spread(SINCE, 4, 1))
    panel = extended(known, HORIZON)
    begin = panel.starts[:-1] + STEPS
    scale = Scales.of(panel, begin).absolute

    def by_definition(times: int) -> np.ndarray:
        series = np.repeat(np.arange(SERIES), times + 1)
        rows = (panel.ends[:, None] + np.arange(-times, 1)).ravel()
        origins = Origins(panel, series, rows, HORIZON)
        found = run._conformal.apply(quantiles_from(run._newest, run._tensors(panel), origins), scale[series])
        return adaptive_conformal(origins, found, LEVELS, scale).reshape(SERIES, times + 1, HORIZON, -1)[:, -1]

    for steps, times in ((live._STEPS, SINCE), (2 * HORIZON * (SINCE + 1), SINCE), (live._STEPS, 12)):
        monkeypatch.setattr(live, "_STEPS", steps)
        monkeypatch.setattr(live, "TIMES", times)
        some = live.live_quantiles(run._newest, run._tensors(panel), panel, begin, scale, run._conformal)
        np.testing.assert_allclose(some, by_definition(times), rtol=1e-6)


def test_a_new_series_is_calibrated_as_the_others_are(run: PanelRun) -> None:
    new = Panel(np.array([1.0, 2.0, 4.0, 3.0, 2.0, 5.0]), np.array([0, 2, 6]), ("short", "new"), "y", name="more")
    found = widths(run, new)
    assert found.shape == (SERIES + 2, HORIZON)
    np.testing.assert_allclose(found[:SERIES], widths(run))
