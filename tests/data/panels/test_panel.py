"""What a panel is built from is checked."""

from typing import Any

import numpy as np
import pytest

from chainrule.data import Covariate, Covariates, Panel
from chainrule.errors import ArgumentError, ChainruleError, DataError, ShapeError

DATES = np.array(["2024-01-01", "2024-01-02", "2024-01-01"], "datetime64[ns]")
GIVEN: dict[str, Any] = {"values": np.array([1.0, 2.0, 3.0]), "starts": np.array([0, 2, 3]), "ids": ("a", "b")}
OF_ONE = Covariates(known=(Covariate("x", ("l", "m")),))
BROKEN: dict[str, tuple[dict[str, Any], type[ChainruleError], str]] = {
    "starts": ({"starts": np.array([0, 3])}, ShapeError, r"starts of panel are 0, 3; expected 3 increasing"),
    "starts that fall": ({"starts": np.array([0, 0, 3])}, ShapeError, "increasing whole numbers from 0 to 3"),
    "no series": ({"values": np.zeros(0), "starts": np.array([0]), "ids": ()}, ShapeError, "starts"),
    "ids": ({"ids": ("a", "a")}, ArgumentError, "ids of panel repeat: a. Give each"),
    "dtype": ({"values": np.array([1, 2, 3])}, ShapeError, r"values of panel is int64 \(3,\); expected float64"),
    "shape": ({"known": np.zeros((2, 1))}, ShapeError, r"known of panel .* expected float64 \(3, 0\)"),
    "infinity": ({"values": np.array([1.0, np.inf, 3.0])}, DataError, "infinite"),
    "huge values": ({"values": np.array([1.0, 1e300, 3.0])}, DataError, "values up to 1e\\+300"),
    "no value": ({"values": np.array([1.0, 2.0, np.nan])}, DataError, r"1 series of panel \(b\) without any value"),
    "no level": (
        {"covariates": OF_ONE, "known": np.array([[0.0], [2.0], [np.nan]])},
        DataError,
        "x of panel .* 2 leve",
    ),
    "half levels": ({"covariates": OF_ONE, "known": np.array([[0.5], [1.0], [1.0]])}, DataError, "no places among"),
    "a season": ({"season": 0}, ArgumentError, "season is 0"),
    "freq alone": ({"freq": "D"}, ArgumentError, "has no dates, so it cannot have freq"),
    "calendar alone": ({"covariates": Covariates(calendar=("hour",))}, ArgumentError, "cannot have calendar features"),
    "dates alone": ({"dates": DATES}, ArgumentError, "dates but no `freq`"),
    "an alias": ({"dates": DATES, "freq": "monthly"}, ArgumentError, "`freq` is 'monthly'"),
    "a zone": ({"dates": DATES, "freq": "D", "timezone": "Berlin"}, ArgumentError, "`timezone` is 'Berlin'"),
    "days": ({"dates": DATES.astype("datetime64[D]"), "freq": "D"}, ShapeError, "expected a datetime64"),
    "early dates": ({"dates": DATES[::-1], "freq": "D", "starts": np.array([0, 1, 3])}, DataError, "the series b"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_does_not_fit_is_refused(case: str) -> None:
    changes, error, message = BROKEN[case]
    if case == "early dates":
        Panel(**{**GIVEN, **changes, "dates": DATES[[0, 0, 1]]})
    with pytest.raises(error, match=message):
        Panel(**{**GIVEN, **changes})


@pytest.mark.parametrize(
    "parts",
    [
        {"known": (Covariate("x"),), "past": (Covariate("x"),)},
        {"calendar": ("hour", "hour")},
        {"calendar": ("hours",)},
    ],
)
def test_covariates_are_distinct_and_known(parts: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        Covariates(**parts)


def test_what_is_not_given_is_missing() -> None:
    panel = Panel(**GIVEN, covariates=OF_ONE)
    assert np.isnan(panel.known).all()
    assert panel.series.tolist() == [0, 0, 1]
    assert len(panel.arrays) == 5
