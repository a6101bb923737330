"""Backtests: forecasts from many origins in held-out data, as they would have been made at the time."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule._choices import counted, whole
from chainrule._optional import require
from chainrule._room import check_room
from chainrule.display import BLUE, GREY, Cell, Shown, Table, title
from chainrule.errors import TooShortError
from chainrule.models import Carry, SeriesModel
from chainrule.runs.figures import bars, bars_height
from chainrule.runs.scoring.baselines import Baselines
from chainrule.runs.scoring.metrics import crps_from_paths
from chainrule.runs.scoring.point_errors import ERROR_FORMATS, LEVELS, errors_of, named

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Backtest", "BacktestRow", "backtest_series", "origins_within", "paths_from"]

_Floats = NDArray[np.float64]

Adapt = Callable[[_Floats, _Floats, Sequence[int], Sequence[float], _Floats], _Floats]

ADAPTED = "Intervals are moved by how the earlier ones of their series fared (adaptive conformal)"
_ORIGINS = 100  # at most, unless a stride is given
_COPIES = 4  # of paths, at once
_ROWS = 16_384  # paths computed side by side


@dataclass(frozen=True)
class BacktestRow:
    """One forecaster's errors over all origins and steps ahead, in the data's units; coverage is a share."""

    mae: float
    rmse: float
    mase: float
    crps: float
    coverage_80: float
    coverage_95: float


@dataclass(frozen=True, repr=False)
class Backtest(Shown):
    """The errors of a model and of naive forecasts, from many origins in held-out data.

    Attributes:
        of: what was forecast.
        horizon: steps of each forecast.
        origins: how many forecasts were made.
        paths: how many futures were sampled for each.
        rows: the errors by forecaster; those of the model by the name "model".
        model: how the model's row is shown.
        remarks: more that the result is told with.

    >>> rows = {
    ...     "model": BacktestRow(1.0, 1.2, 0.9, 0.7, 0.8, 0.95),
    ...     "random walk": BacktestRow(1.1, 1.4, 1.0, 0.8, 0.7, 0.9),
    ... }
    >>> found = Backtest("sunspots", horizon=4, origins=20, paths=100, rows=rows)
    >>> found
    <Backtest of sunspots: 20 forecasts of 4 steps, model CRPS 0.7>
    """

    of: str
    horizon: int
    origins: int
    paths: int
    rows: dict[str, BacktestRow]
    model: str = "model"
    remarks: tuple[str, ...] = ()

    def summary(self) -> str:
        return f"of {self._heading()}, {self.model} CRPS {self.rows['model'].crps:.5g}"

    def table(self) -> Table:
        """The model beside the naive forecasts."""
        rows: list[tuple[Cell, ...]] = [
            (name, row.mae, row.rmse, row.mase, row.crps, row.coverage_80, row.coverage_95)
            for name, row in self._named().items()
        ]
        columns = ("", "MAE", "RMSE", "MASE", "CRPS", "in 80 %", "in 95 %")
        strong = [k for k, name in enumerate(self.rows) if name == "model"]
        return Table(self._heading(), columns, rows, self.remarks, formats=ERROR_FORMATS, strong=strong)

    def to_frame(self) -> "pd.DataFrame":
        """A row for each forecaster."""
        rows = {name: asdict(row) for name, row in self._named().items()}
        frame: pd.DataFrame = require("pandas").DataFrame.from_dict(rows, orient="index")
        return frame.rename_axis("name")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def draw_on(self, ax: "Axes") -> None:
        """The CRPS of each forecaster, as bars, the best on top."""
        ranked = sorted(self._named().items(), key=lambda item: -item[1].crps)
        colours = [BLUE if name == self.model else GREY for name, _ in ranked]
        bars(ax, [name for name, _ in ranked], [row.crps for _, row in ranked], "{:.4g}", colours)
        ax.set_xlabel("CRPS, in the data's units; less is better")
        title(ax, self._heading())

    @property
    def figure_height(self) -> float:
        return bars_height(len(self.rows))

    def _heading(self) -> str:
        return f"{self.of}: {counted(self.origins, 'forecast')} of {counted(self.horizon, 'step')}"

    def _named(self) -> dict[str, BacktestRow]:
        return named(self.rows, self.model)


def backtest_series(
    model: SeriesModel,
    values: _Floats,
    baselines: Baselines,
    begin: int,
    of: str,
    *,
    horizon: int,
    paths: int,
    stride: int | None,
    seed: int,
    adapt: Adapt | None = None,
    advance: Callable[[float], None] = lambda share: None,
) -> Backtest:
    """Forecast ``horizon`` steps of values (T, C) at origins from ``begin`` on, every ``stride`` steps.

    The data is read once, in order: the state is carried from origin to origin and copied there, so that no forecast
    sees a step after its origin. ``advance`` is called with the share that is done. ``adapt`` moves the intervals of
    the model, quantiles (5, origins, H, C) at ``LEVELS``, by how earlier ones fared.
    """
    _check_options(horizon=horizon, paths=paths, stride=stride, seed=seed)
    origins = origins_within(values, begin, of, horizon, stride)
    # paths of the model, of the naive forecasts, and copies of them in what scores them
    held = len(origins) * horizon * values.shape[1] * 8 * _COPIES
    check_room(f"the paths from {counted(len(origins), 'origin')}", lambda paths: paths * held, paths=paths)
    actual = np.stack([values[t : t + horizon] for t in origins])
    drawn = paths_from(model, values, origins, horizon, paths=paths, seed=seed, advance=advance)
    quantiles = np.quantile(drawn, LEVELS, axis=1)
    remarks: tuple[str, ...] = ()
    if adapt is not None:
        quantiles = adapt(quantiles, values, origins, LEVELS, baselines.scale)
        remarks = (f"{ADAPTED}; CRPS is of the sampled paths.",)
    rows = {"model": _row(drawn, quantiles, actual, baselines.scale)}
    rng = np.random.default_rng(seed)
    for naive in baselines.naive:
        sampled = np.stack([naive.paths(values[:t], horizon, paths, rng) for t in origins])
        rows[naive.name] = _row(sampled, np.quantile(sampled, LEVELS, axis=1), actual, baselines.scale)
    return Backtest(of, horizon, origins=len(origins), paths=paths, rows=rows, remarks=remarks)


def origins_within(values: _Floats, begin: int, of: str, horizon: int, stride: int | None = None) -> list[int]:
    """Where forecasts of values (T, C) from ``begin`` on begin: every ``stride`` steps, or at most 100 of them.

    Raises:
        TooShortError: there are fewer steps than the horizon.
    """
    last = len(values) - horizon
    if last < begin:
        raise TooShortError(
            f"a horizon of {horizon} needs {horizon} held-out steps, and {of} has {len(values) - begin}. "
            "Use a shorter horizon or more data."
        )
    if stride is None:
        stride = -(-(last - begin + 1) // _ORIGINS)
    return list(range(begin, last + 1, stride))


def _check_options(*, horizon: int, paths: int, stride: int | None, seed: int) -> None:
    whole("`horizon`", horizon)
    whole("`paths`", paths, least=2)
    whole("`seed`", seed, least=0)
    if stride is not None:
        whole("`stride`", stride)


def paths_from(
    model: SeriesModel,
    values: _Floats,
    origins: list[int],
    horizon: int,
    *,
    paths: int,
    seed: int,
    advance: Callable[[float], None] = lambda share: None,
) -> _Floats:
    """Sampled futures (origins, paths, horizon, C) of values (T, C) cut at each origin, in increasing order."""
    carries = _carries(model, values, origins)
    parts = []
    group = max(1, _ROWS // paths)
    for first in range(0, len(origins), group):
        rows = torch.arange(first, min(first + group, len(origins)), device=model.device).repeat_interleave(paths)
        drawn = model.continue_from(carries.rows(rows), horizon, seed=seed + first)
        parts.append(drawn.view(-1, paths, horizon, values.shape[1]).cpu().numpy())
        advance(min(first + group, len(origins)) / len(origins))
    return np.concatenate(parts)


def _carries(model: SeriesModel, values: _Floats, origins: list[int]) -> Carry:
    """The carry at every origin, one row each, from one pass over the values."""
    x = torch.from_numpy(values)[None].to(model.device)
    carry = None
    at = 0
    lasts = []
    states = []
    for origin in origins:
        carry = model.read(x[:, at:origin], carry)
        at = origin
        lasts.append(carry.last)
        states.append(carry.encoder or ())
    return Carry(torch.cat(lasts), tuple(torch.cat(parts) for parts in zip(*states, strict=True)))


def _row(paths: _Floats, quantiles: _Floats, actual: _Floats, scale: _Floats) -> BacktestRow:
    """Errors of paths (origins, n, H, C) and their quantiles against what happened (origins, H, C)."""
    errors = errors_of(quantiles, actual, scale)
    crps = float(crps_from_paths(paths.swapaxes(0, 1), actual).mean())
    return BacktestRow(**asdict(errors), crps=crps)
