"""The kinds of data that can be fitted, and what is made of each: its task, its run, and what a model has to know."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from chainrule.data import Labelled, Reading, Series, Symbols, read
from chainrule.errors import ArgumentError
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.data_config import Data, DataConfig
from chainrule.runs.kinds.labelled import ClassifierRun, LabelledTask
from chainrule.runs.kinds.series import SeriesRun, SeriesTask
from chainrule.runs.kinds.symbols import SymbolRun, SymbolTask
from chainrule.runs.kinds.task import Task
from chainrule.runs.run import Run, Source
from chainrule.training import Group

__all__ = ["data_of", "describe", "kind_of", "open_run", "stored", "task_of"]

_AS_FOUND = Reading()
_RUNS: dict[str, type[SymbolRun] | type[SeriesRun] | type[ClassifierRun]] = {
    "symbols": SymbolRun,
    "series": SeriesRun,
    "images": ClassifierRun,
    "sound": ClassifierRun,
}


def open_run(folder: Path, config: RunConfig, model: nn.Module, **known: Any) -> Run:
    """The run of this kind of data."""
    return _RUNS[config.data.kind](folder, config, model, **known)


def data_of(source: Source, reading: Reading) -> Data:
    if not isinstance(source, Symbols | Series | Labelled):
        return read(source, reading)
    applies = replace(_AS_FOUND, transform=reading.transform) if isinstance(source, Series) else _AS_FOUND
    if reading != applies:
        raise ArgumentError(
            f"{source.name} is read already, so that of a reading only the transform of a series can apply: "
            "leave the rest out, or give the source itself."
        )
    return source


def task_of(data: Data, config: RunConfig, group: Group) -> Task:
    if isinstance(data, Symbols):
        return SymbolTask(data, config, group)
    return SeriesTask(data, config, group) if isinstance(data, Series) else LabelledTask(data, config, group)


def describe(data: Data, transform: str, window: int) -> DataConfig:
    if isinstance(data, Symbols):
        return SymbolTask.describe(data)
    if isinstance(data, Series):
        return SeriesTask.describe(data, transform, window)
    return LabelledTask.describe(data)


def kind_of(data: Data) -> str:
    """The kind of reading that the data came from."""
    if isinstance(data, Series):
        return "table"
    if isinstance(data, Labelled):
        return data.kind
    return "text" if data.rate is None else "sound"


def stored(source: str) -> str:
    """The source as the config keeps it: a built-in name as it is, a path so that it is found from any folder."""
    path = Path(source)
    return str(path.resolve()) if path.exists() else source.removeprefix("builtin:")
