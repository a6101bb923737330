"""Series of real values, as a kind of data."""

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule.data import Series, Transform
from chainrule.data.dates.timezones import write_dates
from chainrule.models import (
    MODELS,
    Evidence,
    ModelConfig,
    SeriesModel,
    build_series_model,
    choose_transform,
    path_order,
    select_order,
)
from chainrule.models.build import OF_VALUES
from chainrule.runs.folder.data_config import DataConfig, digest_of
from chainrule.runs.kinds.cut import split_in_time
from chainrule.runs.kinds.kind import DataKind
from chainrule.runs.kinds.series.run import SeriesRun
from chainrule.runs.kinds.series.task import SeriesTask

__all__ = ["SeriesKind"]

_WINDOW = 64
_PATIENCE = 8  # of twenty validations
_MANY_STEPS = 400  # of which a validation is twenty: fewer say little about whether a fit still learns


class SeriesKind(DataKind):
    """Real values in time order."""

    name = "series"
    words = ("series",)
    has = OF_VALUES
    run = SeriesRun
    task = SeriesTask
    models = tuple(name for name in MODELS if name != "ngram")
    heads = ("gaussian", "student")
    solution = "a linear ar of real values is solved exactly"
    refits = True  # since their end is what is forecast
    keeps = True

    def describe(self, data: Series, transform: str, model: ModelConfig) -> DataConfig:
        """The transform is fitted to the training part alone."""
        fitted = Transform.fit(transform, _training_part(data, model.window), data.columns, data.name)
        fitted.apply(torch.from_numpy(data.values))  # refuses now what it could not transform later
        return DataConfig(
            self.name,
            data.name,
            unit="step",
            digest=digest_of(data),
            transform=fitted,
            columns=data.columns,
            season=data.season,
            freq=None if data.frequency is None else data.frequency.alias,
        )

    def build(self, about: DataConfig, model: ModelConfig) -> SeriesModel:
        assert about.transform is not None
        return build_series_model(model, about.transform)

    def read_as(self, data: Series) -> str:
        return "table"

    def noun(self, data: Series) -> str:
        return "series"

    def summary(self, data: Series) -> str:
        when = "without dates"
        if data.dates is not None:
            first, last = write_dates(data.dates[[0, -1]], data.timezone)
            when = f"{first} to {last}" + ("" if data.frequency is None else f", {data.frequency.words}")
        season = f"a season of {counted(data.season, 'step')}" if data.season > 1 else "no season"
        steps = f"{data.name}: {counted(len(data.values), 'step')} of {listed(data.columns, shown=5)}"
        return f"{steps}, {when}, {season}{_blanks(data)}."

    def columns(self, data: Series) -> tuple[str, ...]:
        return data.columns

    def steps(self, data: Series) -> int:
        return len(data.values)

    def solves(self, model: str, head: str | None) -> bool:
        return model == "ar" and head in (None, "gaussian")

    def transform(self, data: Series, asked: str, window: int | None) -> Evidence:
        if asked != "auto":
            return Evidence(asked, {}, 0)
        train = _training_part(data, window or 1)
        return choose_transform(train, data.season, positive=bool((data.values > 0).all()))

    def window(self, data: Series, transform: str, model: str, *, linear: bool) -> int:
        """64, or a tenth of a short series; at most that, by BIC, for a linear AR."""
        most = max(1, min(_WINDOW, len(data.values) // 10))
        if not linear:
            return most
        train = _training_part(data)
        return select_order(
            Transform.fit(transform, train, data.columns, data.name).apply(torch.from_numpy(train)), most
        )

    def why_window(self, data: Series, window: int, *, linear: bool) -> str:
        if linear:
            return "lowest BIC"
        return "a tenth of the steps" if window == len(data.values) // 10 else "the default"

    def skip(self, data: Series, transform: str, model: str) -> int:
        if model == "ar":
            return ModelConfig.skip
        train = _training_part(data)
        return path_order(
            Transform.fit(transform, train, data.columns, data.name), torch.from_numpy(train), data.season
        )

    def patience(self, steps: int | None) -> int:
        """Series are short enough to be learned by heart within a budget."""
        return _PATIENCE if steps is None or steps >= _MANY_STEPS else 0


def _training_part(data: Series, window: int = 1) -> NDArray[np.float64]:
    return data.values[: split_in_time(len(data.values), window, data.name, "step")[0]]


def _blanks(data: Series) -> str:
    """What was done about the blanks of the source, if it had any."""
    filled = f", {counted(data.filled, 'missing value')} filled in" if data.filled else ""
    return filled + (f", {counted(data.left_out, 'row')} with missing values left out" if data.left_out else "")
