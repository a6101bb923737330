"""The estimator: scikit-learn's own checks that do not feed it arrays, and frames in and out."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import (
    check_estimator_cloneable,
    check_estimator_repr,
    check_get_params_invariance,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
)

from chainrule.adapters import PanelForecaster

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    t = np.arange(40)
    rows = [
        pd.DataFrame({"unique_id": name, "ds": pd.date_range("2024-01-01", periods=40), "y": np.sin(t + k)})
        for k, name in enumerate("ab")
    ]
    return pd.concat(rows, ignore_index=True)


@pytest.fixture(scope="module")
def fitted(frame: pd.DataFrame) -> PanelForecaster:
    return PanelForecaster(horizon=3, hidden=4, steps=3).fit(frame)


@pytest.mark.parametrize(
    "check",
    [
        check_estimator_cloneable,
        check_estimator_repr,
        check_get_params_invariance,
        check_no_attributes_set_in_init,
        check_parameters_default_constructible,
        check_set_params,
    ],
    ids=lambda check: check.__name__,
)
def test_the_checks_of_scikit_learn_that_apply(check: Any) -> None:
    check("PanelForecaster", PanelForecaster())


def test_frames_come_out(fitted: PanelForecaster) -> None:
    made = fitted.predict(horizon=2, levels=(80, 95))
    ends = ["gru-lo-80", "gru-hi-80", "gru-lo-95", "gru-hi-95"]
    assert made.columns.tolist() == ["unique_id", "ds", "gru", *ends]
    assert made["ds"].tolist() == [pd.Timestamp("2024-02-10"), pd.Timestamp("2024-02-11")] * 2
    assert fitted.score() < 0


def test_a_pickle_forecasts_the_same_from_a_folder_of_its_own(fitted: PanelForecaster) -> None:
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    pd.testing.assert_frame_equal(again.predict(), fitted.predict())
    assert again.run_.path != fitted.run_.path


def test_an_update_moves_on(fitted: PanelForecaster, frame: pd.DataFrame) -> None:
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    later = pd.DataFrame({"unique_id": ["a", "b"], "ds": pd.Timestamp("2024-02-10"), "y": [0.5, 0.6]})
    assert again.update(later).predict(horizon=1)["ds"].tolist() == [pd.Timestamp("2024-02-11")] * 2
    assert not hasattr(clone(again), "run_")


def test_one_series_is_a_panel(frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its figure was once refused the actual values of one series."""
    monkeypatch.undo()  # figures are drawn
    one = frame[frame["unique_id"] == "a"]
    forecaster = PanelForecaster(horizon=3, hidden=4, steps=1, out=tmp_path / "run").fit(one)
    assert len(forecaster.predict()) == 3
    assert (tmp_path / "run" / "forecast.png").is_file()


def test_temporary_folders_have_no_figures(fitted: PanelForecaster) -> None:
    assert list(fitted.run_.path.glob("*.png")) == []
