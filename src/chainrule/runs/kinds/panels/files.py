"""A panel in a run's folder, so that forecasts need no other file."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from chainrule._schema import structured
from chainrule.data import Panel
from chainrule.data.panels.panel import Covariates
from chainrule.errors import RunFormatError
from chainrule.training import load_tensors, save_tensors

__all__ = ["load_panel", "save_panel"]

_TOLD = ("ids", "target", "freq", "timezone", "season")
_ARRAYS = ("values", "starts", "known", "past", "static")


def save_panel(panel: Panel, path: Path) -> None:
    """Write the panel to the file."""
    tensors = {name: torch.from_numpy(np.ascontiguousarray(getattr(panel, name))) for name in _ARRAYS}
    if panel.dates is not None:
        tensors["dates"] = torch.from_numpy(panel.dates.astype("datetime64[ns]").astype(np.int64))
    about = {name: getattr(panel, name) for name in _TOLD}
    save_tensors(path, tensors, about | {"covariates": asdict(panel.covariates)})


def load_panel(path: Path, name: str) -> Panel:
    """What ``save_panel`` wrote, under this name.

    Raises:
        RunFormatError: the file holds something else.
    """
    tensors, about = load_tensors(path)
    try:
        given: dict[str, Any] = {key: about[key] for key in _TOLD}
        given |= {each: tensors[each].numpy() for each in _ARRAYS}
        given["ids"] = tuple(about["ids"])
        given["covariates"] = structured(Covariates, about["covariates"], "covariates")
        given["dates"] = tensors["dates"].numpy().astype("datetime64[ns]") if "dates" in tensors else None
        return Panel(**given, name=name)
    except (KeyError, TypeError, ValueError) as error:
        raise RunFormatError(
            f"{path} holds no panel ({error!r}). The run's files were mixed up; restore them from a copy, or fit again."
        ) from error
