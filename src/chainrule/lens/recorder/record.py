"""What a recorder keeps of one training step, and the figure of many."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule.display import Cell, Shown, Table, listed, logarithmic, title
from chainrule.lens.conversion import Floats
from chainrule.lens.reach.curve import curve_frame, curve_rows, draw_curve
from chainrule.lens.recurrences.gates import GateUse

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Record", "draw_norms"]


@dataclass(frozen=True, repr=False)
class Record(Shown):
    """One inspection of a training step.

    Attributes:
        step: which training step it was, counted from 1.
        horizon, half: the lags from which on the gradient norm stays under 1 % and 50 % of its start; None if it
            does not.
        by_lag: that norm, (K,), as `Reach.curve` has it.
        gates: how the gates of the last layer are used.
        part: the part of the state that these are of: of an LSTM the one that lasts the longest, h or c; else "state".
        verdict: a sentence.
        seconds: the time that the inspection took.

    >>> import torch
    >>> from chainrule.lens import Recorder
    >>> model = torch.nn.GRU(2, 3)
    >>> with Recorder(model, every=1) as recorder:
    ...     model(torch.ones(6, 1, 2))[0].sum().backward()
    >>> record = recorder.records[0]
    >>> record.step, record.by_lag.shape, [use.name for use in record.gates]
    (1, (6,), ['r', 'z', 'n'])
    """

    step: int
    horizon: int | None
    half: int | None
    by_lag: Floats
    gates: tuple[GateUse, ...]
    part: str
    verdict: str
    seconds: float

    def summary(self) -> str:
        return f"of step {self.step}: {self.verdict.partition(':')[0]}"

    def table(self) -> Table:
        """The mean gradient norm at lags that double."""
        rows: list[tuple[Cell, ...]] = list(curve_rows(self.by_lag))
        columns = ("lag", f"|dL_t/d{self.part}|", "of lag 0")
        return Table(f"Gradient norm by lag: training step {self.step}", columns, rows, (self.verdict,))

    def to_frame(self) -> "pd.DataFrame":
        """The mean gradient norm at every lag, and as a share of the start."""
        return curve_frame(self.by_lag)

    def to_dict(self) -> dict[str, Any]:
        """As json writes it."""
        gates = {use.name: {key: value for key, value in asdict(use).items() if key != "name"} for use in self.gates}
        return asdict(self) | {"by_lag": listed(self.by_lag), "gates": gates}

    def draw_on(self, ax: "Axes") -> None:
        """The mean gradient norm by lag."""
        draw_curve(ax, {self.part: self.by_lag})
        title(ax, f"Gradient norm by lag: training step {self.step}")


def draw_norms(
    axes: "Axes", *, steps: Sequence[int], by_lag: Sequence[ArrayLike], horizons: Sequence[int | None]
) -> None:
    """Norms by lag as shares of lag 0, a column for each training step that was inspected, and their horizons."""
    columns = [np.asarray(column, dtype=np.float64) for column in by_lag]
    shares = np.full((max(map(len, columns), default=1), max(len(columns), 1)), np.nan)
    with np.errstate(invalid="ignore"):  # of norms that are infinite there are no shares
        for k, column in enumerate(columns):
            shares[: len(column), k] = column / (column[0] or 1.0)
    logarithmic(axes, shares, "of lag 0", origin="lower")
    marks = [np.nan if lag is None else lag for lag in horizons]
    axes.plot(marks, color="white", linewidth=1.5, marker="o", markersize=3)
    ticks = np.unique(np.linspace(0, len(steps) - 1, min(6, len(steps))).astype(int))
    axes.set_xticks(ticks, [f"{steps[k]:,}" for k in ticks])
    axes.set_xlabel("training step; white: 1 % horizon")
    axes.set_ylabel("lag")
    title(axes, "Gradient norm by lag during training")
