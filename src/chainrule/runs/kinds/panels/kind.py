"""Panels, as a kind of data."""

import numpy as np

from chainrule._choices import counted, listed
from chainrule.data import Panel
from chainrule.data.dates.timezones import write_dates
from chainrule.models import LATENT, MODELS, ModelConfig, PanelInputs, PanelModel, build_panel_model
from chainrule.models.build import OF_PANELS
from chainrule.models.panels import HEADS
from chainrule.runs.folder.data_config import DataConfig, digest_of
from chainrule.runs.kinds.kind import DataKind
from chainrule.runs.kinds.panels.parts import cut_panel
from chainrule.runs.kinds.panels.run import PanelRun
from chainrule.runs.kinds.panels.task import PanelTask

__all__ = ["PanelKind"]

_WINDOW = 128  # steps that gradients go back through
_SEEN = 64  # steps that a window model sees, or two seasons,
_MOST_SEEN = 512  # but at most these
_SEASONS = 7  # of the path around a network
_HORIZON = (8, 48)  # steps: a season within these


class PanelKind(DataKind):
    """Many series of one target."""

    name = "panel"
    words = ("panels",)
    has = OF_PANELS
    run = PanelRun
    task = PanelTask
    models = tuple(name for name in MODELS if name != "ngram")
    heads = tuple(HEADS)  # quantiles first
    refits = True  # since their end is what is forecast
    keeps = True

    def describe(self, data: Panel, transform: str, model: ModelConfig) -> DataConfig:
        """The inputs are fitted to the training parts alone."""
        parts = cut_panel(data, model.horizon)
        rows = np.arange(len(data.values))
        seen = rows < np.repeat(parts.train, np.diff(data.starts))
        return DataConfig(
            self.name,
            data.name,
            unit="step",
            digest=digest_of(data),
            columns=(data.target,),
            season=data.season,
            freq=data.freq,
            inputs=PanelInputs.of(data, seen),
        )

    def build(self, about: DataConfig, model: ModelConfig) -> PanelModel:
        assert about.inputs is not None
        return build_panel_model(model, about.inputs)

    def read_as(self, data: Panel) -> str:
        return "table"

    def noun(self, data: Panel) -> str:
        return "panels"

    def summary(self, data: Panel) -> str:
        lengths = data.ends - data.starts[:-1]
        steps = counted(int(lengths.min()), "step")
        if lengths.min() < lengths.max():
            steps = f"{lengths.min():,} to {counted(int(lengths.max()), 'step')}"
        when = "without dates"
        if data.dates is not None:
            known = data.dates[~np.isnan(data.values)]
            first, last = write_dates(np.array([known.min(), known.max()]), data.timezone)
            when = f"{first} to {last}"
        season = f"a season of {counted(data.season, 'step')}" if data.season > 1 else "no season"
        of = f"{data.name}: {counted(len(data.ids), 'series', 'series')} of {data.target}, {steps} each"
        return f"{of}, {when}, {season}{_beside(data)}."

    def columns(self, data: Panel) -> tuple[str, ...]:
        return ()

    def steps(self, data: Panel) -> int:
        return int((data.ends - data.starts[:-1]).sum())

    def window(self, data: Panel, transform: str, model: str, *, linear: bool) -> int:
        """What is seen of the past, or, of recurrent networks, how far gradients go back."""
        if model in LATENT:
            return _WINDOW
        return min(max(_SEEN, 2 * data.season), _MOST_SEEN)

    def horizon(self, data: Panel) -> int:
        low, high = _HORIZON
        return min(max(data.season, low), high)

    def skip(self, data: Panel, transform: str, model: str) -> int:
        return _SEASONS

    def hidden(self, data: Panel, model: str) -> int:
        return 128

    def dropout(self, data: Panel, model: str) -> float:
        return 0.0 if model == "ar" else 0.2

    def weight_decay(self, data: Panel, model: str) -> float:
        return 0.1  # panels are small, and learned by heart


def _beside(data: Panel) -> str:
    """The covariates, in words."""
    about = data.covariates
    named = {
        "known ahead": [each.name for each in about.known] + list(about.calendar),
        "past": [each.name for each in about.past],
        "static": [each.name for each in about.static],
    }
    return "".join(f"; {what}: {listed(names, shown=5)}" for what, names in named.items() if names)
