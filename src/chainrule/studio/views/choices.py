"""What can be chosen of a run: values of parameters that only the run knows."""

from pathlib import Path

from chainrule.runs.fitting.fit import CHECKPOINTS
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.kinds.building import layers_in

__all__ = ["choices_of"]


def choices_of(path: Path, config: RunConfig) -> dict[str, list[str]]:
    """The choices by the names of parameters."""
    found = {"checkpoint": [name for name, file in CHECKPOINTS.items() if (path / file).is_file()]}
    if config.data.classes:
        classes = list(config.data.classes)
        found |= {"layer": layers_in(config.data, config.model), "label": classes, "score": classes}
    return found
