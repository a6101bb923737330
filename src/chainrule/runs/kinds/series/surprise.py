"""How likely each step of a series was, and what is left of it in random order."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from chainrule.data import Series
from chainrule.data.dates.timezones import write_dates
from chainrule.models import SeriesModel
from chainrule.runs.scoring.surprise import Each, Shuffled, shuffles
from chainrule.training import Piece, log_probs

__all__ = ["each_step", "shuffled_steps"]


def each_step(model: SeriesModel, series: Series, begin: int, of: str) -> Each:
    """log p of every step from ``begin`` on, each written as its date, if it has one, and its values."""
    log_prob = log_probs(model, [Piece(series.values, begin)])[0]
    values = [" ".join(f"{value:.5g}" for value in row) for row in series.values[begin:].tolist()]
    if series.dates is not None:
        dates = write_dates(series.dates[begin:], series.timezone)
        values = [f"{date}: {value}" for date, value in zip(dates, values, strict=True)]
    notes = (f"Densities are in the data's own units, of {', '.join(series.columns)}.",)
    return Each(of, "step", values, log_prob, notes=notes)


def shuffled_steps(
    model: SeriesModel,
    values: NDArray[np.float64],
    begin: int,
    *,
    about: Mapping[str, str],
    times: int,
    seed: int,
    advance: Callable[[float], None],
) -> Shuffled:
    """The steps from ``begin`` on as they came and in so many random orders; those before them stay in their places."""
    scored = values[begin:]

    def nats(steps: NDArray[np.float64]) -> float:
        return -float(log_probs(model, [Piece(np.concatenate([values[:begin], steps]), begin)])[0].mean())

    found = shuffles(times, seed, lambda generator: nats(generator.permutation(scored)), advance)
    return Shuffled(count=len(scored), ordered=nats(scored), shuffled=found, **about)
