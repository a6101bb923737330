"""A panel in a run's folder, so that forecasts need no other file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chainrule._schema import structured
from chainrule.data import Panel
from chainrule.data.panels.panel import Covariates
from chainrule.errors import RunFormatError
from chainrule.models.panels import Behind
from chainrule.training import load_tensors, save_tensors

__all__ = ["load_panel", "load_updated", "save_panel", "save_updated"]

_TOLD = ("ids", "target", "freq", "timezone", "season")
_ARRAYS = ("values", "starts", "known", "past", "static")
_BEHIND = ("dropped", "sums", "units")


def save_panel(panel: Panel, path: Path) -> None:
    """Write the panel to the file."""
    save_tensors(path, *_packed(panel))


def save_updated(panel: Panel, behind: Behind, weights: str, path: Path) -> None:
    """Write the panel to the file, with what lies behind it as the encoder of these weights has it."""
    tensors, about = _packed(panel)
    tensors |= {f"behind.{name}": getattr(behind, name) for name in _BEHIND}
    tensors |= {f"behind.state.{k}": part.contiguous() for k, part in enumerate(behind.state or ())}
    has_state = behind.state is not None
    save_tensors(path, tensors, about | {"context": behind.context, "weights": weights if has_state else None})


def _packed(panel: Panel) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a panel, and the rest."""
    tensors = {name: torch.from_numpy(np.ascontiguousarray(getattr(panel, name))) for name in _ARRAYS}
    if panel.dates is not None:
        tensors["dates"] = torch.from_numpy(panel.dates.astype("datetime64[ns]").astype(np.int64))
    if panel.first_steps is not None:
        tensors["first_steps"] = torch.from_numpy(panel.first_steps)
    about = {name: getattr(panel, name) for name in _TOLD}
    return tensors, about | {"covariates": asdict(panel.covariates), "step": panel.step}


def load_panel(path: Path, name: str) -> Panel:
    """What ``save_panel`` wrote, under this name.

    Raises:
        RunFormatError: the file holds something else.
    """
    tensors, about = load_tensors(path)
    with _found(path):
        return _unpacked(tensors, about, name)


def load_updated(path: Path, name: str) -> tuple[Panel, Behind, str | None]:
    """What ``save_updated`` wrote: the panel under this name, what lies behind it, and whose state that is.

    Raises:
        RunFormatError: the file holds something else.
    """
    tensors, about = load_tensors(path)
    with _found(path):
        state = [tensors[f"behind.state.{k}"] for k in range(len(tensors)) if f"behind.state.{k}" in tensors]
        weights = about["weights"]
        of_series: dict[str, Any] = {each: tensors[f"behind.{each}"] for each in _BEHIND}
        behind = Behind(about["context"], **of_series, state=None if weights is None else tuple(state))
        return _unpacked(tensors, about, name), behind, weights


def _unpacked(tensors: dict[str, Tensor], about: dict[str, Any], name: str) -> Panel:
    given: dict[str, Any] = {key: about[key] for key in _TOLD}
    given |= {each: tensors[each].numpy() for each in _ARRAYS}
    given["ids"] = tuple(about["ids"])
    given["covariates"] = structured(Covariates, about["covariates"], "covariates")
    given["dates"] = tensors["dates"].numpy().astype("datetime64[ns]") if "dates" in tensors else None
    given["first_steps"] = tensors["first_steps"].numpy() if "first_steps" in tensors else None
    return Panel(**given, name=name, step=about.get("step", 1))


@contextmanager
def _found(path: Path) -> Iterator[None]:
    """A while in which what is not there, or does not fit together, is the file's fault."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise RunFormatError(
            f"{path} holds no panel ({error!r}). The run's files were mixed up; restore them from a copy, or fit again."
        ) from error
