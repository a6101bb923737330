"""The test of Diebold and Mariano: as computed by hand, of the right size, over series that err together."""

import numpy as np
import pytest
import scipy.stats

from chainrule.errors import ShapeError
from chainrule.runs.scoring.panels.diebold_mariano import (
    diebold_mariano,
    diebold_mariano_by_series,
    diebold_mariano_pooled,
)
from tests.runs.scoring.panels.cases import last_origins, walks


def test_the_statistic_is_that_of_the_paper() -> None:
    rng = np.random.default_rng(0)
    first = rng.random(40)
    second = rng.random(40) + 0.2
    d = first - second
    n = 40
    h = 3
    centred = d - d.mean()
    gamma = [sum(centred[k:] * centred[: n - k]) / n for k in range(h)]
    statistic = d.mean() / np.sqrt((gamma[0] + 2 * sum(gamma[1:])) / n)
    statistic *= np.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    found = diebold_mariano(first, second, h)
    assert found.statistic == pytest.approx(statistic)
    assert found.p_value == pytest.approx(2 * scipy.stats.t.cdf(-abs(statistic), df=n - 1))
    assert diebold_mariano(second, first, h).statistic == pytest.approx(-statistic)
    padded = np.append(first, [np.nan, 1.0]), np.append(second, [1.0, np.nan])
    assert diebold_mariano(*padded, h) == found


def test_of_equally_good_forecasters_one_in_twenty_differs() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(1000, 123))
    overlapping = noise[:, :-3] + noise[:, 1:-2] + noise[:, 2:-1] + noise[:, 3:]
    p_values = np.array([diebold_mariano(d, np.zeros(120), 4).p_value for d in overlapping])
    assert 0.03 < (p_values < 0.05).mean() < 0.09
    too_sure = np.array([diebold_mariano(d, np.zeros(120), 1).p_value for d in overlapping])
    assert (too_sure < 0.05).mean() > 0.2, "as if forecasts did not overlap"


def test_pooled_series_that_err_together_count_once() -> None:
    panel = walks(60, 60, 60, 50)
    origins = last_origins(panel, 30, 1)
    rng = np.random.default_rng(2)
    shared = rng.normal(size=61)
    losses = shared[origins.clock]
    alone = diebold_mariano(shared[30:60], np.zeros(30), 1)
    found = diebold_mariano_pooled(last_origins(walks(60, 60, 60), 30, 1), losses[:90], np.zeros(90))
    assert found.count == 30
    assert found.statistic == pytest.approx(alone.statistic)
    tests = diebold_mariano_by_series(origins, losses, np.zeros(120))
    assert [test.count for test in tests] == [30] * 4
    assert tests[0].statistic == pytest.approx(alone.statistic)


@pytest.mark.parametrize(("differences", "p_value"), [(np.zeros(20), 1.0), (np.full(20, -0.5), 0.0)])
def test_forecasters_that_always_differ_alike(differences: np.ndarray, p_value: float) -> None:
    assert diebold_mariano(differences + 3, np.full(20, 3.0), 1).p_value == p_value


def test_few_forecasts_say_nothing() -> None:
    few = diebold_mariano(np.arange(7.0), np.ones(7), 1)
    assert np.isnan(few.statistic)
    assert np.isnan(few.p_value)
    with pytest.raises(ShapeError, match="one length"):
        diebold_mariano(np.ones(3), np.ones(4), 1)


def test_a_variance_that_is_not_positive_has_bartletts_weights() -> None:
    swinging = np.tile([1.0, -1.0], 15) + 0.1
    swinging[0] = 0.9
    found = diebold_mariano(swinging, np.zeros(30), 2)
    assert np.isfinite(found.statistic)
    assert found.statistic > 0
