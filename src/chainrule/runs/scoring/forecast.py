"""Forecasts: sampled futures of a series, their quantiles, and the dates they fall on."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule._choices import choose, counted, finite, whole
from chainrule._optional import require
from chainrule.data import Series
from chainrule.data.dates.timezones import local_times, write_dates
from chainrule.display import Cell, Shown, Table, fixed, listed, new_figure
from chainrule.errors import ArgumentError
from chainrule.models import SeriesModel
from chainrule.runs.figures.fan import forecast_fan, percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from chainrule.display.drawing.picture import Picture

__all__ = ["Forecast", "forecast_series"]

_Floats = NDArray[np.float64]
_Dates = NDArray[np.datetime64]


@dataclass(frozen=True, eq=False, repr=False)
class Forecast(Shown):
    """Quantiles of the steps after the end of a series, from sampled paths.

    Attributes:
        columns: C names.
        levels: Q numbers between 0 and 1.
        quantiles: (Q, H, C), of each step and column at each level.
        paths: (n, H, C), from which the quantiles are.
        dates: (H,), in UTC where there is a ``timezone``; None where the steps can only be numbered.
        history: (T, C), the series before.
        history_dates: (T,), or None.
        of: the name of the data.
        timezone: of the dates.
        calendar: what the dates follow, or why there are none; None where the history has no dates.

    >>> paths = np.arange(12.0).reshape(4, 3, 1)
    >>> quantiles = np.quantile(paths, [0.1, 0.5, 0.9], axis=0)
    >>> found = Forecast(("sales",), (0.1, 0.5, 0.9), quantiles, paths, None, np.ones((9, 1)), None, "shop")
    >>> found, found.quantiles[1, :, 0].tolist()
    (<Forecast of shop: 3 steps, 1 column, quantiles 10 %, 50 %, 90 %>, [4.5, 5.5, 6.5])
    """

    columns: tuple[str, ...]
    levels: tuple[float, ...]
    quantiles: _Floats
    paths: _Floats
    dates: _Dates | None
    history: _Floats
    history_dates: _Dates | None
    of: str
    timezone: str | None = None
    calendar: str | None = None

    def rows(self) -> tuple[list[str], list[list[Any]]]:
        """A header, and a row for each step: the step or date, then every quantile of every column."""
        header = [self._unit, *(f"{column} {level:g}" for column in self.columns for level in self.levels)]
        rows = [[at, *self.quantiles[:, h].T.reshape(-1).tolist()] for h, at in enumerate(self._when())]
        return header, rows

    def to_csv(self) -> str:
        """The rows as CSV, every digit kept."""
        header, rows = self.rows()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        return text.getvalue()

    def summary(self) -> str:
        sizes = f"{counted(self.quantiles.shape[1], 'step')}, {counted(len(self.columns), 'column')}"
        levels = ", ".join(map(percent, self.levels))
        return f"of {self.of}: {sizes}, quantiles {levels}"

    def table(self) -> Table:
        """The table of the first column."""
        return self.tables()[0]

    def tables(self) -> Sequence[Table]:
        """A table for each column of the series, with a row for each step and a column for each quantile."""
        when = self._when()
        names = [f"{level:g}" for level in self.levels]
        tables = []
        for c, column in enumerate(self.columns):
            rows = [(at, *self.quantiles[:, h, c].tolist()) for h, at in enumerate(when)]
            formats = dict.fromkeys(names, fixed(self.quantiles[:, :, c].ravel().tolist()))
            tables.append(Table(f"forecast of {column}", (self._unit, *names), rows, formats=formats))
        tables[-1] = replace(tables[-1], notes=self.remarks())
        return tables

    def remarks(self) -> tuple[str, ...]:
        """A sentence on what the dates follow, or why steps are numbered; none where the history has no dates."""
        if self.calendar is None:
            return ()
        if self.dates is None:
            return (f"steps are numbered: {self.calendar}",)
        return (f"dates follow: {self.calendar}",)

    def to_frame(self) -> "pd.DataFrame":
        """A row for each column and step: its date, in the time zone, or number; the column; the quantiles by level."""
        pandas = require("pandas")
        when: Any = self._numbers
        if self.dates is not None:
            when = pandas.DatetimeIndex(self.dates)
        if self.dates is not None and self.timezone is not None:
            when = when.tz_localize("UTC").tz_convert(self.timezone)
        frames = []
        for c, column in enumerate(self.columns):
            steps = pandas.DataFrame({self._unit: when, "column": column})
            quantiles = pandas.DataFrame(self.quantiles[:, :, c].T, columns=list(self.levels))
            frames.append(steps.join(quantiles))
        frame: pd.DataFrame = pandas.concat(frames, ignore_index=True)
        return frame

    def to_dict(self) -> dict[str, Any]:
        """The quantiles by level, step and column; not the paths, which are many."""
        return {
            "of": self.of,
            "columns": list(self.columns),
            "levels": list(self.levels),
            "timezone": self.timezone,
            "calendar": self.calendar,
            f"{self._unit}s": list(self._when()),
            "quantiles": listed(self.quantiles),
        }

    def draw_on(self, ax: "Axes", column: str | None = None, actual: _Floats | None = None) -> None:
        """The fan of one column: the end of the history, the median and bands.

        Of several columns, ``column`` says which. ``actual`` (H, C) is drawn beside it if it is known.

        Raises:
            ArgumentError: there is no such column, or none is named of several.
        """
        if column is None and len(self.columns) > 1:
            raise ArgumentError(
                f"one axes has room for one column, and there are {len(self.columns)}. Name one, as in "
                f"plot(ax, column={self.columns[0]!r}), or leave out ax for a figure of all."
            )
        if column is None:
            column = self.columns[0]
        choose("column", column, self.columns)
        c = self.columns.index(column)
        self._fan([ax], slice(c, c + 1), actual)

    def figure(self, **options: Any) -> "Picture":
        """A panel for each column, or for the one that ``column`` names."""
        if options.get("column") is not None:
            return super().figure(**options)
        made = new_figure(self.figure_height, len(self.columns))
        self._fan(made.axes, slice(None), options.get("actual"))
        return made

    @property
    def figure_height(self) -> float:
        return max(3.4, 1.0 + 2.0 * len(self.columns))

    def _fan(self, panels: "Sequence[Axes]", columns: slice, actual: _Floats | None) -> None:
        tail = slice(-max(60, 3 * self.quantiles.shape[1]), None)
        past = future = None
        if self.history_dates is not None and self.dates is not None:
            past = local_times(self.history_dates[tail], self.timezone).to_numpy()
            future = local_times(self.dates, self.timezone).to_numpy()
        if actual is not None:
            actual = np.asarray(actual)[:, columns]
        forecast_fan(
            panels,
            history=self.history[tail, columns],
            dates=past,
            levels=self.levels,
            quantiles=self.quantiles[:, :, columns],
            columns=self.columns[columns],
            future_dates=future,
            actual=actual,
        )

    @property
    def _unit(self) -> str:
        return "step" if self.dates is None else "date"

    def _when(self) -> Sequence[Cell]:
        if self.dates is None:
            return self._numbers
        return write_dates(self.dates, self.timezone)

    @property
    def _numbers(self) -> range:
        """The steps' numbers, from 1 on."""
        return range(1, self.quantiles.shape[1] + 1)


def forecast_series(
    model: SeriesModel, data: Series, horizon: int, paths: int, levels: tuple[float, ...], seed: int
) -> Forecast:
    """Sample ``paths`` futures of ``horizon`` steps after the data."""
    horizon = whole("`horizon`", horizon)
    paths = whole("`paths`", paths, least=2)
    levels = tuple(sorted({finite("a quantile", level, 0, 1, open_low=True) for level in levels}))
    if not levels:
        raise ArgumentError("no quantiles were asked for; expected at least one between 0 and 1.")
    context = torch.from_numpy(data.values).to(model.device)
    futures = model.forecast(context, horizon, paths, seed=seed).cpu().numpy()
    quantiles = np.quantile(futures, levels, axis=0)
    dates = None
    calendar = None
    if data.frequency is not None:
        dates = data.frequency.next(horizon)
        calendar = str(data.frequency)
    return Forecast(
        columns=data.columns,
        levels=levels,
        quantiles=quantiles,
        paths=futures,
        dates=dates,
        history=data.values,
        history_dates=data.dates,
        of=data.name,
        timezone=data.timezone,
        calendar=calendar,
    )
