"""Fitting and using models of real series."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from chainrule._choices import counted, listed
from chainrule.data import Series, Transform
from chainrule.errors import (
    ArgumentError,
    RunFormatError,
    ShapeError,
    TooShortError,
    TransformError,
)
from chainrule.lens import ThroughTime, ThroughWindow
from chainrule.models import Regression, SeriesModel, fit_least_squares, fit_path
from chainrule.runs.continuing import go_on, said, with_growth
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.contents import SERIES, UPDATED
from chainrule.runs.folder.data_config import DataConfig, digest_of
from chainrule.runs.kinds.cut import split_in_time
from chainrule.runs.kinds.task import Task
from chainrule.runs.kinds.training_streams import stream_feed
from chainrule.runs.looking import look_at
from chainrule.runs.run import Run, Source
from chainrule.runs.scoring.ahead import backtest_ahead, excess
from chainrule.runs.scoring.backtest import Backtest, backtest_series
from chainrule.runs.scoring.baselines import Baselines
from chainrule.runs.scoring.forecast import Forecast, forecast_series
from chainrule.runs.scoring.free_run import free_run
from chainrule.runs.scoring.scores import Score
from chainrule.runs.scoring.series_score import score_series
from chainrule.training import ALONE, Feed, Group, Piece, Validation, load_tensors, log_probs, save_tensors

__all__ = ["SeriesRun", "SeriesTask"]


class SeriesTask(Task):
    """One series, cut in time order into training, validation and test."""

    def __init__(self, data: Series, config: RunConfig, group: Group = ALONE) -> None:
        self.parts = split_in_time(len(data.values), config.model.window, data.name, config.data.unit)
        train, valid, _ = self.parts
        head = config.model.head
        transform = config.data.transform
        assert transform is not None
        self._name = config.model.name
        self.data = data
        self.linear = config.model.name == "ar" and head == "gaussian"
        self.stable = config.model.stable
        self.train = data.values[:train]
        self.begin_test = train + valid
        self.baselines = Baselines.fit(self.train, data.season, head, transform)
        self._valid = [Piece(data.values[: self.begin_test], train)]
        # Rows of a short series are kept at least four windows long, so that a state has time to matter.
        rows = max(1, min(config.training.batch, train // (4 * config.model.window * group.size)))
        if config.training.state_dropout:
            raise ArgumentError("state dropout begins a document anew; a series is one. Leave it out.")
        self.config = config
        self._rows = rows
        self._group = group
        self.feed = stream_feed([self.train], rows, config, group)

    def feed_everything(self) -> Feed:
        # As many rows as before, so that a step is of as many values.
        return stream_feed([self.data.values], self._rows, self.config, self._group)

    def describe_everything(self) -> DataConfig:
        """The transform too is fitted to all of it."""
        own = self.config.data
        assert own.transform is not None
        return replace(own, transform=Transform.fit(own.transform.name, self.data.values, own.columns, own.name))

    @staticmethod
    def describe(data: Series, transform: str, window: int) -> DataConfig:
        """What a model has to know of the data; the transform is fitted to the training part alone."""
        train = split_in_time(len(data.values), window, data.name, "step")[0]
        fitted = Transform.fit(transform, data.values[:train], data.columns, data.name)
        fitted.apply(torch.from_numpy(data.values))  # refuses now what it could not transform later
        return DataConfig(
            "series",
            data.name,
            "step",
            digest_of(data),
            transform=fitted,
            columns=data.columns,
            season=data.season,
            freq=None if data.frequency is None else data.frequency.alias,
        )

    @property
    def of(self) -> str:
        """The test part, in words."""
        return f"{self.data.name}, last tenth (test)"

    def validate(self, model: SeriesModel) -> Validation:
        """Mean nats per step of the validation part, and what its forecasts several steps ahead are worth."""
        loss = -float(log_probs(model, self._valid)[0].mean())
        return Validation(
            loss, excess(model, self.data.values[: self.begin_test], self.baselines, self._valid[0].context)
        )

    def solve(self, model: SeriesModel, *, everything: bool = False) -> bool:
        """Least squares, for a linear AR with a Gaussian head."""
        values = self.data.values if everything else self.train
        if self.linear:
            fit_least_squares(model, torch.from_numpy(values), stable=self.stable)
        else:
            fit_path(model, torch.from_numpy(values))
        return self.linear

    def score(self, model: SeriesModel) -> Score:
        """The score of the test part, which no choice depended on, and of the baselines."""
        data = self.data
        begin = self.begin_test
        ahead = backtest_ahead(model, data.values, self.baselines, begin, self.of)
        return replace(
            score_series(model, data.values, self.baselines, begin, self.of),
            ahead=None if ahead is None else replace(ahead, model=self._name),
            model=self._name,
        )

    def save(self, folder: Path) -> None:
        """Keep the series with the run, so that forecasts need no other file."""
        _save(self.data, folder / SERIES)


def _save(series: Series, path: Path) -> None:
    tensors = {"values": torch.from_numpy(series.values)}
    if series.dates is not None:
        tensors["dates"] = torch.from_numpy(series.dates.astype("datetime64[ns]").astype(np.int64))
    about = {
        "columns": series.columns,
        "season": series.season,
        "freq": None if series.frequency is None else series.frequency.alias,
        "timezone": series.timezone,
    }
    save_tensors(path, tensors, about)


def _load(path: Path, name: str) -> Series:
    tensors, about = load_tensors(path)
    try:
        return Series(
            tensors["values"].numpy(),
            tuple(about["columns"]),
            tensors["dates"].numpy().astype("datetime64[ns]") if "dates" in tensors else None,
            name,
            about["season"],
            about.get("freq"),
            about.get("timezone"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunFormatError(
            f"{path} holds no series ({error!r}). The run's files were mixed up; restore them from a copy, "
            "or fit again."
        ) from error


class SeriesRun(Run):
    """A fitted model of a series, and the series."""

    model: SeriesModel
    _can = "score, sample, forecast, backtest, be updated or be inspected"

    @property
    def series(self) -> Series:
        """The data that the run was fitted to, all three parts."""
        return _load(self.path / SERIES, self.config.data.name)

    @property
    def latest(self) -> Series:
        """The same, with what ``update`` has added since."""
        path = self.path / UPDATED
        return _load(path, self.config.data.name) if path.is_file() else self.series

    @property
    def since(self) -> str:
        """Where forecasts go on from, in words."""
        series = self.latest
        steps = len(series.values) - len(self.series.values)
        return f"after step {len(series.values)}{_end(series)}, the last of {steps} since the fit"

    @property
    def regression(self) -> Regression:
        """The exact fit of a linear AR: coefficients, intercept, residual variance and log-likelihood.

        Raises:
            ArgumentError: the run is of another model.
        """
        task = SeriesTask(self.series, self.config)
        if not task.linear:
            raise ArgumentError(f"{self.path} was not fitted by least squares: it is not a linear ar, or not Gaussian.")
        return fit_least_squares(self.model, torch.from_numpy(task.train), stable=task.stable)

    def score(self, data: Source | None = None, *, context: int | None = None, unknown: str | None = None) -> Score:
        """As of every run; of new ``data`` the first season is read and the steps after it are scored."""
        self._refuse_of_symbols(context, unknown)
        task = SeriesTask(self.series, self.config)
        if data is None:
            return self.watched(task.score(self.model))
        new = self._new(data)
        score = score_series(self.model, new.values, task.baselines, new.season, _after_first_season(new))
        return replace(score, model=self.config.model.name)

    def watched(self, score: Score) -> Score:  # type: ignore[override]
        series = self.series
        return replace(score, free=free_run(self._newest, series.values, series.season, series.columns))

    def sample(
        self,
        length: int = 500,
        *,
        prompt: Any = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int = 0,
        data: Source | None = None,
    ) -> NDArray[np.float64]:
        """One path of values (length, C) after ``prompt``, values (T, C); without, as ``forecast`` goes on."""
        self._refuse_both(prompt, data)
        values = self._until_now(data).values if prompt is None else self._values(prompt)
        context = torch.from_numpy(values)
        drawn: NDArray[np.float64] = self._newest.sample(
            length, context, temperature=temperature, top_k=top_k, seed=seed
        ).numpy()
        return drawn

    def _values(self, prompt: ArrayLike) -> NDArray[np.float64]:
        """A prompt as finite values (T, C), T at least 1."""
        given = np.asarray(prompt)
        channels = len(self.config.data.columns)
        values = given[:, None] if given.ndim == 1 else given
        numbers = values.dtype.kind in "iuf" and values.ndim == 2 and values.shape[1] == channels
        if not numbers or not len(values) or not np.isfinite(values).all():
            raise ShapeError(
                f"a prompt must be finite values (steps, {channels}), at least one step, got "
                f"{type(prompt).__name__} of shape {given.shape}."
            )
        return values.astype(np.float64)

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
        forecast = replace(forecast, dates=None if series.dates is None else series.dates[-horizon:])
        forecast.plot(actual=series.values[-horizon:]).savefig(self.path / "forecast.png")

    def forecast(
        self,
        horizon: int = 30,
        *,
        paths: int = 1000,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
        seed: int = 0,
        data: Source | None = None,
    ) -> Forecast:
        series = self._until_now(data)
        levels = tuple(np.atleast_1d(quantiles).tolist())
        return forecast_series(self._newest, series, horizon, paths, levels, seed)

    def update(self, data: Source) -> "SeriesRun":
        _save(self._until_now(data), self.path / UPDATED)
        return self

    def read(self, source: Source, unknown: str | None = None) -> Series:
        """As of every run, and refused where the run's transform cannot take its values."""
        series = super().read(source, unknown)
        assert isinstance(series, Series)
        bad = series.values <= 0
        if self._newest.transform.name == "log-return" and bad.any():
            steps = listed((np.flatnonzero(bad.any(axis=1)) + 1).tolist(), shown=5)
            raise TransformError(
                f"{self.path} models log-returns, which need positive values; {series.name} has "
                f"{listed((f'{value:g}' for value in series.values[bad]), shown=5)} at step {steps}. Correct them, or "
                "fit again with --transform difference."
            )
        return series

    def _until_now(self, data: Source | None) -> Series:
        """All of the series that is known: with ``data``, or with what its file has grown by."""
        known = self.latest
        if data is None:
            return with_growth(known, self.config, self.read)
        continued = go_on(known, self.read(data))
        if continued.revised is not None:
            warnings.warn(
                f"the new data have other values than {self.path} for {continued.revised}. The new ones are used.",
                stacklevel=3,
            )
        return continued.series

    def look(self, data: Source | None = None, steps: int | None = None) -> ThroughTime | ThroughWindow:
        """As of every run, but of its own series all parts: the last tenth may be short."""
        values = self.series.values if data is None else self._new(data).values
        return look_at(self.model, [values], self.config.model.window, steps)

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
        values = task.data.values
        begin = task.begin_test
        of = task.of
        if data is not None:
            new = self._new(data)
            values = new.values
            begin = new.season
            of = _after_first_season(new)
        result = backtest_series(
            self.model,
            values,
            task.baselines,
            begin,
            of,
            horizon=horizon,
            paths=paths,
            stride=stride,
            seed=seed,
            advance=advance,
        )
        return replace(result, model=self.config.model.name)

    def _new(self, source: Source) -> Series:
        """New data, with the run's own season and frequency whatever it may look like by itself."""
        series = self.read(source)
        own = self.config.data
        assert isinstance(series, Series)
        if len(series.values) < own.season + 2:
            raise TooShortError(
                f"{series.name} has {counted(len(series.values), 'step')}; at least {own.season + 2} are needed: "
                f"a season of {own.season} to read, and two to score."
            )
        fits = own.freq is not None and series.frequency is not None and series.frequency.fits(own.freq)
        return replace(series, season=own.season, freq=own.freq if fits else series.freq)


def _end(series: Series) -> str:
    return "" if series.dates is None else f" ({said(series.dates[-1:], series.timezone)})"


def _after_first_season(data: Series) -> str:
    return f"{data.name}, steps {data.season + 1} to {len(data.values)}"
