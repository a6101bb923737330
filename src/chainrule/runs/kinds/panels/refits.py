"""Backtests with refits: before each block of origins the weights are trained again on all that is known by then."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule._devices import current, forked, seed_all
from chainrule.models import PanelModel, PanelTensors, build_panel_model
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.kinds.panels.ahead import quantiles_from
from chainrule.runs.kinds.training_streams import panel_feed
from chainrule.runs.scoring.panels import Origins
from chainrule.training import ALONE, Progress, train

__all__ = ["count_refits", "quantiles_with_refits"]


def count_refits(origins: Origins, every: int) -> int:
    """How many refits there are where ``every`` so many times of forecasts begin with one."""
    return -(-len(np.unique(origins.clock)) // every)


def quantiles_with_refits(
    config: RunConfig,
    best: Progress,
    tensors: PanelTensors,
    origins: Origins,
    every: int,
    device: torch.device,
    advance: Callable[[float], None],
) -> NDArray[np.float64]:
    """Quantiles (M, H, Q) from the origins, each by weights that have seen nothing after its block's first one.

    Each refit begins again, from the seed of the fit, for as many steps as its ``best`` weights took, along the same
    part of the schedule, as the refit after a fit does. What the model knows of the scale of covariates stays that of
    the fit.
    """
    blocks = list(_blocks(origins, every))
    found = []
    order = []
    for k, block in enumerate(blocks):

        def advanced(done: float, before: int = k) -> None:
            advance((before + done) / len(blocks))

        until = _known_by(origins, int(origins.clock[block].min()))
        model = _refitted(config, best, tensors, until, device, advanced)
        of_block = Origins(origins.panel, origins.series[block], origins.rows[block], origins.horizon)
        found.append(quantiles_from(model, tensors, of_block))
        order.append(block)
        advanced(1.0)
    return np.concatenate(found)[np.argsort(np.concatenate(order))]


def _blocks(origins: Origins, every: int) -> Iterator[NDArray[np.intp]]:
    """The origins of each ``every`` times, by the clock of all series."""
    _, time = np.unique(origins.clock, return_inverse=True)
    for k in range(count_refits(origins, every)):
        yield np.flatnonzero(time // every == k)


def _known_by(origins: Origins, clock: int) -> NDArray[np.int64]:
    """(N,) the row after the last that is known of each series when the forecasts of this time are made."""
    panel = origins.panel
    first = panel.starts[:-1]
    times = panel.times
    if times is None:
        return np.minimum(first + clock, panel.ends)
    is_past = times <= np.unique(times)[clock]
    return np.minimum(first + np.add.reduceat(is_past.astype(np.int64), first), panel.ends)


def _refitted(
    config: RunConfig,
    best: Progress,
    tensors: PanelTensors,
    until: NDArray[np.int64],
    device: torch.device,
    advance: Callable[[float], None],
) -> PanelModel:
    """A model that was trained on the rows before ``until`` (N,)."""
    assert config.data.inputs is not None
    with forked(device), current(device):
        seed_all(config.training.seed, device)
        model = build_panel_model(config.model, config.data.inputs).to(device)
        model.begin(tensors, torch.from_numpy(until))
        if best.step == 0:
            return model.eval()
        feed = panel_feed(tensors, until, until - tensors.starts.numpy() > 1, config, ALONE)
        training = replace(config.training, steps=best.step, patience=0)
        with TemporaryDirectory() as folder:
            train(
                model,
                feed,
                None,
                training,
                Path(folder),
                lambda progress: advance(min(progress.spent, 1.0)),
                schedule=min(best.spent, 1.0),
            )
    return model.eval()
