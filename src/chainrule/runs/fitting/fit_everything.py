"""Refits: once a fit is scored, the weights are fitted again to all of the data, its end included."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from chainrule._devices import seed_all
from chainrule._schema import structured
from chainrule.data import Transform
from chainrule.errors import RunFormatError
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.contents import REFIT, REFIT_LAST, REFIT_METRICS
from chainrule.runs.folder.data_config import DataConfig
from chainrule.runs.folder.metrics_log import keep_until, reporting
from chainrule.runs.kinds.building import build, build_with
from chainrule.runs.kinds.task import Task
from chainrule.runs.refit import Refit
from chainrule.training import (
    BEST,
    Group,
    load_tensors,
    save_tensors,
    saved_progress,
    train,
    weights_of,
)

__all__ = ["load_refit", "refit_everything"]


@dataclass(frozen=True)
class _Told:
    """What the file of a refit tells besides its weights."""

    count: int
    steps: int | None
    transform: Transform | None


def load_refit(folder: Path, config: RunConfig) -> Refit | None:
    """The refit in a run's folder; None if there is none.

    Raises:
        RunFormatError: its file is broken or of another run.
    """
    path = folder / REFIT
    if not config.refit or not path.is_file():
        return None
    weights, about = load_tensors(path)
    try:
        told = structured(_Told, about, "it")
        data = config.data if told.transform is None else replace(config.data, transform=told.transform)
        model = build_with(data, config.model, weights)
    except (RunFormatError, ValueError, TypeError, AttributeError, IndexError, RuntimeError, OverflowError) as error:
        raise RunFormatError(
            f"{path} is not the refit of this run ({error}). The run's files were mixed up; "
            "restore them from a copy, or fit again."
        ) from error
    return Refit(model.eval(), told.count, config.data.unit, told.steps)


def refit_everything(
    task: Task, config: RunConfig, folder: Path, group: Group, device: torch.device, *, quiet: bool
) -> Refit:
    """Fit to all of the data from the seed of the fit, for as many steps as its best weights took, on the device.

    What a kill leaves of it, another call goes on from, to the same bits.
    """
    group.wait()
    if not (folder / REFIT).is_file():
        data = task.describe_everything()
        seed_all(config.training.seed, device)
        model = build(data, config.model).to(device)
        if group.rank:
            seed_all(config.training.seed + group.rank, device)
        steps = None if task.solve(model, everything=True) else _train(task, model, config, folder, group, quiet)
        if group.leads:
            _save(model, data, sum(task.parts), steps, folder)
        group.wait()
    refit = load_refit(folder, config)
    assert refit is not None
    refit.model.to(device)
    return refit


def _train(task: Task, model: nn.Module, config: RunConfig, folder: Path, group: Group, quiet: bool) -> int:
    """Train for as many steps as were best, along the same part of the learning rate's schedule."""
    best = saved_progress(folder / BEST)
    if best.step == 0:
        return 0
    resume = (folder / REFIT_LAST).is_file()
    if resume and group.leads:
        keep_until(folder, saved_progress(folder / REFIT_LAST).step, REFIT_METRICS)
    title = f"refit of {config.model.name}"
    with reporting(folder / REFIT_METRICS, title, config.data.unit, quiet=quiet, leads=group.leads) as report:
        train(
            model,
            task.feed_everything(),
            None,
            replace(config.training, steps=best.step, patience=0),
            folder,
            report,
            resume=resume,
            group=group,
            schedule=min(best.spent, 1.0),
            last=REFIT_LAST,
        )
    return best.step


def _save(model: nn.Module, data: DataConfig, count: int, steps: int | None, folder: Path) -> None:
    transform = None if data.transform is None else data.transform.to_dict()
    save_tensors(folder / REFIT, weights_of(model), {"count": count, "steps": steps, "transform": transform})
    (folder / REFIT_LAST).unlink(missing_ok=True)
