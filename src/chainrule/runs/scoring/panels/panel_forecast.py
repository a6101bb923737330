"""Forecasts of panels: quantiles of the steps after each series, and the dates they fall on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import choose, counted
from chainrule._optional import require
from chainrule.data.dates.timezones import local_times, write_dates
from chainrule.display import Cell, Shown, Table, fixed, listed
from chainrule.errors import ArgumentError, ShapeError
from chainrule.runs.figures.fan import forecast_fan, percent
from chainrule.runs.figures.small_fans import small_fans
from chainrule.runs.scoring.panels.long_frame import quantile_columns, times_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from chainrule.display.drawing.picture import Picture

__all__ = ["PanelForecast"]

_Floats = NDArray[np.float64]
_Dates = NDArray[np.datetime64]
_ROWS = 40  # of the table
_SMALL = 12  # fans on a page


@dataclass(frozen=True, eq=False, repr=False)
class PanelForecast(Shown):
    """Quantiles of the steps after the end of N series; `forecast_panel` makes it from arrays.

    Attributes:
        of: the name of the data.
        target: what is forecast.
        ids: N names of series.
        levels: (Q,) increasing numbers between 0 and 1, 0.5 among them.
        quantiles: (N, H, Q).
        histories: the values of each series before, as many as it has.
        dates: (N, H), in UTC where there is a ``timezone``; None where steps are numbered.
        steps: (N, H) int64, the numbers that the data goes on with; None where it has dates, or counts from the rows of
            ``histories``.
        history_dates: of each series; None without dates.
        timezone: of the dates.
        model: the name of the forecaster, which names columns.
    """

    of: str
    target: str
    ids: tuple[str, ...]
    levels: _Floats
    quantiles: _Floats
    histories: Sequence[_Floats]
    dates: _Dates | None = None
    history_dates: Sequence[_Dates] | None = None
    timezone: str | None = None
    model: str = "model"
    steps: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.ids), self.horizon, len(self.levels))
        dated = all(times is None or times.shape == shape[:2] for times in (self.dates, self.steps))
        if self.quantiles.shape != shape or len(self.histories) != shape[0] or not dated:
            raise ShapeError(
                f"quantiles are {self.quantiles.shape}, dates {getattr(self.dates, 'shape', None)} and there are "
                f"{counted(len(self.histories), 'history', 'histories')}; expected {shape}, {shape[:2]} and {shape[0]}."
            )

    @property
    def horizon(self) -> int:
        """The steps of each forecast."""
        return int(self.quantiles.shape[1])

    def summary(self) -> str:
        levels = ", ".join(map(percent, self.levels))
        sizes = f"{counted(len(self.ids), 'series', 'series')}, {counted(self.horizon, 'step')}"
        return f"of {self.of}: {sizes}, quantiles {levels}"

    def table(self) -> Table:
        """The first series: a row for each step and a column for each quantile."""
        shown = min(len(self.ids), max(1, _ROWS // self.horizon))
        rows: list[tuple[Cell, ...]] = []
        for i in range(shown):
            when = self._when(i) if self.steps is None else [str(step) for step in self.steps[i]]  # 1990, not 1,990
            for at, quantiles in zip(when, self.quantiles[i].tolist(), strict=True):
                rows.append((self.ids[i], at, *quantiles))
        names = [f"{level:g}" for level in self.levels]
        formats = dict.fromkeys(names, fixed(self.quantiles[:shown].ravel().tolist()))
        unit = "step" if self.dates is None else "date"
        rest = len(self.ids) - shown
        notes = (f"and {counted(rest, 'series', 'series')} more, all in to_frame()",) if rest else ()
        return Table(f"forecast of {self.target}", ("series", unit, *names), rows, notes, formats=formats)

    def _when(self, i: int) -> Sequence[Cell]:
        if self.dates is not None:
            return write_dates(self.dates[i], self.timezone)
        return range(1, self.horizon + 1) if self.steps is None else self.steps[i].tolist()

    def to_frame(self) -> "pd.DataFrame":
        """A row for each series and step, in utilsforecast's format: ``unique_id, ds``, then `quantile_columns`.

        These are the model's name for the median, <model>-lo-80 and <model>-hi-80 for the ends of the 80 % interval,
        and so on. Without dates, ``ds`` goes on from the numbers that the data has for the steps, else from those of
        the rows of each series, which begin at 1.
        """
        lengths = np.array([len(history) for history in self.histories])
        when: Any = (lengths[:, None] + np.arange(1, self.horizon + 1)).ravel()
        if self.dates is not None:
            when = times_of(self.dates.ravel(), self.timezone)
        elif self.steps is not None:
            when = self.steps.ravel()
        columns = {"unique_id": np.repeat(np.asarray(self.ids, dtype=object), self.horizon), "ds": when}
        flat = self.quantiles.reshape(-1, len(self.levels))
        frame: pd.DataFrame = require("pandas").DataFrame(columns | quantile_columns(self.model, self.levels, flat))
        return frame

    def to_csv(self) -> str:
        """The frame as CSV, every digit kept; dates as ISO 8601, with the offset from UTC where there is a zone."""
        frame = self.to_frame()
        if self.dates is not None:
            frame["ds"] = write_dates(self.dates.ravel(), self.timezone)
        return str(frame.to_csv(index=False, lineterminator="\n"))

    def to_dict(self) -> dict[str, Any]:
        """The quantiles by series, step and level."""
        return {
            "of": self.of,
            "target": self.target,
            "model": self.model,
            "ids": list(self.ids),
            "levels": self.levels.tolist(),
            "timezone": self.timezone,
            "dates" if self.dates is not None else "steps": [list(self._when(i)) for i in range(len(self.ids))],
            "quantiles": listed(self.quantiles),
        }

    def draw_on(self, ax: "Axes", series: str | None = None, actual: _Floats | None = None) -> None:
        """The fan of one series, the first unless ``series`` names one: the end of its history, median and bands.

        ``actual`` (H,) is drawn beside it if it is known.

        Raises:
            ArgumentError: there is no such series.
        """
        i = self._place(self.ids[0] if series is None else series)
        past, future = self._times(i)
        forecast_fan(
            [ax],
            history=self.histories[i][:, None],
            dates=past,
            levels=self.levels,
            quantiles=self.quantiles[i].T[:, :, None],
            columns=[self.ids[i]],
            future_dates=future,
            actual=None if actual is None else np.asarray(actual)[:, None],
        )

    def figure(self, **options: Any) -> "Picture":
        """The fan of the series that ``series`` names, or a page of small ones: of a list, or of the first 12."""
        series = options.get("series")
        if series is None and len(self.ids) == 1:
            actual = options.get("actual")
            return super().figure(**options | {"actual": None if actual is None else np.ravel(actual)})
        if isinstance(series, str):
            return super().figure(**options)
        names = self.ids[:_SMALL] if series is None else tuple(series)
        if not 1 <= len(names) <= _SMALL:
            raise ArgumentError(
                f"{counted(len(names), 'series', 'series')} were named; expected 1 to {_SMALL} on a page."
            )
        chosen = [self._place(name) for name in names]
        times = [self._times(i) for i in chosen]
        dated = self.dates is not None and self.history_dates is not None
        return small_fans(
            names,
            [self.histories[i] for i in chosen],
            [past for past, _ in times] if dated else None,
            self.levels,
            self.quantiles[chosen],
            [future for _, future in times] if dated else None,
            options.get("actual"),
        )

    def _place(self, name: str) -> int:
        choose("`series`", name, self.ids)
        return self.ids.index(name)

    def _times(self, i: int) -> tuple[Any, Any]:
        """The dates of a series' history and forecast as a clock in the time zone shows them; None without dates."""
        if self.dates is None or self.history_dates is None:
            return None, None
        past = local_times(self.history_dates[i], self.timezone).to_numpy()
        return past, local_times(self.dates[i], self.timezone).to_numpy()
