"""What a recorder keeps of a training step, and the figure of many."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule.display import logarithmic, title
from chainrule.lens.arrays import Floats, listed
from chainrule.lens.recurrences.gates import GateUse

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Record", "draw"]


@dataclass(frozen=True)
class Record:
    """One look at a training step.

    Attributes:
        step: which training step it was, counted from 1.
        horizon, half: the lags under which the mean gradient falls to 1 % and 50 % of its start; None if it does not.
        by_lag: that mean, (K,).
        gates: how those of the last layer are used.
        verdict: a sentence.
        seconds: what the look took.
    """

    step: int
    horizon: int | None
    half: int | None
    by_lag: Floats = field(repr=False)
    gates: tuple[GateUse, ...]
    verdict: str
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As json writes it."""
        gates = {use.name: {key: value for key, value in asdict(use).items() if key != "name"} for use in self.gates}
        return asdict(self) | {"by_lag": listed(self.by_lag), "gates": gates}


def draw(axes: "Axes", steps: Sequence[int], by_lag: Sequence[ArrayLike], horizons: Sequence[int | None]) -> None:
    """Norms by lag, one column for each of the training steps that were looked at, and the horizons over them."""
    columns = [np.asarray(column, dtype=np.float64) for column in by_lag]
    norms = np.full((max(map(len, columns), default=1), max(len(columns), 1)), np.nan)
    for k, column in enumerate(columns):
        norms[: len(column), k] = column
    logarithmic(axes, norms, "mean norm", origin="lower")
    marks = [np.nan if lag is None else lag for lag in horizons]
    axes.plot(marks, color="white", linewidth=1.5, marker="o", markersize=3)
    ticks = np.unique(np.linspace(0, len(steps) - 1, min(6, len(steps))).astype(int))
    axes.set_xticks(ticks, [f"{steps[k]:,}" for k in ticks])
    axes.set_xlabel("training step; white: 1 % of the start")
    axes.set_ylabel("lag")
    title(axes, "How far the gradient reaches while training")
