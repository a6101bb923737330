"""Using models of panels."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import choose, counted, finite, listed, whole
from chainrule.data import Panel, Reading, with_future
from chainrule.data.dates.calendars import parse_rule
from chainrule.data.panels.ahead import check_known_ahead, extended
from chainrule.data.panels.joining import joined
from chainrule.errors import ArgumentError
from chainrule.models import PanelModel, PanelTensors
from chainrule.models.panels import Behind
from chainrule.runs.folder.contents import SERIES, UPDATED
from chainrule.runs.folder.data_config import Data
from chainrule.runs.folder.holding import holding
from chainrule.runs.kinds.panels.ahead import LEVELS, backtest_panel, named_baselines, origins_between, quantiles_from
from chainrule.runs.kinds.panels.files import load_panel, load_updated, save_updated
from chainrule.runs.kinds.panels.keeping import trimmed
from chainrule.runs.kinds.panels.live import live_quantiles, since_fit, units_of
from chainrule.runs.kinds.panels.parts import cut_panel
from chainrule.runs.kinds.panels.refits import count_refits, quantiles_with_refits
from chainrule.runs.run import INTERVALS, Intervals, Run, Source
from chainrule.runs.scoring.panels import Conformal, Origins, PanelBacktest, PanelForecast, forecast_panel
from chainrule.training import BEST, saved_progress, weights_of
from chainrule.training.checkpoint import checksum

__all__ = ["PanelRun"]

_DRAWN = 12  # series


class PanelRun(Run):
    """A fitted model of a panel, and the panel."""

    model: PanelModel
    result: PanelBacktest | None  # type: ignore[assignment]
    _can = "score, forecast, backtest or be updated"

    def _difference(self, data: Data) -> str | None:
        own = self.config.data
        assert isinstance(data, Panel)
        assert own.inputs is not None
        if data.covariates != own.inputs.covariates:
            return "has other covariates"
        if own.freq and data.freq and own.freq != data.freq:
            return f"has dates of another frequency, {parse_rule(data.freq)}, not {parse_rule(own.freq)}"
        return None

    @property
    def _fitted_to(self) -> str:
        return f"a panel of {self.config.data.columns[0]}"

    @cached_property
    def panel(self) -> Panel:
        """The data that the run was fitted to, all three parts."""
        return load_panel(self.path / SERIES, self.config.data.name)

    @property
    def latest(self) -> Panel:
        """The same, with what ``update`` has added since."""
        return self._latest()[0]

    def _latest(self) -> tuple[Panel, Behind]:
        """What is kept of all that is known, and what lies behind it.

        Raises:
            ArgumentError: it lies behind other weights than those that were asked for.
        """
        path = self.path / UPDATED
        if not path.is_file():
            return self.panel, Behind.of(self._newest.looks_back, len(self.panel.ids))
        panel, behind, weights = load_updated(path, self.config.data.name)
        if weights is not None and weights != checksum(weights_of(self._newest)):
            raise ArgumentError(
                f"`update` has carried the state of the weights that {self.path} delivers, and these are others. "
                "Forecast without `checkpoint`."
            )
        return panel, behind

    @property
    def since(self) -> str:
        """Where forecasts go on from, in words."""
        panel, behind = self._latest()
        rows = int((panel.ends - panel.starts[:-1]).sum() + behind.dropped.sum())
        return f"after row {rows:,}, with {counted(len(panel.ids), 'series', 'series')}"

    @property
    def horizon(self) -> int:
        """The steps ahead that the model forecasts."""
        return self.config.model.horizon

    def _tensors(self, panel: Panel, behind: Behind | None = None) -> PanelTensors:
        assert self.config.data.inputs is not None
        return PanelTensors.of(panel, self.config.data.inputs, behind)

    def _horizon(self, asked: int | None) -> int:
        """The steps of forecasts: the model's, or fewer.

        Raises:
            ArgumentError: more were asked for.
        """
        horizon = self.horizon if asked is None else whole("`horizon`", asked)
        if horizon > self.horizon:
            raise ArgumentError(
                f"`horizon` is {horizon}, and {self.path} learned to forecast {counted(self.horizon, 'step')}. Ask for "
                f"at most these, or fit again with `horizon={horizon}`."
            )
        return horizon

    def _refuse_paths(self, paths: int | None, seed: int | None) -> None:
        given = [name for name, value in (("paths", paths), ("seed", seed)) if value is not None]
        if given:
            names = " and ".join(f"`{name}`" for name in given)
            raise ArgumentError(
                f"{names} draw futures of one series; models of panels give quantiles. Leave out {names}."
            )

    def score(  # type: ignore[override]
        self,
        data: Source | None = None,
        *,
        context: int | None = None,
        unknown: str | None = None,
        adapt: str | None = None,
        advance: Callable[[float], None] = lambda share: None,
    ) -> PanelBacktest:
        """The errors of forecasts along the test part, or along all of new ``data`` after its first steps."""
        self._refuse_of_symbols(context, unknown, adapt)
        return self.backtest(data, advance=advance)

    def forecast(  # type: ignore[override]
        self,
        horizon: int | None = None,
        *,
        paths: int | None = None,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
        seed: int | None = None,
        data: Source | None = None,
        intervals: Intervals = "model",
    ) -> PanelForecast:
        self._refuse_paths(paths, seed)
        choose("`intervals`", intervals, INTERVALS)
        steps = self._horizon(horizon)
        asked = np.atleast_1d(quantiles).tolist()
        levels = sorted({finite("a quantile", level, 0, 1, open_low=True) for level in asked})
        if not levels:
            raise ArgumentError("no quantiles were asked for; expected at least one between 0 and 1.")
        known, behind = self._until_now(data)
        check_known_ahead(known, steps)
        ahead = extended(known, self.horizon)
        tensors = self._tensors(ahead, behind)
        origins = Origins(ahead, np.arange(len(ahead.ids)), ahead.ends, self.horizon)
        if intervals == "conformal":
            found = self._calibrated(ahead, tensors, behind, levels)
        else:
            found = quantiles_from(self._newest, tensors, origins, levels)
        model = self.config.model.name
        dropped = behind.dropped.numpy()
        found = found[:, :steps]
        return forecast_panel(ahead, origins.series, origins.rows, found, levels, model=model, before=dropped)

    def _calibrated(
        self, ahead: Panel, tensors: PanelTensors, behind: Behind, levels: list[float]
    ) -> NDArray[np.float64]:
        """Quantiles (N, H, Q), calibrated along the test part and moved by what came since, at the levels asked for."""
        absent = [level for level in levels if level not in LEVELS]
        if absent:
            raise ArgumentError(
                f"conformal intervals are calibrated at the levels {listed(LEVELS)}, and `quantiles` asks for "
                f"{listed(absent)}. Ask for some of these."
            )
        since = since_fit(self.panel, ahead, self.horizon) - behind.dropped.numpy()
        units = units_of(self.panel, ahead, behind, self.horizon)
        found = live_quantiles(self._newest, tensors, ahead, since, units, self._conformal)
        return found[..., [LEVELS.index(level) for level in levels]]

    @cached_property
    def _conformal(self) -> Conformal:
        """What the test part says of the model's intervals."""
        score = self.backtest(baselines=())
        scale = score.scales.absolute[score.origins.series]
        known = np.isfinite(scale)
        own = score.forecasts[score.model]
        return Conformal.fit(own[known], score.origins.actual()[known], scale[known], score.levels)

    def _until_now(self, data: Source | None) -> tuple[Panel, Behind]:
        """What is kept of the panel, with ``data``, and what lies behind it."""
        known, behind = self._latest()
        if data is None:
            return known, behind
        dropped = behind.dropped.numpy()
        if isinstance(data, Panel):
            panel = joined(known, self._new(data), allow_new=True, dropped=dropped)
        else:
            reading = replace(self.config.reading, transform=Reading.transform)
            rows: Any = data  # other data is refused there
            panel = with_future(known, rows, reading, inherited=True, allow_new=True, dropped=dropped)
        return panel, behind.with_new(len(panel.ids))

    def _new(self, data: Source) -> Panel:
        """New data, with the run's own season whatever it may look like by itself."""
        panel = self.read(data)
        assert isinstance(panel, Panel)
        return replace(panel, season=self.config.data.season)

    def update(self, data: Source) -> "PanelRun":
        with holding(self.path):
            panel, behind = self._until_now(data)
            units = units_of(self.panel, panel, behind, self.horizon)
            panel, behind = trimmed(panel, self._tensors(panel, behind), behind, self._newest, units)
            save_updated(panel, behind, checksum(weights_of(self._newest)), self.path / UPDATED)
        return self

    def backtest(  # type: ignore[override]
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
    ) -> PanelBacktest:
        self._refuse_paths(paths, seed)
        choose("`intervals`", intervals, INTERVALS)
        origins = self._origins(data, horizon, stride)
        named = named_baselines(origins.panel, baselines)
        tensors = self._tensors(origins.panel)
        forecast = None
        remarks = []
        if refit_every is not None:
            refits = self.count_refits(refit_every, data, horizon=horizon, stride=stride)
            remarks.append(
                f"weights trained again {counted(refits, 'time')}, on all that was known before every "
                f"{counted(refit_every, 'time')} of forecasts"
            )
            forecast = partial(
                quantiles_with_refits,
                self.config,
                saved_progress(self.path / BEST),
                tensors,
                origins,
                refit_every,
                self.device,
            )
        return backtest_panel(
            self.model,
            tensors,
            origins,
            self.config.model.name,
            intervals=intervals,
            baselines=named,
            advance=advance,
            forecast=forecast,
            remarks=remarks,
        )

    def count_refits(
        self, every: int, data: Source | None = None, *, horizon: int | None = None, stride: int | None = None
    ) -> int:
        """How many refits, each of as many steps as the fit's best weights took, such a backtest will make.

        Raises:
            ArgumentError: of new data, before which there is nothing to train on.
        """
        whole("`refit_every`", every)
        if data is not None:
            raise ArgumentError(
                "`refit_every` trains on the run's own data, as it was known, and new data is another. Leave one out."
            )
        return count_refits(self._origins(None, horizon, stride), every)

    def _origins(self, data: Source | None, horizon: int | None, stride: int | None) -> Origins:
        """Where a backtest forecasts from: along the test part, or new data after its first steps."""
        steps = self._horizon(horizon)
        if stride is not None:
            whole("`stride`", stride)
        if data is None:
            cut = cut_panel(self.panel, self.horizon)
            return origins_between(self.panel, cut.valid, cut.test, steps, stride)
        panel = self._new(data)
        begin = np.minimum(panel.starts[:-1] + max(panel.season, steps), panel.ends)
        return origins_between(panel, begin, panel.ends, steps, stride)

    def draw(self) -> None:
        """Write forecast.png: the last steps of some series as forecast from before them, beside what happened."""
        panel = self.panel
        series = np.flatnonzero(cut_panel(panel, self.horizon).used)[:_DRAWN]
        origins = Origins(panel, series, panel.ends[series] - self.horizon, self.horizon)
        levels = (0.1, 0.5, 0.9)
        found = quantiles_from(self.model, self._tensors(panel), origins, levels)
        forecast = forecast_panel(panel, series, origins.rows, found, levels, model=self.config.model.name)
        forecast.plot(actual=origins.actual()).savefig(self.path / "forecast.png")
