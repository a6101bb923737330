"""From what ``fit`` was given to the data and the config of its run, before anything is trained or written."""

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from chainrule._choices import whole
from chainrule._devices import CPU
from chainrule.data import Reading, read
from chainrule.errors import ArgumentError
from chainrule.runs.fitting.asked import Asked, changed, in_json
from chainrule.runs.fitting.defaults import choose_model, choose_training
from chainrule.runs.fitting.device import Placed, device_by_trial
from chainrule.runs.fitting.width import width_by_budget
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.contents import holds_nothing, refuse_existing
from chainrule.runs.folder.data_config import Data
from chainrule.runs.folder.device import refuse_device
from chainrule.runs.kinds.registry import KINDS
from chainrule.runs.run import Source
from chainrule.training import ALONE, Group

__all__ = ["FitPlan", "data_of", "plan"]

_AS_FOUND = Reading()
_ON_CPU = Placed(CPU)


@dataclass(frozen=True, eq=False)
class FitPlan:
    """The data of a fit, the config and folder of its run, and what was chosen, by name, because it was not given.

    ``asked`` has the options that ask for the same fit again, as JSON has them.
    ``resume`` says whether it goes on with what is in the folder.
    ``why_hidden`` says why it is this hidden size, where the budget was asked; ``tries_bfloat16`` that the precision is
    still to be found, and ``why_precision`` then why it is this one. ``placed`` says where it is computed, and why
    where that was left open and there was a choice.
    """

    data: Data
    config: RunConfig
    folder: Path
    asked: Mapping[str, Any]
    chosen: Collection[str]
    resume: bool
    why_hidden: str | None = None
    tries_bfloat16: bool = False
    why_precision: str | None = None
    placed: Placed = _ON_CPU


def plan(
    source: Source,
    model: str | None,
    asked: Asked,
    reading: Reading,
    *,
    minutes: float | None,
    steps: int | None,
    seed: int | None,
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = True,
    group: Group = ALONE,
    device: torch.device | None = CPU,
) -> FitPlan:
    """Read the data, check that all that is asked for applies to it, and choose what was left open.

    A run that is resumed keeps its hidden size and its precision, which may have followed from the speed measured when
    it began; one that was ended before anything was written begins afresh, with a warning. Where the ``device`` is None
    it is chosen, in every session anew.

    Raises:
        DataError: the data cannot be used as it is.
        ArgumentError: a setting has a value that cannot work, or does not apply.
        RunExistsError: something is in the folder, and is not to be overwritten.
    """
    data = data_of(source, reading)
    given = {"model": model, "minutes": minutes, "steps": steps, "seed": seed} | dict(asked.given) | changed(reading)
    kind = KINDS[data.kind]
    name = kind.model(data) if model is None else model
    asked.check(kind, name, budget={"minutes": minutes, "steps": steps, "seed": seed})
    # New data is to be read as the same kind, and for the same columns.
    as_read: dict[str, Any] = {"kind": kind.read_as(data), "columns": kind.columns(data)}
    reading = replace(reading, **as_read)
    transform = kind.transform(data, reading.transform, asked.model.window).transform
    built = choose_model(kind, data, transform, name, asked.model)
    seed = 0 if seed is None else whole("`seed`", seed, least=0)
    refit = asked.training.refit
    folder = Path(out) if out is not None else Path("runs") / f"{Path(data.name).stem}-{name}"
    kept = _to_go_on_with(folder, group) if resume else None
    if group.leads and kept is None:
        refuse_existing(folder, overwrite=overwrite)
    training = choose_training(kind, data, built, asked.training, steps=steps, minutes=minutes, seed=seed)
    about = kind.describe(data, transform, built)
    why_hidden = None
    is_open = asked.model.precision == "auto" or (asked.model.precision is None and kind.tries_bfloat16(data, name))
    # With a budget of steps the result depends on the seed alone; of the full gradient a step may be a whole epoch.
    tries_bfloat16 = is_open and training.steps is None and training.bptt != "full"
    if kept is not None and is_open:
        built = replace(built, precision=kept.model.precision)
    widens = asked.model.hidden is None and kind.widens(data, name)
    if kept is not None and widens:
        built = replace(built, hidden=kept.model.hidden)
    config = RunConfig(
        source=_stored(str(source)) if isinstance(source, str | Path) else None,
        reading=reading,
        model=built,
        training=training,
        data=about,
        refit=kind.refits if refit is None else refit,
    )
    placed = device_by_trial(data, config, group) if device is None else Placed(device, "asked for")
    refuse_device(placed.device, built, about)
    if widens and kept is None:
        kind.task(data, config, group)  # what it refuses is refused before seconds are spent on measuring
        hidden, why_hidden = width_by_budget(
            about, kind.steps(data) or 0, built, training, group, placed.device, tries_bfloat16=tries_bfloat16
        )
        config = replace(config, model=replace(built, hidden=hidden))
    open_ones: dict[str, Any] = {"model": model, "hidden": asked.model.hidden, "window": asked.model.window}
    open_ones |= {"mix": asked.model.mix, "dropout": asked.model.dropout, "optimiser": asked.training.optimiser}
    open_ones["ngram_embedding"] = asked.model.ngram_embedding
    open_ones["budget"] = steps if minutes is None else minutes
    chosen = [name for name, value in open_ones.items() if value is None]
    return FitPlan(
        data,
        config,
        folder,
        in_json(given),
        chosen,
        kept is not None,
        why_hidden,
        tries_bfloat16=tries_bfloat16 and kept is None,
        placed=placed,
    )


def _to_go_on_with(folder: Path, group: Group) -> RunConfig | None:
    """The run to go on with; None where nothing was written yet, as the first of several processes finds it.

    Raises:
        RunFormatError: something else is in the folder, or the run is broken.
    """
    (is_new,) = group.sum([float(group.leads and holds_nothing(folder))])
    if not is_new:
        return RunConfig.load(folder)
    if group.leads:
        warnings.warn(f"{folder} holds no run to go on with: the fit begins afresh.", UserWarning, stacklevel=4)
    return None


def data_of(source: Source, reading: Reading) -> Data:
    """What there is to fit a model to: read from the source, unless that is data already.

    Raises:
        DataError: it cannot be read.
        ArgumentError: the reading says how to read what is read already.
    """
    if not isinstance(source, Data):
        return read(source, reading)
    applies = replace(_AS_FOUND, transform=reading.transform) if "values" in KINDS[source.kind].has else _AS_FOUND
    if reading != applies:
        raise ArgumentError(
            f"{source.name} is read already, so that of a reading only the transform of a series can apply: "
            "leave the rest out, or give the source itself."
        )
    return source


def _stored(source: str) -> str:
    """The source as the config keeps it: a built-in name as it is, a path so that it is found from any folder."""
    path = Path(source)
    return str(path.resolve()) if path.exists() else source.removeprefix("builtin:")
