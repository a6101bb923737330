"""The table of kinds of data that can be fitted, and what is looked up in it."""

from pathlib import Path
from typing import Any

from torch import nn

from chainrule.runs.folder.config import RunConfig
from chainrule.runs.kinds.kind import DataKind
from chainrule.runs.kinds.labelled.kind import ImageKind, LabelledSoundKind
from chainrule.runs.kinds.panels.kind import PanelKind
from chainrule.runs.kinds.series.kind import SeriesKind
from chainrule.runs.kinds.symbols.kind import SymbolKind
from chainrule.runs.run import Run

__all__ = ["KINDS", "open_run"]

KINDS: dict[str, DataKind] = {
    kind.name: kind for kind in (SymbolKind(), SeriesKind(), PanelKind(), LabelledSoundKind(), ImageKind())
}


def open_run(folder: Path, config: RunConfig, model: nn.Module, **known: Any) -> Run:
    """The run of this kind of data."""
    return KINDS[config.data.kind].run(folder, config, model, **known)
