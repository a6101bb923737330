"""What can be chosen of a run: values of parameters that only the run knows."""

from pathlib import Path

from chainrule.runs.fitting.fit import CHECKPOINTS
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.metrics_log import METRICS
from chainrule.runs.kinds.building import layers_in

__all__ = ["choices_of"]


def choices_of(path: Path, config: RunConfig) -> dict[str, list[str]]:
    """The choices by the names of parameters."""
    kept = [name for name, file in CHECKPOINTS.items() if (path / file).is_file()]
    if config.model.mix != "none":
        kept = [name for name in kept if name != "last"]  # which is of the network alone
    found = {"checkpoint": kept}
    looks = _looks(path / METRICS)
    if looks:
        found["look"] = [str(number) for number in range(1, looks + 1)]
    if config.data.classes:
        classes = list(config.data.classes)
        found |= {"layer": layers_in(config.data, config.model), "label": classes, "score": classes}
    return found


def _looks(path: Path) -> int:
    """How many times a fit has looked at its gradients so far."""
    return path.read_bytes().count(b'"reach": {') if path.is_file() else 0
