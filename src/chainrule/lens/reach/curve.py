"""The gradient norm by lag as rows, as a frame and as a figure."""

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from chainrule._optional import require
from chainrule.display import BLACK, BLUE, GREY, SKY, VERMILLION, whole_ticks
from chainrule.lens.conversion import Floats
from chainrule.lens.reach.horizon import HALF, ONE_PERCENT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["curve_frame", "curve_rows", "draw_curve"]

_COLOURS = (BLUE, BLACK, SKY)


def curve_rows(curve: Floats) -> list[tuple[int, float, float]]:
    """The lag, its norm and the share of the start, at lags that double, and at the last that was seen."""
    seen = np.flatnonzero(~np.isnan(curve))
    if not seen.size:
        return []
    last = int(seen[-1])
    lags = sorted({0, last, *(2**k for k in range(last.bit_length()) if 2**k < last)})
    shares = _shares(curve)
    return [(lag, float(curve[lag]), float(shares[lag])) for lag in lags]


def curve_frame(curve: Floats) -> "pd.DataFrame":
    """Every lag, its norm and the share of the start."""
    frame: pd.DataFrame = require("pandas").DataFrame({"norm": curve, "share": _shares(curve)})
    return frame.rename_axis("lag").reset_index()


def draw_curve(axes: "Axes", curves: Mapping[str, Floats]) -> None:
    """The norms as shares of their starts, on a logarithmic scale with lines at half and at 1 %.

    Of a state of several parts there is a curve for each, by its name.
    """
    for (name, curve), colour in zip(curves.items(), cycle(_COLOURS)):
        axes.plot(_shares(curve), color=colour, linewidth=2, label=name)
    axes.set_yscale("log")
    axes.axhline(HALF, color=GREY, linewidth=1, linestyle="--")
    axes.axhline(ONE_PERCENT, color=VERMILLION, linewidth=1, linestyle="--")
    whole_ticks(axes.xaxis)
    axes.set_xlabel("lag")
    axes.set_ylabel("gradient norm, of lag 0 (dashed: 50 % and 1 %)")
    if len(curves) > 1:
        axes.legend(frameon=False)


def _shares(curve: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        shares: Floats = curve / curve[0]
    return shares
