"""Forecasts: sampled futures of a series, their quantiles, and the dates they fall on."""

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule._choices import finite, whole
from chainrule._optional import require
from chainrule.data import Series
from chainrule.errors import ArgumentError
from chainrule.models import SeriesModel
from chainrule.runs.figures import forecast_fan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Forecast", "forecast_series", "future_dates"]

_Floats = NDArray[np.float64]
_Dates = NDArray[np.datetime64]

_RECENT = 60  # dates that tell the rule


@dataclass(frozen=True, eq=False)
class Forecast:
    """Quantiles (Q, H, C) at ``levels`` (Q,) of the H steps after ``history`` (T, C), from ``paths`` (n, H, C)."""

    columns: tuple[str, ...]
    levels: tuple[float, ...]
    quantiles: _Floats
    paths: _Floats
    dates: _Dates | None
    history: _Floats
    history_dates: _Dates | None

    def rows(self) -> tuple[list[str], list[list[Any]]]:
        """A header and one row a step: the step or date, then every quantile of every column."""
        header = ["step" if self.dates is None else "date"]
        header += [f"{column} {level:g}" for column in self.columns for level in self.levels]
        when = range(1, self.quantiles.shape[1] + 1) if self.dates is None else _written(self.dates)
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
        dates = None if self.history_dates is None or self.dates is None else self.history_dates[tail]
        return forecast_fan(self.history[tail], dates, self.levels, self.quantiles, self.columns, self.dates, actual)


def _written(dates: _Dates) -> list[str]:
    """Dates as ISO 8601, with a time of day only where some have one."""
    units = (unit for unit in ("D", "s", "us") if (dates.astype(f"datetime64[{unit}]") == dates).all())
    return np.datetime_as_string(dates, unit=next(units, "ns")).tolist()  # type: ignore[call-overload, no-any-return]


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
    dates = None if data.dates is None else future_dates(data.dates, horizon)
    return Forecast(data.columns, levels, quantiles, futures, dates, data.values, data.dates)


def future_dates(dates: _Dates, horizon: int) -> _Dates | None:
    """The dates of the next steps: by the calendar rule that the last ones follow (daily, business days, monthly).

    None where they follow no rule that can be told.

    >>> future_dates(np.array(["2024-01-31", "2024-02-29", "2024-03-31"], "datetime64[D]"), 2)
    array(['2024-04-30T00:00:00.000000', '2024-05-31T00:00:00.000000'],
          dtype='datetime64[us]')
    """
    pandas = require("pandas")
    known = dates[-_RECENT:].astype("datetime64[us]")  # nanoseconds would end in the year 2262
    if len(known) < 3:
        return None
    index, gaps = pandas.DatetimeIndex(known, freq="infer"), np.diff(known)
    rule = index.freq
    if rule is None and np.median(gaps) == np.timedelta64(1, "D") and (index.day_of_week < 5).all():
        rule = "B"  # business days with holidays left out
    months = np.diff(index.year * 12 + index.month)
    if rule is None and months[0] > 0 and (months == months[0]).all() and (index.day == index.day[0]).all():
        rule = pandas.DateOffset(months=int(months[0]))  # on one day of the month
    if rule is not None:
        after = pandas.date_range(index[-1], periods=horizon + 1, freq=rule, unit="us")[1:]
        return np.asarray(after.to_numpy())
    if gaps.max() > 1.2 * gaps.min():
        return None
    return np.asarray(known[-1] + np.arange(1, horizon + 1) * np.median(gaps))
