"""The forecaster of sktime: times come back as they were, covariates are read, state moves on."""

import numpy as np
import pandas as pd
import pytest
from sktime.utils.estimator_checks import check_estimator

from chainrule.adapters import SktimeForecaster

INDEXES = {
    "numbers": pd.RangeIndex(5, 45),
    "periods": pd.period_range("2020-01", periods=40, freq="M"),
    "dates": pd.date_range("2020-01-01", periods=40, freq="D"),
}


def _forecaster() -> SktimeForecaster:
    return SktimeForecaster(hidden=4, steps=3)


@pytest.mark.parametrize("name", INDEXES)
def test_times_come_back_as_they_were(name: str) -> None:
    index = INDEXES[name]
    y = pd.Series(np.sin(np.arange(40.0)), index=index)
    made = _forecaster().fit(y.iloc[:36], fh=[2, 4]).predict()
    assert list(made.index) == [index[37], index[39]]


def test_known_columns_and_intervals_of_an_update() -> None:
    y = pd.Series(np.sin(np.arange(40.0)))
    X = pd.DataFrame({"price": np.cos(np.arange(44.0))})
    forecaster = _forecaster().fit(y.iloc[:36], X=X.iloc[:36], fh=[1, 2])
    forecaster.update(y.iloc[36:], X=X.iloc[36:40], update_params=False)
    made = forecaster.predict_interval(X=X.iloc[40:42], coverage=0.8)
    assert list(made.index) == [40, 41]
    assert (made.iloc[:, 0] <= made.iloc[:, 1]).all()


@pytest.mark.parametrize("name", ["test_constructor", "test_clone"])
def test_checks_of_sktime(name: str) -> None:
    check_estimator(SktimeForecaster, raise_exceptions=True, verbose=False, tests_to_run=name)
