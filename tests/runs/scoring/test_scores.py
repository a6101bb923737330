"""Scores: nats, bits, and an interval for what is gained that knows neighbours to be dependent."""

import json
import math

import numpy as np
import pytest

from chainrule.errors import ArgumentError
from chainrule.runs import ClassScore, Errors, Score
from tests.runs.cases import ar1


def score(difference: np.ndarray) -> Score:
    return Score("x", "step", difference, {"none": np.zeros_like(difference)})


def test_nats_bits_and_likelihood() -> None:
    s = Score("x", "byte", np.log([0.5, 0.125]), {"half": np.log([0.5, 0.5])})
    assert s.count == 2
    assert s.bits == pytest.approx(2.0)
    assert s.log_likelihood == pytest.approx(math.log(1 / 16))
    assert s.baseline_nats() == {"half": pytest.approx(math.log(2))}
    assert s.gain("half")[0] == pytest.approx(-math.log(2))


@pytest.mark.sampled(0)
@pytest.mark.parametrize("count", [25, 400])
@pytest.mark.parametrize("coefficient", [0.0, 0.6])
def test_the_interval_holds_the_true_gain_about_as_often_as_it_says(count: int, coefficient: float) -> None:
    held = []
    for seed in range(400):
        gained, half = score(ar1(count + 50, coefficient, seed)[50:, 0]).gain("none")
        held.append(abs(gained - 50) <= half)
    # Blocks of dependent steps are a little too short, so the share falls below 95 %, as the method is known to do.
    least = 0.93 if coefficient == 0 else 0.82
    assert least <= np.mean(held) <= 0.98


def test_intervals_of_next_to_nothing() -> None:
    assert score(np.array([0.3])).gain("none") == (0.3, math.inf)
    gained, half = score(np.array([1.0, 3.0])).gain("none")
    assert gained == 2
    assert half == pytest.approx(12.706, rel=1e-3)  # Student's quantile with one degree of freedom


def test_summaries_are_json() -> None:
    errors = {"model": Errors(1.0, 2.0, 0.5, 0.8, 0.95)}
    s = Score("x", "step", np.array([-1.0]), {"i.i.d.": np.array([-2.0])}, errors)
    assert json.loads(json.dumps(s.to_dict(), allow_nan=False))["errors"]["model"]["mae"] == 1.0
    c = ClassScore("x", ("a", "b"), np.array([[3, 1], [0, 4]]), 0.5, 0.5)
    assert (c.count, c.accuracy) == (8, 0.875)
    assert json.loads(json.dumps(c.to_dict(), allow_nan=False))["confusion"] == [[3, 1], [0, 4]]


def test_a_gain_over_a_baseline_that_was_not_scored_is_refused() -> None:
    score = Score("x", "step", np.zeros(4), {"i.i.d.": np.zeros(4)})
    with pytest.raises(ArgumentError, match=r"no baseline 'foo' was scored; there are i\.i\.d\."):
        score.gain("foo")


def test_of_several_comparisons_each_interval_is_wider() -> None:
    random = np.random.default_rng(0)
    score = Score("x", "step", random.standard_normal(400), {"i.i.d.": random.standard_normal(400)})
    assert score.gain("i.i.d.", 6)[1] > score.gain("i.i.d.")[1]
    assert score.gain("i.i.d.", 6)[0] == score.gain("i.i.d.")[0]
