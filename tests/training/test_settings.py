"""Training's configuration: the schedule's shape, the budget, and what is refused."""

import math
from itertools import pairwise
from typing import Any

import pytest

from chainrule.errors import ArgumentError
from chainrule.training import TrainingConfig


def rates(config: TrainingConfig, steps: int) -> list[float]:
    return [config.rate(step, step / steps) for step in range(steps)]


@pytest.mark.parametrize("steps", [1, 5, 20, 500, 2000])
def test_the_rate_rises_to_its_peak_and_falls_to_a_twentieth(steps: int) -> None:
    config = TrainingConfig(steps=steps, learning_rate=0.01)
    schedule = rates(config, steps)
    peak = schedule.index(max(schedule))
    assert peak <= max(1, min(50, steps // 10))
    assert all(before < after for before, after in pairwise(schedule[: peak + 1]))
    assert all(before > after for before, after in pairwise(schedule[peak:]))
    assert max(schedule) <= 0.01
    assert config.rate(steps, 1.0) == pytest.approx(0.01 / 20)
    if steps >= 20:
        assert max(schedule) > 0.95 * 0.01
    else:
        assert all(rate > 0 for rate in schedule)


def test_the_warm_up_is_linear_and_the_decay_a_cosine() -> None:
    config = TrainingConfig(steps=100_000, learning_rate=1.0)
    for step in (0, 9, 24, 48):
        assert config.rate(step, step / 100_000) == pytest.approx((step + 1) / 50, rel=1e-4)
    for spent in (0.25, 0.5, 0.75):
        expected = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * spent))
        assert config.rate(1000, spent) == pytest.approx(expected)


def test_wsd_stays_at_its_peak_and_falls_on_a_line() -> None:
    config = TrainingConfig(steps=100_000, learning_rate=1.0, schedule="wsd")
    for step in (0, 9, 24, 48):
        assert config.rate(step, step / 100_000) == pytest.approx((step + 1) / 50, rel=1e-4)
    for spent, expected in ((0.1, 1), (0.5, 1), (0.6875, 1 - 0.95 / 2), (0.875, 0.05), (1, 0.05)):
        assert config.rate(1000, spent) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["cosine", "wsd"])
def test_the_rate_does_not_rise_again_past_the_budget(schedule: Any) -> None:
    config = TrainingConfig(learning_rate=1.0, schedule=schedule)
    assert config.rate(1000, 1.5) == config.rate(1000, 1.0) == pytest.approx(0.05)


def test_the_budget_is_steps_where_they_are_given_and_minutes_otherwise() -> None:
    assert TrainingConfig(steps=200, minutes=1).spent(50, seconds=1e6) == 0.25
    assert TrainingConfig(minutes=2).spent(10**6, seconds=30) == 0.25


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "`steps` is 0; expected a whole number of at least 1"),
        ({"batch": 0}, "`batch` is 0; expected a whole number of at least 1"),
        ({"minutes": 0.0}, "`minutes` is 0.0; expected a number above 0 and finite"),
        ({"minutes": math.inf}, "`minutes` is inf; expected a number above 0 and finite"),
        ({"learning_rate": -1e-3}, "`learning_rate` is -0.001; expected a number above 0 and below 1e.12"),
        ({"learning_rate": math.nan}, "`learning_rate` is nan; expected a number above 0 and below 1e.12"),
        ({"clip": 0.0}, "`clip` is 0.0; expected a number above 0 and below 1e.30"),
        ({"weight_decay": -0.1}, "`weight_decay` is -0.1; expected a number of at least 0 and below 1e.12"),
    ],
    ids=str,
)
def test_values_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        TrainingConfig(**options)
