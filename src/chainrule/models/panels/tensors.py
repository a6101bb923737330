"""A panel as the tensors that a model reads, row by row."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from chainrule.data.panels.panel import Panel
from chainrule.models.panels.behind import Behind
from chainrule.models.panels.inputs import PanelInputs
from chainrule.models.panels.scaling import Units, running_sums, units_of

__all__ = ["PanelTensors"]


@dataclass(frozen=True, eq=False)
class PanelTensors:
    """The R rows of a panel of N series, laid end to end.

    Attributes:
        values: (R,) float64, the target; 0 where it is missing.
        known: (R,) bool, where it is not.
        centre, scale: (R,) float64, in which a network sees what comes after a row.
        change: (R,) float64, the mean change over a season so far, which MASE divides by.
        inputs: (R, F) float32, what it sees at the row itself.
        ahead: (R, A) float32, what is known of the row ahead of time.
        series: (R,) int64, whose row it is.
        starts, ends: (N,) int64, the first row of each series and the one after its last known value.
        numbers, categories: (N, S) float32 and (N, C) int64, what stays the same throughout a series.
        behind: what went before these rows; None where they are all.
    """

    values: Tensor
    known: Tensor
    centre: Tensor
    scale: Tensor
    change: Tensor
    inputs: Tensor
    ahead: Tensor
    series: Tensor
    starts: Tensor
    ends: Tensor
    numbers: Tensor
    categories: Tensor
    behind: Behind | None = None

    @classmethod
    def of(cls, panel: Panel, inputs: PanelInputs, behind: Behind | None = None) -> Self:
        """The rows of a panel, as its inputs have them."""
        behind = behind or Behind.of(0, len(panel.ids))
        rows = len(panel.values)
        of_past = np.empty((rows, inputs.of_past), dtype=np.float32)
        units = np.empty((3, rows))
        spans = zip(panel.starts[:-1], panel.starts[1:], behind.sums.numpy(), behind.read.tolist(), strict=True)
        for first, last, before, counted in spans:
            own = slice(first, last)
            y = panel.values[own]
            sums = running_sums(y, inputs.short_season, before, counted)
            units[:, own] = units_of(y, inputs.short_season, inputs.unit, sums)
            of_past[own] = inputs.past_of(y, *units[:2, own])
        ahead = inputs.ahead_of(panel).astype(np.float32)
        after = np.minimum(np.arange(rows) + 1, np.repeat(panel.starts[1:], np.diff(panel.starts)) - 1)
        beside = inputs.beside_of(panel).astype(np.float32)
        tensors = {
            "values": np.nan_to_num(panel.values),
            "known": ~np.isnan(panel.values),
            **dict(zip(Units._fields, units, strict=True)),
            "inputs": np.concatenate([of_past, beside, ahead, ahead[after]], axis=1),
            "ahead": ahead,
            "series": np.repeat(np.arange(len(panel.ids)), np.diff(panel.starts)),
            "starts": panel.starts[:-1],
            "ends": panel.ends,
            "numbers": inputs.numbers_of(panel).astype(np.float32),
            "categories": inputs.categories_of(panel),
        }
        each = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in tensors.items()}
        return cls(**each, behind=behind if behind.state is not None else None)

    def to(self, device: torch.device) -> Self:
        """The same rows on a device."""
        if self.values.device == device:
            return self
        each = {name: own.to(device) for name, own in vars(self).items() if own is not None}
        return type(self)(**each)
