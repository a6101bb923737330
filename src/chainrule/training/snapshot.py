"""Snapshots of training: everything that is needed to go on from here to the same bits."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from chainrule._devices import device_of, random_states, set_random_states
from chainrule._schema import structured
from chainrule.errors import ArgumentError, ChainruleError, RunFormatError
from chainrule.training.checkpoint import load_tensors, load_weights, pack, save_tensors, unpack, weights_of
from chainrule.training.optimisation import Optimisation
from chainrule.training.settings import Progress, TrainingConfig

__all__ = ["load_snapshot", "save_snapshot", "saved_progress", "weights_of_snapshot"]

_MOMENTS = {"adamw": ("step", "exp_avg", "exp_avg_sq"), "muon": ("momentum",)}  # of each parameter


def save_snapshot(path: Path, optimisation: Optimisation, progress: Progress) -> None:
    """Save weights, optimiser, average, and each process's feed and random numbers; rank 0 writes."""
    group = optimisation.group
    tensors = {f"model.{name}": tensor for name, tensor in weights_of(optimisation.model).items()}
    if optimisation.average is not None:
        tensors |= {f"average.{name}": tensor for name, tensor in optimisation.average.weights.items()}
    device = device_of(optimisation.model)
    generators = dict(zip(_generators(device), random_states(device), strict=False))
    own = pack({**optimisation.feed.state(), **generators})
    for rank, packed in enumerate(group.gather(own)):
        tensors[f"rank.{rank}"] = torch.frombuffer(bytearray(packed), dtype=torch.uint8)
    if not group.leads:
        return
    for optimiser_name, optimiser in optimisation.optimisers.items():
        for i, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"{optimiser_name}.{i}.{name}": tensor for name, tensor in moments.items()}
    save_tensors(path, tensors, asdict(progress))


def load_snapshot(path: Path, optimisation: Optimisation) -> Progress:
    """Continue from a snapshot of the same training; how far it was.

    Raises:
        ArgumentError: it was left by another number of processes.
        RunFormatError: it is missing, broken, or of another training.
    """
    tensors, about = load_tensors(path)
    count = sum(name.startswith("rank.") for name in tensors)
    if count not in (0, optimisation.group.size):
        raise ArgumentError(
            f"{path} was left by {count} processes that trained together, and this is "
            f"one of {optimisation.group.size}. Start as many as before."
        )
    try:
        _restore(optimisation, tensors)
        return _continued(structured(Progress, about, "progress"), optimisation.config)
    except (LookupError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        raise _mixed_up(path, error if isinstance(error, ChainruleError) else repr(error)) from error


def weights_of_snapshot(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The model's weights among the tensors of a snapshot."""
    return {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}


def saved_progress(path: Path) -> Progress:
    """How far the training was that left this checkpoint.

    Raises:
        RunFormatError: there is none, or it is broken.
    """
    _, about = load_tensors(path)
    try:
        return structured(Progress, about, "progress")
    except ArgumentError as error:
        raise _mixed_up(path, error) from error


def _restore(optimisation: Optimisation, tensors: dict[str, Tensor]) -> None:
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "rank": {}, **{name: {} for name in _MOMENTS}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = tensor
    own = unpack(parts["rank"][str(optimisation.group.rank)])
    strange = [name for name, tensor in (tensors | own).items() if tensor.is_floating_point() and tensor.isnan().any()]
    if strange:
        raise ValueError(f"{', '.join(strange[:5])} have NaN, which training never leaves")
    load_weights(optimisation.model, parts["model"])
    if optimisation.average is not None:
        optimisation.average.load(parts["average"])
    device = device_of(optimisation.model)
    of_cpu, of_device = _generators(device)
    # What trained on another device has none of this one's, which then goes on from the seed.
    set_random_states([own[of_cpu], *([own[of_device]] if of_device in own else [])], device)
    own = {name: tensor for name, tensor in own.items() if not name.startswith(of_cpu)}
    optimisation.feed.restore(own)
    for name in _MOMENTS:
        _restore_moments(name, optimisation.optimisers.get(name), parts[name])


def _generators(device: torch.device) -> tuple[str, str]:
    """The names of the random numbers of a model on this device: the CPU's, and its own where it has any."""
    return "random", f"random_{device.type}"


def _continued(progress: Progress, config: TrainingConfig) -> Progress:
    """The progress in shares of this budget, which may be another one than before."""
    progress.rescale(config.spent(progress.step, progress.seconds))
    progress.stopped = progress.joined is None and config.lost_patience(progress)
    return progress


def _restore_moments(name: str, optimiser: torch.optim.Optimizer | None, tensors: dict[str, Tensor]) -> None:
    """Give the optimiser what it keeps of each parameter, of the parameter's own shape."""
    if optimiser is None:
        if tensors:
            raise ValueError(f"it has moments of {name}")
        return
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        i, _, moment = key.partition(".")
        shape = () if moment == "step" else parameters[int(i)].shape
        if moment not in _MOMENTS[name] or tensor.shape != shape or not tensor.is_floating_point():
            raise ValueError(f"{name}.{key} is {tensor.dtype} of shape {tuple(tensor.shape)}")
        state.setdefault(int(i), {})[moment] = tensor
    if any(len(moments) < len(_MOMENTS[name]) for moments in state.values()):
        raise ValueError(f"the state of {name} lacks some of {', '.join(_MOMENTS[name])}")
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def _mixed_up(path: Path, what: object) -> RunFormatError:
    return RunFormatError(
        f"{path} is not what training left to resume from ({what}). "
        "The run's files were mixed up; restore them from a copy, or fit again."
    )
