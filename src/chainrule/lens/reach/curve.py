"""The gradient norm by lag as rows, as a frame and as a figure."""

from typing import TYPE_CHECKING

import numpy as np

from chainrule._optional import require
from chainrule.display import BLUE, GREY, VERMILLION, whole_ticks
from chainrule.lens.conversion import Floats
from chainrule.lens.reach.horizon import HALF, ONE_PERCENT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["curve_frame", "curve_rows", "draw_curve"]


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


def draw_curve(axes: "Axes", curve: Floats) -> None:
    """The norm on a logarithmic scale, with lines at half and at 1 % of the start."""
    axes.plot(curve, color=BLUE, linewidth=2)
    axes.set_yscale("log")
    axes.axhline(HALF * curve[0], color=GREY, linewidth=1, linestyle="--")
    axes.axhline(ONE_PERCENT * curve[0], color=VERMILLION, linewidth=1, linestyle="--")
    whole_ticks(axes.xaxis)
    axes.set_xlabel("lag")
    axes.set_ylabel("mean gradient norm (dashed: 50 % and 1 %)")


def _shares(curve: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        shares: Floats = curve / curve[0]
    return shares
