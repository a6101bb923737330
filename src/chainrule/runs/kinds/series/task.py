"""Fitting models of real series."""

from dataclasses import replace
from pathlib import Path

import torch

from chainrule.data import Series, Transform
from chainrule.models import SeriesModel, fit_least_squares, fit_path
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.contents import SERIES
from chainrule.runs.folder.data_config import DataConfig
from chainrule.runs.kinds.cut import split_in_time
from chainrule.runs.kinds.series.files import save_series
from chainrule.runs.kinds.task import Task
from chainrule.runs.kinds.training_streams import series_feed
from chainrule.runs.scoring.ahead import Ahead, backtest_ahead
from chainrule.runs.scoring.baselines import Baselines
from chainrule.runs.scoring.scores import Score
from chainrule.runs.scoring.series_score import score_series
from chainrule.training import ALONE, Feed, Group, Piece, Validation, log_probs

__all__ = ["SeriesTask"]


class SeriesTask(Task):
    """One series, cut in time order into training, validation and test."""

    def __init__(self, data: Series, config: RunConfig, group: Group = ALONE) -> None:
        self.parts = split_in_time(len(data.values), config.model.window, data.name, config.data.unit)
        train, valid, _ = self.parts
        head = config.model.head
        transform = config.data.transform
        assert transform is not None
        self._name = config.model.name
        self.data = data
        self.linear = config.model.name == "ar" and head == "gaussian"
        self.stable = config.model.stable
        self.train = data.values[:train]
        self.begin_test = train + valid
        self.baselines = Baselines.fit(self.train, data.season, head, transform)
        self._valid = [Piece(data.values[: self.begin_test], train)]
        self._ahead = Ahead(data.values[: self.begin_test], self.baselines, train)
        # Rows of a short series are kept at least four windows long, so that a state has time to matter.
        rows = max(1, min(config.training.batch, train // (4 * config.model.window * group.size)))
        self.config = config
        self._rows = rows
        self._group = group
        self.feed = series_feed(self.train, rows, config, group)

    def feed_everything(self) -> Feed:
        # As many rows as before, so that a step is of as many values.
        return series_feed(self.data.values, self._rows, self.config, self._group)

    def describe_everything(self) -> DataConfig:
        """The transform too is fitted to all of it."""
        own = self.config.data
        assert own.transform is not None
        return replace(own, transform=Transform.fit(own.transform.name, self.data.values, own.columns, own.name))

    @property
    def of(self) -> str:
        """The test part, in words."""
        return f"{self.data.name}, last tenth (test)"

    def validate(self, model: SeriesModel) -> Validation:
        """Mean nats per step of the validation part, and what its forecasts several steps ahead are worth."""
        loss = -float(log_probs(model, self._valid)[0].mean())
        return Validation(loss, self._ahead.excess(model))

    def solve(self, model: SeriesModel, *, everything: bool = False) -> bool:
        """Least squares, for a linear AR with a Gaussian head."""
        values = self.data.values if everything else self.train
        if self.linear:
            fit_least_squares(model, torch.from_numpy(values), stable=self.stable)
        else:
            fit_path(model, torch.from_numpy(values))
        return self.linear

    def score(self, model: SeriesModel) -> Score:
        """The score of the test part, which no choice depended on, and of the baselines."""
        data = self.data
        begin = self.begin_test
        ahead = backtest_ahead(model, data.values, self.baselines, begin, self.of)
        return replace(
            score_series(model, data.values, self.baselines, begin, self.of),
            ahead=None if ahead is None else replace(ahead, model=self._name),
            model=self._name,
        )

    def save(self, folder: Path) -> None:
        """Keep the series with the run, so that forecasts need no other file."""
        save_series(self.data, folder / SERIES)
