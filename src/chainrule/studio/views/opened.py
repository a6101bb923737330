"""Runs that are open: loading one takes longer than most questions to it, and a page asks many."""

import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

from chainrule.errors import RunError
from chainrule.runs import Run, load
from chainrule.runs.folder.config import CONFIG
from chainrule.runs.listing.small_files import is_held
from chainrule.training import BEST

__all__ = ["OpenedRuns"]

_KEPT = 4


class OpenedRuns:
    """The runs last asked for, each as long as its files are as they were. For one thread at a time."""

    def __init__(self) -> None:
        self._runs: OrderedDict[tuple[Path, str | None], tuple[Any, Run]] = OrderedDict()

    def run(self, path: Path, checkpoint: str | None) -> Run:
        """The run of a folder, with the weights of a checkpoint.

        Raises:
            RunFormatError: it is broken, or has no such weights.
            RunError: its fit has just begun.
        """
        if is_held(path) and not (path / BEST).is_file():
            raise RunError(f"the fit of {path.name} has just begun, and has no weights yet. Its curves are there.")
        key = path, checkpoint
        stamp = _stamps(path)
        known = self._runs.pop(key, None)
        if known is None or known[0] != stamp:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that the fit goes on, which the studio tells in other ways
                known = stamp, load(path, device="cpu", checkpoint=checkpoint)
        self._runs[key] = known
        while len(self._runs) > _KEPT:
            self._runs.popitem(last=False)
        return known[1]


def _stamps(path: Path) -> dict[str, int]:
    """When the weights and the config were written."""
    return {file.name: file.stat().st_mtime_ns for file in (path / CONFIG, *path.glob("*.safetensors"))}
