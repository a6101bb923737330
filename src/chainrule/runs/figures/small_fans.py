"""Forecasts of many series on one page, a small fan for each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require
from chainrule.display import BLACK, VERMILLION
from chainrule.runs.figures.fan import fan_times, percent, shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from chainrule.display.drawing.picture import Picture

__all__ = ["small_fans"]

_Floats = NDArray[np.float64]
_ACROSS = 3
_NAME = 24  # characters of a name above a small plot


def small_fans(
    names: Sequence[str],
    histories: Sequence[_Floats],
    dates: Sequence[NDArray[Any]] | None,
    levels: _Floats,
    quantiles: _Floats,
    future_dates: Sequence[NDArray[Any]] | None,
    actual: _Floats | None = None,
) -> "Picture":
    """A figure with a fan for each of n series, three in a row, each with its own axes.

    ``histories`` are n arrays (T,), of different lengths if need be, ``quantiles`` (n, H, Q) at increasing ``levels``
    (Q,), ``actual`` (n, H); ``dates`` and ``future_dates`` go together.

    >>> page = small_fans(["a", "b"], [np.ones(5), np.ones(3)], None, np.array([0.5]), np.ones((2, 4, 1)), None)
    >>> [axes.get_title("left") for axes in page.axes]
    ['a', 'b']
    """
    down = -(-len(names) // _ACROSS)
    across = min(_ACROSS, len(names))
    figure: Picture = require("chainrule.display.drawing.picture").Picture(0.9 + 1.7 * down)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for unused in axes[len(names) :]:
        unused.remove()
    for i, name in enumerate(names):
        past = None if dates is None else dates[i]
        future = None if future_dates is None else future_dates[i]
        _small(axes[i], histories[i], past, quantiles[i], future, None if actual is None else actual[i])
        axes[i].set_title(
            name if len(name) <= _NAME else name[: _NAME - 1] + "…", loc="left", fontsize=10, parse_math=False
        )
    band = f", {percent(levels[0])} to {percent(levels[-1])}" if len(levels) > 1 else ""
    step = "step" if quantiles.shape[1] == 1 else "steps"
    heading = f"Forecasts, {quantiles.shape[1]} {step} ahead{band}"
    if actual is not None:
        heading += "; in orange, what happened"
    figure.suptitle(heading, x=0.01, ha="left", fontsize=12, fontweight="bold", parse_math=False)
    return figure


def _small(
    axes: "Axes",
    history: _Floats,
    dates: NDArray[Any] | None,
    quantiles: _Floats,
    future_dates: NDArray[Any] | None,
    actual: _Floats | None,
) -> None:
    past_x, future_x = fan_times(dates, future_dates, len(history), len(quantiles))
    tail = slice(-max(3 * len(quantiles), 40), None)
    axes.plot(past_x[tail], history[tail], color=BLACK, linewidth=1)
    opening = np.full((1, quantiles.shape[1]), history[-1])
    shade(axes, np.concatenate([past_x[-1:], future_x]), np.concatenate([opening, quantiles]).T)
    if actual is not None:
        axes.plot(future_x, actual, color=VERMILLION, linewidth=1)
    axes.margins(x=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9)
    axes.yaxis.set_major_locator(require("matplotlib.ticker").MaxNLocator(4))
    if dates is None:
        axes.xaxis.set_major_locator(require("matplotlib.ticker").MaxNLocator(4, integer=True))
        return
    by_date = require("matplotlib.dates")
    locator = by_date.AutoDateLocator(minticks=2, maxticks=4)
    # so few ticks need steps as long as the next unit, which it does not try, and warns of: for 40 to 48 hours, days
    for unit, whole in ((by_date.MONTHLY, 12), (by_date.HOURLY, 24), (by_date.MINUTELY, 60), (by_date.SECONDLY, 60)):
        locator.intervald[unit] = [*locator.intervald[unit], whole]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(by_date.ConciseDateFormatter(locator))
    axes.xaxis.get_offset_text().set_fontsize(9)
