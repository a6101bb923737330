"""Origins: what each forecast is of, when it was made, and which are refused."""

from dataclasses import replace

import numpy as np
import pytest

from chainrule.errors import ArgumentError, ChainruleError, DataError, ShapeError
from chainrule.runs.scoring.panels.origins import Origins
from tests.runs.scoring.panels.cases import panel_of

PANEL = panel_of([np.nan, 1.0, 2.0, 3.0], [4.0, 5.0], dated=True)


def test_outcomes_are_of_the_series_alone() -> None:
    origins = Origins(PANEL, np.array([0, 0, 1]), np.array([2, 4, 5]), 3)
    np.testing.assert_array_equal(origins.actual(), [[2, 3, np.nan], [np.nan] * 3, [5, np.nan, np.nan]])
    assert origins.first.tolist() == [2, 5]
    assert origins.places.tolist() == [2, 4, 1]


def test_one_clock_runs_for_all_series() -> None:
    origins = Origins(PANEL, np.array([0, 0, 1]), np.array([3, 4, 5]), 1)
    assert origins.clock.tolist() == [2, 3, 2], "the second series began two days later"
    numbered = replace(PANEL, dates=None, freq=None, first_steps=np.array([10, 12]))
    assert Origins(numbered, origins.series, origins.rows, 1).clock.tolist() == [2, 3, 2]


@pytest.mark.parametrize(
    ("series", "rows", "error", "message"),
    [
        ([0], [0], ArgumentError, "at row 0, of a, does not follow"),
        ([1], [4], ArgumentError, "at row 4, of b, does not follow"),
        ([1, 1], [7, 8], ArgumentError, "2 origins in all"),
        ([0], [1], DataError, "no known value before it"),
        ([2], [4], ArgumentError, "outside 0 to 1"),
        ([0, 0], [3, 3], ArgumentError, "come twice"),
        ([0, 1], [3], ShapeError, "expected one of each"),
        ([0.0], [3], ShapeError, "whole numbers"),
    ],
)
def test_origins_that_cannot_be_are_refused(
    series: list[int], rows: list[int], error: type[ChainruleError], message: str
) -> None:
    with pytest.raises(error, match=message):
        Origins(PANEL, np.array(series), np.array(rows), 1)
