"""The fan of a forecast: the end of what is known, and bands between the quantiles of what follows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule._choices import counted
from chainrule.display import BLACK, BLUE, VERMILLION, name_ends, title, whole_ticks
from chainrule.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["fan_times", "forecast_fan", "percent", "shade"]

_Floats = NDArray[np.float64]


def forecast_fan(
    panels: "Sequence[Axes]",
    history: ArrayLike,
    dates: ArrayLike | None,
    levels: ArrayLike,
    quantiles: ArrayLike,
    columns: Sequence[str],
    future_dates: ArrayLike | None,
    actual: ArrayLike | None = None,
) -> None:
    """The end of the history and bands between the quantiles of what follows, in a panel for each column.

    ``history`` is (T, C), ``levels`` (Q,) between 0 and 1, ``quantiles`` (Q, H, C), ``actual`` (H, C), all in
    the data's units; ``dates`` (T,) and ``future_dates`` (H,), as datetime64, go together.

    >>> quantiles = [[[1.0]], [[2.0]], [[3.0]]]
    >>> from chainrule.display import new_figure
    >>> fan = new_figure(4.0)
    >>> forecast_fan(fan.axes, [[1.0], [2.0]], None, [0.1, 0.5, 0.9], quantiles, ["price"], None)
    >>> fan.axes[0].get_title("left")
    'Forecast, 1 step ahead: 10 % to 90 %'
    """
    past, level, bands, future = _checked_fan(history, levels, quantiles, columns, actual)
    horizon = bands.shape[1]
    past_x, future_x = fan_times(dates, future_dates, len(past), horizon)
    tail = slice(-max(3 * horizon, 40), None)
    for c, (axes, column) in enumerate(zip(panels, columns, strict=True)):
        axes.plot(past_x[tail], past[tail, c], color=BLACK, linewidth=1.2)
        opening = np.full(len(level), past[-1, c])  # all quantiles meet where the past ends
        joined = np.column_stack([opening, bands[:, :, c]])
        shade(axes, np.concatenate([past_x[-1:], future_x]), joined)
        ends = [(percent(each), row[-1], BLUE) for each, row in zip(level, joined, strict=True)]
        if future is not None:
            axes.plot(future_x, future[:, c], color=VERMILLION, linewidth=1.2, marker="o", markersize=2.5)
            ends.append(("actual", future[-1, c], VERMILLION))
        axes.margins(x=0)
        axes.set_ylabel(column, parse_math=False)
        name_ends(axes, ends)
    panels[-1].set_xlabel("steps after the last observation" if dates is None else "date")
    if dates is None:
        whole_ticks(panels[-1].xaxis)
    ahead = f"Forecast, {counted(horizon, 'step')} ahead"
    title(panels[0], f"{ahead}: {percent(level[0])} to {percent(level[-1])}")


def shade(axes: "Axes", x: NDArray[np.generic], quantiles: _Floats) -> None:
    """Shade between the outermost quantiles, then the next pair inwards; draw the middle one, if any."""
    count = len(quantiles)
    for i in range(count // 2):
        axes.fill_between(x, quantiles[i], quantiles[count - 1 - i], color=BLUE, alpha=0.22, linewidth=0)
    if count % 2:
        axes.plot(x, quantiles[count // 2], color=BLUE, linewidth=2)


def fan_times(
    dates: ArrayLike | None, future_dates: ArrayLike | None, T: int, H: int
) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """The places on the x axis of T steps of history and H of a forecast: dates, or steps after the last."""
    if dates is None and future_dates is None:
        return np.arange(1 - T, 1), np.arange(1, H + 1)
    if dates is None or future_dates is None:
        raise ArgumentError("dates and future_dates must be given both or neither, got one of them")
    past = np.asarray(dates, dtype="datetime64[us]")
    future = np.asarray(future_dates, dtype="datetime64[us]")
    if past.shape != (T,) or future.shape != (H,):
        raise ShapeError(f"dates must be ({T},) and future_dates ({H},), got shapes {past.shape} and {future.shape}")
    return past, future


def _checked_fan(
    history: ArrayLike,
    levels: ArrayLike,
    quantiles: ArrayLike,
    columns: Sequence[str],
    actual: ArrayLike | None,
) -> tuple[_Floats, _Floats, _Floats, _Floats | None]:
    """The four as float64 arrays, levels and quantiles in ascending order of level."""
    past = np.asarray(history, dtype=np.float64)
    level = np.asarray(levels, dtype=np.float64)
    bands = np.asarray(quantiles, dtype=np.float64)
    future = None if actual is None else np.asarray(actual, dtype=np.float64)
    C = len(columns)
    fits = past.ndim == 2 and past.shape[1] == C and past.size > 0
    fits = fits and bands.ndim == 3 and bands.size > 0 and bands.shape[::2] == (*level.shape, C)
    fits = fits and (future is None or future.shape == bands.shape[1:])
    if not fits:
        got = [past.shape, level.shape, bands.shape, getattr(future, "shape", None)]
        raise ShapeError(
            f"expected history (T, {C}), levels (Q,), quantiles (Q, H, {C}) and actual (H, {C}) or None for "
            f"{C} columns, got shapes {got[0]}, {got[1]}, {got[2]} and {got[3]}."
        )
    if not ((level > 0) & (level < 1)).all():
        raise ArgumentError(f"levels must lie between 0 and 1, got {level.tolist()}")
    order = np.argsort(level)
    return past, level[order], bands[order], future


def percent(level: float) -> str:
    """A share as a percentage: "97.5 %"."""
    return f"{100 * level:.3g} %"
