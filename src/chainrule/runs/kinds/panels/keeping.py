"""What a run keeps of a panel that grows: the rows that forecasts look back to, and where its encoder stands before."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule.data import Panel
from chainrule.models import PanelModel, PanelTensors
from chainrule.models.panels import Behind
from chainrule.models.panels.scaling import running_sums
from chainrule.training import states_after

__all__ = ["KEPT", "trimmed"]

KEPT = 256
"""Rows of each series that are kept to be read again: new data may revise them, and intervals learn from them."""


def trimmed(
    panel: Panel, tensors: PanelTensors, behind: Behind, model: PanelModel, units: NDArray[np.float64]
) -> tuple[Panel, Behind]:
    """The panel without rows that came before the last ``KEPT`` and what the model looks back to from these.

    Where the encoder of the ``model`` stands at the first of them is what lies behind, with the sums that its inputs
    need; so forecasts are those of the whole panel, up to rounding. A series of fewer rows is kept whole.

    Args:
        panel: all rows that are kept so far.
        tensors: of the panel, with what is behind it.
        behind: that.
        model: the weights that forecast.
        units: (N,) the scale of what forecasts of each series are off by.
    """
    starts = panel.starts[:-1]
    more = np.maximum(panel.ends - KEPT - model.looks_back - starts, 0)
    if not more.any():
        return panel, behind
    read = np.where(more > 0, starts + more + model.looks_back, starts)  # the rows before are not read again
    is_read = torch.from_numpy(more > 0)
    sums = torch.from_numpy(_sums_before(panel, read, behind, model.inputs.short_season))
    found = states_after(model, tensors, torch.from_numpy(read))
    state = [part.cpu() for part in found]
    if behind.state is not None:
        state = [
            part.where(is_read.view(-1, *[1] * (part.dim() - 1)), old)
            for part, old in zip(state, behind.state, strict=True)
        ]
    dropped = behind.dropped + torch.from_numpy(more)
    after = Behind(model.looks_back, dropped, sums, torch.from_numpy(units), tuple(state))
    return _without(panel, more), after


def _sums_before(panel: Panel, row: NDArray[np.int64], behind: Behind, season: int) -> NDArray[np.float64]:
    """(N, 6) the running sums of each series up to the row before this one; as they were where it is its first."""
    sums = behind.sums.numpy().copy()
    counted = behind.read.tolist()
    for i, (first, last) in enumerate(zip(panel.starts[:-1], row, strict=True)):
        if last > first:
            sums[i] = running_sums(panel.values[first:last], season, sums[i], counted[i])[-1]
    return sums


def _without(panel: Panel, more: NDArray[np.int64]) -> Panel:
    """The panel without so many of the first rows of each series."""
    kept = np.arange(len(panel.values)) >= (panel.starts[:-1] + more)[panel.series]
    return replace(
        panel,
        values=panel.values[kept],
        starts=panel.starts - np.concatenate([[0], np.cumsum(more)]),
        dates=None if panel.dates is None else panel.dates[kept],
        known=panel.known[kept],
        past=panel.past[kept],
        first_steps=None if panel.first_steps is None else panel.first_steps + panel.step * more,
    )
