"""Forecasts: sampled futures of a series, their quantiles, and the dates they fall on."""

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule._choices import finite, whole
from chainrule.data import Series
from chainrule.data.timezones import local_times, write_dates
from chainrule.errors import ArgumentError
from chainrule.models import SeriesModel
from chainrule.runs.figures import forecast_fan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Forecast", "forecast_series"]

_Floats = NDArray[np.float64]
_Dates = NDArray[np.datetime64]


@dataclass(frozen=True, eq=False)
class Forecast:
    """Quantiles (Q, H, C) at ``levels`` (Q,) of the H steps after ``history`` (T, C), from ``paths`` (n, H, C).

    ``dates`` (H,) are in UTC where there is a ``timezone``, None where the steps can only be numbered; ``calendar``
    says what they follow, or why there are none, and is None where the history has no dates.
    """

    columns: tuple[str, ...]
    levels: tuple[float, ...]
    quantiles: _Floats
    paths: _Floats
    dates: _Dates | None
    history: _Floats
    history_dates: _Dates | None
    timezone: str | None = None
    calendar: str | None = None

    def rows(self) -> tuple[list[str], list[list[Any]]]:
        """A header and one row a step: the step or date, then every quantile of every column."""
        header = ["step" if self.dates is None else "date"]
        header += [f"{column} {level:g}" for column in self.columns for level in self.levels]
        when = range(1, self.quantiles.shape[1] + 1) if self.dates is None else write_dates(self.dates, self.timezone)
        return header, [[at, *self.quantiles[:, h].T.reshape(-1).tolist()] for h, at in enumerate(when)]

    def to_csv(self) -> str:
        """The rows as CSV, every digit kept."""
        header, rows = self.rows()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        return text.getvalue()

    def plot(self, actual: _Floats | None = None) -> "Figure":
        """The fan: the end of the history, the median and bands; ``actual`` (H, C) if it is known."""
        tail = slice(-max(60, 3 * self.quantiles.shape[1]), None)
        past = future = None
        if self.history_dates is not None and self.dates is not None:
            past = local_times(self.history_dates[tail], self.timezone).to_numpy()
            future = local_times(self.dates, self.timezone).to_numpy()
        return forecast_fan(self.history[tail], past, self.levels, self.quantiles, self.columns, future, actual)


def forecast_series(
    model: SeriesModel, data: Series, horizon: int, paths: int, levels: tuple[float, ...], seed: int
) -> Forecast:
    """Sample ``paths`` futures of ``horizon`` steps after the data."""
    horizon, paths = whole("horizon", horizon), whole("paths", paths, least=2)
    levels = tuple(sorted({finite("a quantile", level, 0, 1, open_low=True) for level in levels}))
    if not levels:
        raise ArgumentError("no quantiles were asked for; expected at least one between 0 and 1.")
    futures = model.forecast(torch.from_numpy(data.values), horizon, paths, seed=seed).numpy()
    quantiles = np.quantile(futures, levels, axis=0)
    frequency = data.frequency
    return Forecast(
        data.columns,
        levels,
        quantiles,
        futures,
        dates=None if frequency is None else frequency.next(horizon),
        history=data.values,
        history_dates=data.dates,
        timezone=data.timezone,
        calendar=None if frequency is None else str(frequency),
    )
