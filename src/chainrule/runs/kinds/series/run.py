"""Using models of real series."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from chainrule._choices import choose, counted, listed
from chainrule.data import Series
from chainrule.data.dates.calendars import parse_rule
from chainrule.errors import ArgumentError, ShapeError, TooShortError, TransformError
from chainrule.lens import ThroughTime, ThroughWindow
from chainrule.models import Regression, SeriesModel, fit_least_squares
from chainrule.runs.continuing import go_on, said, with_growth
from chainrule.runs.folder.contents import SERIES, UPDATED
from chainrule.runs.folder.data_config import Data
from chainrule.runs.folder.holding import holding
from chainrule.runs.kinds.series.files import load_series, save_series
from chainrule.runs.kinds.series.surprise import each_step, shuffled_steps
from chainrule.runs.kinds.series.task import SeriesTask
from chainrule.runs.looking import look_at
from chainrule.runs.run import INTERVALS, Intervals, Run, Source
from chainrule.runs.scoring.backtest import Backtest, backtest_series
from chainrule.runs.scoring.forecast import Forecast, forecast_series
from chainrule.runs.scoring.free_run import free_run
from chainrule.runs.scoring.scores import Score
from chainrule.runs.scoring.series_conformal import adapt_intervals, calibrate
from chainrule.runs.scoring.series_score import score_series
from chainrule.runs.scoring.surprise import Each, Shuffled

__all__ = ["SeriesRun"]

_HORIZON = 30  # steps that are forecast where nothing is said
_PATHS = 1000
_BACKTEST_PATHS = 200


class SeriesRun(Run):
    """A fitted model of a series, and the series."""

    model: SeriesModel
    _can = "score, sample, forecast, backtest, be updated or be inspected"

    def _difference(self, data: Data) -> str | None:
        own = self.config.data
        assert isinstance(data, Series)
        if len(data.columns) != len(own.columns):
            return f"has the columns {listed(data.columns)}"
        if own.freq and data.frequency and not data.frequency.has_steps_of(own.freq):
            rule = f"{parse_rule(own.freq)} ({own.freq})"
            return f"has dates of another frequency, {data.frequency.words}, not {rule}"
        return None

    @property
    def _fitted_to(self) -> str:
        return f"the columns {listed(self.config.data.columns)}"

    @property
    def series(self) -> Series:
        """The data that the run was fitted to, all three parts."""
        return load_series(self.path / SERIES, self.config.data.name)

    @property
    def latest(self) -> Series:
        """The same, with what ``update`` has added since."""
        path = self.path / UPDATED
        return load_series(path, self.config.data.name) if path.is_file() else self.series

    @property
    def since(self) -> str:
        """Where forecasts go on from, in words."""
        series = self.latest
        steps = len(series.values) - len(self.series.values)
        came = f"the last of {steps} since the fit" if steps else "the last of the fit, since which none has come"
        return f"after step {len(series.values)}{_end(series)}, {came}"

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

    def score(
        self,
        data: Source | None = None,
        *,
        context: int | None = None,
        unknown: str | None = None,
        adapt: str | None = None,
        advance: Callable[[float], None] = lambda share: None,
    ) -> Score:
        """As of every run; of new ``data`` the first season is read and the steps after it are scored."""
        self._refuse_of_symbols(context, unknown, adapt)
        task = SeriesTask(self.series, self.config)
        if data is None:
            return self.watched(task.score(self.model))
        new, begin, of = self._scored(data)
        score = score_series(self.model, new.values, task.baselines, begin, of)
        return replace(score, model=self.config.model.name)

    def score_each(self, data: Source | None = None, *, unknown: str | None = None) -> Each:
        self._refuse_of_symbols(None, unknown, None)
        series, begin, of = self._scored(data)
        return each_step(self.model, series, begin, of)

    def score_shuffled(
        self,
        data: Source | None = None,
        *,
        times: int = 19,
        seed: int = 0,
        unknown: str | None = None,
        advance: Callable[[float], None] = lambda share: None,
    ) -> Shuffled:
        self._refuse_of_symbols(None, unknown, None)
        series, begin, of = self._scored(data)
        about = {"of": of, "unit": "step", "model": self.config.model.title, "what": "steps"}
        return shuffled_steps(self.model, series.values, begin, about=about, times=times, seed=seed, advance=advance)

    def _scored(self, data: Source | None) -> tuple[Series, int, str]:
        """A series, the first of its steps that is scored, and what they are, in words."""
        if data is None:
            task = SeriesTask(self.series, self.config)
            return task.data, task.begin_test, task.of
        new = self._new(data)
        return new, new.season, f"{new.name}, steps {new.season + 1} to {len(new.values)}"

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
        context = torch.from_numpy(values).to(self._newest.device)
        drawn: NDArray[np.float64] = self._newest.sample(
            length, context, temperature=temperature, top_k=top_k, seed=seed
        ).numpy(force=True)
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
        horizon: int | None = None,
        *,
        paths: int | None = None,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
        seed: int | None = None,
        data: Source | None = None,
        intervals: Intervals = "model",
    ) -> Forecast:
        choose("`intervals`", intervals, INTERVALS)
        series = self._until_now(data)
        levels = tuple(np.atleast_1d(quantiles).tolist())
        forecast = forecast_series(
            self._newest,
            series,
            _HORIZON if horizon is None else horizon,
            _PATHS if paths is None else paths,
            levels,
            seed or 0,
        )
        if intervals == "model":
            return forecast
        held_out, begin, of = self._scored(None)
        return calibrate(forecast, self.model, held_out.values, begin, of, paths=_BACKTEST_PATHS, seed=seed or 0)

    def _refuse_of_panels(self, baselines: Sequence[str] | None, refit_every: int | None) -> None:
        if baselines is not None:
            raise self._cannot("choose baselines, which are of panels")
        if refit_every is not None:
            raise self._cannot("refit within a backtest, which is of panels")

    def update(self, data: Source) -> "SeriesRun":
        with holding(self.path):
            save_series(self._until_now(data), self.path / UPDATED)
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
                'fit again with `transform="difference"`.'
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

    def look(
        self,
        data: Source | None = None,
        steps: int | None = None,
        *,
        example: int | None = None,
        label: int | str | None = None,
        score: int | str | None = None,
    ) -> ThroughTime | ThroughWindow:
        """As of every run, but of its own series all parts: the last tenth may be short."""
        self._refuse_of_examples(example, label, score)
        values = self.series.values if data is None else self._new(data).values
        return look_at(self.model, [values], self.config.model.window, steps)

    def backtest(
        self,
        data: Source | None = None,
        *,
        horizon: int | None = None,
        paths: int | None = None,
        stride: int | None = None,
        seed: int | None = None,
        intervals: Intervals = "model",
        baselines: Sequence[str] | None = None,
        refit_every: int | None = None,
        advance: Callable[[float], None] = lambda share: None,
    ) -> Backtest:
        choose("`intervals`", intervals, INTERVALS)
        self._refuse_of_panels(baselines, refit_every)
        series, begin, of = self._scored(data)
        result = backtest_series(
            self.model,
            series.values,
            SeriesTask(self.series, self.config).baselines,
            begin,
            of,
            horizon=_HORIZON if horizon is None else horizon,
            paths=_BACKTEST_PATHS if paths is None else paths,
            stride=stride,
            seed=seed or 0,
            adapt=adapt_intervals if intervals == "conformal" else None,
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
