"""Fitting models of panels."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from chainrule.data import Panel
from chainrule.models import PanelModel, PanelTensors
from chainrule.models.panels import HEADS, standard_error
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.contents import SERIES
from chainrule.runs.kinds.panels.ahead import backtest_panel, origins_between
from chainrule.runs.kinds.panels.files import save_panel
from chainrule.runs.kinds.panels.parts import cut_panel
from chainrule.runs.kinds.task import Task
from chainrule.runs.kinds.training_streams import panel_feed
from chainrule.runs.scoring.panels import PanelBacktest
from chainrule.training import ALONE, Feed, Group, Validation, panel_losses

__all__ = ["PanelTask"]


class PanelTask(Task):
    """A panel, each series cut in time order into training, validation and test."""

    def __init__(self, data: Panel, config: RunConfig, group: Group = ALONE) -> None:
        assert config.data.inputs is not None
        cut = cut_panel(data, config.model.horizon)
        self.data = data
        self.config = config
        self.tensors = PanelTensors.of(data, config.data.inputs)
        HEADS[config.model.head]().check(self.tensors.values[self.tensors.known])
        self.cut = cut
        trained = cut.train - data.starts[:-1]
        self.parts = int(trained.sum()), int((cut.valid - cut.train).sum()), int((cut.test - cut.valid).sum())
        self.split = "in time order, each series by itself"
        self._group = group
        self._at_start = torch.empty(0)  # of each forecast of the validation part, the loss of what was not trained
        self.feed = panel_feed(self.tensors, cut.train, cut.used, config, group)

    def feed_everything(self) -> Feed:
        """Of all series, those too short to hold anything out included."""
        ends = self.data.ends
        return panel_feed(self.tensors, ends, ends - self.data.starts[:-1] > 1, self.config, self._group)

    def solve(self, model: PanelModel, *, everything: bool = False) -> bool:
        """Begin with what needs no network; the rest is trained."""
        model.begin(self.tensors, torch.from_numpy(self.data.ends if everything else self.cut.train))
        if self._group.leads and not everything:
            _, self._at_start = self._held_out(model)
        return False

    def validate(self, model: PanelModel) -> Validation:
        """The mean loss of all forecasts of the validation part, and how far by chance it may be below the start's.

        So trained weights are taken where they are better than those by a standard error at least: of prices, which
        are hardly told from random walks, some always look better than the naive forecast for a while.
        """
        at, losses = self._held_out(model)
        if len(losses) == 0:  # nothing of it is known
            return Validation(0.0)
        doubt = standard_error(losses - self._at_start, self.tensors, at, self.config.model.horizon)
        return Validation(float(losses.mean()), doubt)

    def _held_out(self, model: PanelModel) -> tuple[Tensor, Tensor]:
        """The rows from which the validation part is forecast, and the loss of each."""
        cut = self.cut
        # from the last row that trains on: what is ahead of it is held out
        first = torch.from_numpy(np.where(cut.used, cut.train - 1, len(self.data.values)))
        at, losses = panel_losses(model, self.tensors, first, torch.from_numpy(cut.valid))
        return at.cpu(), losses.cpu()

    def score(self, model: PanelModel) -> PanelBacktest:
        """The errors of forecasts along the test part, which no choice depended on, and of the baselines."""
        origins = origins_between(self.data, self.cut.valid, self.cut.test, self.config.model.horizon)
        return backtest_panel(model, self.tensors, origins, self.config.model.name)

    def save(self, folder: Path) -> None:
        """Keep the panel with the run, so that forecasts need no other file."""
        save_panel(self.data, folder / SERIES)
