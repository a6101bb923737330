"""Fitting and using models of real series."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule.data import Series, Transform
from chainrule.errors import DataError, TooShortError
from chainrule.models import SeriesModel, fit_least_squares
from chainrule.runs.backtest import Backtest, backtest_series
from chainrule.runs.config import DataConfig, RunConfig
from chainrule.runs.forecasting import Forecast, forecast_series
from chainrule.runs.results import Score
from chainrule.runs.run import Run, Source
from chainrule.runs.series_score import score_series
from chainrule.runs.splits import CONTEXT, split_in_time
from chainrule.runs.task import Task
from chainrule.training import Piece, StreamFeed, Streams, load_tensors, log_probs, save_tensors

__all__ = ["SeriesRun", "SeriesTask"]

SERIES = "series.safetensors"


class SeriesTask(Task):
    """One series, cut in time order into training, validation and test."""

    def __init__(self, data: Series, config: RunConfig) -> None:
        train, valid, _ = split_in_time(len(data.values), config.model.window, data.name, config.data.unit)
        self.data, self.head = data, config.model.head
        self.linear = config.model.name == "ar" and self.head == "gaussian"
        self.train, self.begin_test = data.values[:train], train + valid
        begin = max(0, train - CONTEXT)
        self._valid = [Piece(data.values[begin : self.begin_test], train - begin)]
        # Rows of a short series are kept at least four windows long, so that a state has time to matter.
        rows = max(1, min(config.training.batch, train // (4 * config.model.window)))
        self.feed = StreamFeed(Streams([self.train], rows, config.model.window))

    @staticmethod
    def describe(data: Series, transform: str) -> DataConfig:
        """What a model has to know of the data; the transform is fitted to the training part alone."""
        train = split_in_time(len(data.values), 1, data.name, "step")[0]
        fitted = Transform.fit(transform, data.values[:train])
        fitted.apply(torch.from_numpy(data.values))  # refuses now what it could not transform later
        return DataConfig("series", data.name, "step", transform=fitted, columns=data.columns, season=data.season)

    def validate(self, model: SeriesModel) -> float:
        """Mean nats per step of the validation part."""
        return -float(log_probs(model, self._valid)[0].mean())

    def solve(self, model: SeriesModel) -> bool:
        """Least squares, for a linear AR with a Gaussian head."""
        if self.linear:
            fit_least_squares(model, torch.from_numpy(self.train))
        return self.linear

    def score(self, model: SeriesModel) -> Score:
        """The score of the test part, which no choice depended on, and of the baselines."""
        of = f"{self.data.name}, last tenth (test)"
        return score_series(model, self.data, self.train, self.head, self.begin_test, of)

    def save(self, folder: Path) -> None:
        """Keep the series with the run, so that forecasts need no other file."""
        dates = self.data.dates
        tensors = {"values": torch.from_numpy(self.data.values)}
        if dates is not None:
            tensors["dates"] = torch.from_numpy(dates.astype("datetime64[ns]").astype(np.int64))
        save_tensors(folder / SERIES, tensors, {"columns": self.data.columns, "season": self.data.season})


class SeriesRun(Run):
    """A fitted model of a series, and the series."""

    model: SeriesModel

    @property
    def series(self) -> Series:
        """The data that the run was fitted to, all three parts."""
        tensors, about = load_tensors(self.path / SERIES)
        dates = tensors["dates"].numpy().astype("datetime64[ns]") if "dates" in tensors else None
        name = self.config.data.name
        return Series(tensors["values"].numpy(), tuple(about["columns"]), dates, name, about["season"])

    def score(self, data: Source | None = None) -> Score:
        """As of every run; steps of new ``data`` are scored from its second season on, what precedes is read."""
        task = SeriesTask(self.series, self.config)
        if data is None:
            return task.score(self.model)
        new = self._new(data)
        return score_series(self.model, new, task.train, task.head, task.data.season, f"{new.name}, all")

    def sample(
        self,
        length: int = 500,
        *,
        prompt: Any = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int = 0,
    ) -> NDArray[np.float64]:
        """One path of values (length, C) after ``prompt``, values (T, C); None continues the run's own series."""
        values = self.series.values if prompt is None else np.asarray(prompt, dtype=np.float64)
        context = torch.from_numpy(values.reshape(len(values), -1))
        return self.model.sample(length, context, temperature=temperature, top_k=top_k, seed=seed).numpy()

    def draw(self) -> None:
        """Write forecast.png: the last steps of the test part as forecast from before them, beside what happened."""
        series = self.series
        horizon = max(1, min(30, len(series.values) // 20))
        known = replace(
            series,
            values=series.values[:-horizon],
            dates=None if series.dates is None else series.dates[:-horizon],
        )
        forecast = forecast_series(self.model, known, horizon, 1000, (0.025, 0.1, 0.5, 0.9, 0.975), seed=0)
        if series.dates is not None:
            forecast = replace(forecast, dates=series.dates[-horizon:])
        forecast.plot(series.values[-horizon:]).savefig(self.path / "forecast.png")

    def forecast(
        self,
        horizon: int = 30,
        *,
        paths: int = 1000,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
        seed: int = 0,
    ) -> Forecast:
        return forecast_series(self.model, self.series, horizon, paths, tuple(quantiles), seed)

    def backtest(
        self,
        data: Source | None = None,
        *,
        horizon: int = 30,
        paths: int = 200,
        stride: int | None = None,
        seed: int = 0,
        advance: Callable[[float], None] = lambda share: None,
    ) -> Backtest:
        task = SeriesTask(self.series, self.config)
        series, begin, of = task.data, task.begin_test, f"{task.data.name}, last tenth (test)"
        if data is not None:
            series = self._new(data)
            begin, of = task.data.season, f"{series.name}, all"
        return backtest_series(
            self.model,
            series,
            task.train,
            task.head,
            begin,
            of,
            horizon=horizon,
            paths=paths,
            stride=stride,
            seed=seed,
            advance=advance,
        )

    def _new(self, source: Source) -> Series:
        series, own = self._read(source), self.config.data
        if not isinstance(series, Series) or series.values.shape[1] != len(own.columns):
            raise DataError(f"{self.path} models the columns {', '.join(own.columns)}: give it a series of those.")
        if len(series.values) < own.season + 2:
            raise TooShortError(
                f"{series.name} has {len(series.values)} steps; scoring needs a season and two, {own.season + 2}."
            )
        return series
