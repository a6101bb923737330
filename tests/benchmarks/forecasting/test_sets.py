"""The ends that are kept back."""

import numpy as np

from benchmarks.forecasting import sets
from tests.models.panels.cases import dated_panel


def test_the_end_of_every_series_is_kept_back() -> None:
    panel = dated_panel()
    known = sets.without_end(panel, 5)
    for i, observed in enumerate(panel.observed):
        np.testing.assert_array_equal(known.values[known.starts[i] : known.starts[i + 1]], observed[:-5])
    assert known.covariates == panel.covariates
    np.testing.assert_array_equal(sets.without_end(panel, 0).values, panel.values)
