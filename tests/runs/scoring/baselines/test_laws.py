"""The fitted laws maximise the likelihood, and say so when it has no maximum."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from scipy import stats

from chainrule.errors import ArgumentError, DataError
from chainrule.runs.scoring.baselines.laws import Law
from tests.tolerances import RELATIVE

TINY = RELATIVE[torch.float64]


def student_draws(n: int, df: float = 4.0) -> np.ndarray:
    draws = stats.multivariate_t(shape=[[1.0, 0.6], [0.6, 1.0]], df=df).rvs(n, random_state=0)
    return np.asarray(3 + 0.01 * draws * [1.0, 1e8])


def test_gaussian_is_the_closed_form() -> None:
    x = student_draws(50)
    law = Law.fit(x, "gaussian", "x", centred=False)
    np.testing.assert_allclose(law.loc, x.mean(axis=0), rtol=TINY)
    np.testing.assert_allclose(law.scale, x.std(axis=0), rtol=TINY)
    unit = x.std(axis=0)
    expected = stats.multivariate_normal(x.mean(axis=0) / unit, np.cov(x.T / unit[:, None], ddof=0)).logpdf(x / unit)
    np.testing.assert_allclose(law.log_density(x), expected - np.log(unit).sum(), rtol=TINY)


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("centred", [False, True])
def test_student_beats_every_neighbour_and_scipys_own_fit(centred: bool, columns: int) -> None:
    x = student_draws(200)[:, :columns] - (3 if centred else 0)
    law = Law.fit(x, "student", "x", centred=centred)
    assert law.df is not None
    best = law.log_density(x).sum()
    free: list[Literal["loc", "shape", "df"]] = ["shape", "df"] if centred else ["loc", "shape", "df"]
    for parameter in free:
        value = getattr(law, parameter)
        step = 0.02 * (law.scale if parameter == "loc" else value)
        for neighbour in (value - step, value + step):
            assert replace(law, **{parameter: neighbour}).log_density(x).sum() < best
    if columns == 2:
        tilted = law.shape * [[1.0, 0.98], [0.98, 1.0]]
        assert replace(law, shape=tilted).log_density(x).sum() < best
    else:
        theirs = stats.t.logpdf(x, *stats.t.fit(x, **({"floc": 0.0} if centred else {}))).sum()
        assert best >= theirs - TINY * abs(theirs)
    assert not centred or (law.loc == 0).all()


def test_student_recovers_its_parameters() -> None:
    laws = []
    for seed in range(20):
        x = stats.multivariate_t([5.0, 0.0], [[4.0, 1.0], [1.0, 1.0]], df=4).rvs(2000, random_state=seed)
        laws.append(Law.fit(x, "student", "x", centred=False))
    found = np.array([[law.loc[0], law.scale[0], law.shape[0, 1], law.df] for law in laws], dtype=np.float64)
    standard_error = found.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - [5, 2, 1, 4]) < 4 * standard_error).all()


@pytest.mark.parametrize("head", ["gaussian", "student"])
def test_draws_follow_the_law(head: str) -> None:
    law = Law.fit(student_draws(500, df=6.0), head, "x", centred=False)
    again = Law.fit(law.draw((40, 500), np.random.default_rng(0)).reshape(-1, 2), head, "x", centred=False)
    np.testing.assert_allclose(again.scale, law.scale, rtol=0.03)
    np.testing.assert_allclose(
        again.shape / np.outer(again.scale, again.scale), law.shape / np.outer(law.scale, law.scale), atol=0.03
    )


@pytest.mark.parametrize("head", ["gaussian", "student"])
def test_columns_in_step_have_no_joint_density(head: str) -> None:
    x = student_draws(50)[:, :1]
    with pytest.raises(DataError, match="the values move in step exactly"):
        Law.fit(np.concatenate([x, 2 * x - 1], axis=1), head, "the values", centred=False)


def test_student_of_gaussian_data_is_nearly_gaussian() -> None:
    x = np.random.default_rng(1).standard_normal((2000, 1))
    gaussian = Law.fit(x, "gaussian", "x", centred=True).log_density(x).sum()
    student = Law.fit(x, "student", "x", centred=True)
    assert student.df is not None
    assert student.df > 20
    assert student.log_density(x).sum() > gaussian - 1  # df = 1e4 alone costs far less than one nat


def test_scaling_the_data_scales_the_law() -> None:
    x = student_draws(100)
    law, scaled = (Law.fit(k * x, "student", "x", centred=False) for k in (1.0, 2.0**20))
    np.testing.assert_allclose(scaled.loc, 2.0**20 * law.loc, rtol=TINY)
    np.testing.assert_allclose(scaled.scale, 2.0**20 * law.scale, rtol=TINY)
    np.testing.assert_array_equal(scaled.df, law.df)


def test_same_call_same_bits() -> None:
    x = student_draws(100)
    first, second = (Law.fit(x, "student", "x", centred=False) for _ in range(2))
    np.testing.assert_array_equal(first.log_density(x), second.log_density(x))


def test_no_density_without_spread() -> None:
    x = np.column_stack([np.arange(4.0), np.full(4, 7.0)])
    with pytest.raises(DataError, match="the values are all equal in column 2"):
        Law.fit(x, "gaussian", "the values", centred=False)
    assert Law.fit(x, "gaussian", "the values", centred=True).scale[1] == 7.0
    with pytest.raises(DataError, match="all equal in column 1"):
        Law.fit(np.zeros((3, 1)), "student", "the changes", centred=True)


def test_student_refuses_two_thirds_of_ties_and_takes_fewer() -> None:
    tied = np.array([[0.0], [0.0], [0.0], [0.0], [1.0], [-2.0]])
    for centred in (False, True):
        with pytest.raises(DataError, match="4 of 6 of the changes coincide"):
            Law.fit(tied, "student", "the changes", centred=centred)
        law = Law.fit(tied[1:], "student", "the changes", centred=centred)
        assert law.scale[0] > 0
        assert law.df is not None
        assert law.df >= 2


def test_unknown_head() -> None:
    with pytest.raises(ArgumentError, match="`head` is 'cauchy'; expected one of gaussian, student"):
        Law.fit(np.ones((3, 1)), "cauchy", "x", centred=False)
