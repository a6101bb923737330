"""A small set, and entrants that cost nothing."""

import numpy as np
from benchmarks.forecasting.entering import LEVELS, Asked, Outcome
from benchmarks.forecasting.sets import ForecastSet, without_end

from chainrule.data import Panel

SMALL = ForecastSet({"layout": "rows"}, horizon=4, season=1)


def a_panel(series: int = 3) -> Panel:
    """Series of 40 steps and more, each a season of five and a trend."""
    lengths = 40 + np.arange(series)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    values = np.concatenate([k + 0.1 * np.arange(n) + np.arange(n) % 5 for k, n in enumerate(lengths)])
    return Panel(values, starts, tuple(f"s{k}" for k in range(series)))


def asked_of(panel: Panel, minutes: float = 0.01) -> Asked:
    return Asked(without_end(panel, SMALL.horizon), SMALL.horizon, minutes, seed=0)


def last_value(asked: Asked) -> Outcome:
    """An entrant that forecasts what was last, and a step around it."""
    last = np.array([values[-1] for values in asked.series()])
    quantiles = last[:, None, None] + np.zeros((asked.horizon, 1)) + np.array(LEVELS) - 0.5
    return Outcome(quantiles, training=1.0, forecasting=2.0, processor=3.0, steps=4)


def one_short(asked: Asked) -> Outcome:
    """An entrant that leaves out a series."""
    return Outcome(last_value(asked).quantiles[1:], training=1.0, forecasting=2.0, processor=3.0, steps=4)


def out_of_luck(asked: Asked) -> Outcome:
    raise RuntimeError("out of luck")
