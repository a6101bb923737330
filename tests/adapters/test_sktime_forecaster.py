"""The forecaster of sktime: its own checks, and frames of one series, panels and hierarchies in and out."""

import pickle
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sktime", reason="it comes with the extra sktime, which needs an older pandas than the tests")

from sktime.utils.estimator_checks import check_estimator

from chainrule.adapters.sktime_forecaster import SktimeForecaster
from chainrule.errors import DataError
from tests.adapters.test_sktime_frames import LEVELS, TIMES, frames

pytestmark = pytest.mark.usefixtures("without_figures")

# Those that take a moment, and that no case below repeats. The others take minutes, and pass too.
CHECKS = [
    "test_constructor",
    "test_clone",
    "test_doctest_examples",
    "test_get_test_params",
    "test_has_common_interface",
    "test_object_tags",
    "test_set_params",
    "test_valid_object_class_tags",
    "test_fh_not_passed_error_handling",
    "test_categorical_y_raises_error",
    "test_update_tag",
    "test_pred_int_tag",
    "test_cur_y_when_refitting",
    "test__y_remember_data",
]


def forecaster(**settings: Any) -> SktimeForecaster:
    return SktimeForecaster(**{"hidden": 4, "steps": 3} | settings)


def ahead(frame: pd.DataFrame) -> pd.DataFrame:
    """The last two steps of each series."""
    times = frame.index.get_level_values(-1)
    last: pd.DataFrame = frame[times >= times[-2]]
    return last


@pytest.fixture(scope="module")
def fitted() -> SktimeForecaster:
    """Of two series by month, and a price ahead."""
    y, X = frames(TIMES["months"], LEVELS["panel"])
    made: SktimeForecaster = forecaster().fit(y, X=X[X.index.isin(y.index)], fh=[1, 2])
    return made


@pytest.mark.parametrize("name", CHECKS)
def test_checks_of_sktime(name: str) -> None:
    found = check_estimator(SktimeForecaster, raise_exceptions=False, verbose=False, tests_to_run=name)
    assert set(found.values()) == {"PASSED"}


@pytest.mark.parametrize("levels", LEVELS.values(), ids=LEVELS)
@pytest.mark.parametrize("name", ["numbers", "months", "ends of quarters"])
def test_forecasts_have_the_series_and_times_that_were_asked_for(name: str, levels: tuple[list[Any], ...]) -> None:
    y, X = frames(TIMES[name], levels)
    made = forecaster(steps=1).fit(y, fh=[2]).predict()
    assert list(made.index) == list(X[X.index.get_level_values(-1) == TIMES[name][-1]].index)
    assert made.columns.tolist() == ["sales"]


def test_forecasts_are_those_of_the_run(fitted: SktimeForecaster) -> None:
    _, X = frames(TIMES["months"], LEVELS["panel"])
    found = fitted.predict_quantiles(X=ahead(X), alpha=[0.9, 0.1, 0.5])
    assert found.columns.tolist() == [("sales", 0.9), ("sales", 0.1), ("sales", 0.5)]
    known = pd.DataFrame(
        {
            "unique_id": [repr(name) for name, _ in ahead(X).index],
            "ds": [time.to_timestamp() for _, time in ahead(X).index],
            "X['price']": ahead(X)["price"].to_numpy(),
        }
    )
    own = fitted.forecaster_.predict(known, levels=(80,))
    np.testing.assert_array_equal(found.to_numpy(), own[["gru-hi-80", "gru-lo-80", "gru"]].to_numpy())
    np.testing.assert_array_equal(fitted.predict(X=ahead(X))["sales"], own["gru"])


def test_what_is_known_ahead_matters_and_must_be_given(fitted: SktimeForecaster) -> None:
    _, X = frames(TIMES["months"], LEVELS["panel"])
    assert (fitted.predict(X=ahead(X)) != fitted.predict(X=2 * ahead(X))).all(axis=None)
    with pytest.raises(DataError, match=r"X\['price'\].*must be known ahead for 2 steps.*'a' at 2023-05-01 to 2023-06"):
        fitted.predict()


def test_copies_and_files_forecast_the_same(fitted: SktimeForecaster, tmp_path: Path) -> None:
    _, X = frames(TIMES["months"], LEVELS["panel"])
    made = fitted.predict(X=ahead(X))
    fitted.save(tmp_path / "saved")
    copies = [
        deepcopy(fitted),
        pickle.loads(pickle.dumps(fitted)),  # noqa: S301
        SktimeForecaster.load_from_path(tmp_path / "saved.zip"),
    ]
    for copy in copies:
        pd.testing.assert_frame_equal(copy.predict(X=ahead(X)), made)


@pytest.mark.parametrize("name", ["numbers", "months"])
def test_updates_move_on_whole_or_in_overlapping_pieces(name: str) -> None:
    times = TIMES[name]
    y, X = frames(times)
    whole = forecaster().fit(y.iloc[:30], X=X.iloc[:30], fh=[1, 2])
    pieces = deepcopy(whole)
    whole.update(y.iloc[30:], X=X.iloc[30:40])
    for piece in (slice(28, 35), slice(33, 40)):
        pieces.update(y.iloc[piece], X=X.iloc[piece], update_params=False)
    made = whole.predict(X=ahead(X))
    pd.testing.assert_frame_equal(pieces.predict(X=ahead(X)), made)
    assert list(made.index) == list(times[-2:])


def test_text_that_is_known_ahead_is_a_category() -> None:
    y, X = frames(TIMES["months"])
    X["day"] = np.where(np.arange(len(X)) % 5 == 0, "feast", "plain")
    fitted = forecaster().fit(y, X=X.loc[y.index], fh=[1, 2])
    assert [each.levels for each in fitted.forecaster_.run_.panel.covariates.known] == [(), ("feast", "plain")]
    feasts, plain = (fitted.predict(X=ahead(X.assign(day=day))) for day in ("feast", "plain"))
    assert (feasts != plain).all(axis=None)


def test_several_columns_are_several_models() -> None:
    y, _ = frames(TIMES["months"])
    made = forecaster(steps=1).fit(y.assign(returns=-y["sales"]), fh=[1]).predict()
    assert made.columns.tolist() == ["sales", "returns"]
