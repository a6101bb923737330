"""Which device a fit runs on where none is asked for: the GPU, if there is one and training steps are faster there."""

from typing import NamedTuple

import torch

from chainrule._devices import CPU, named, own_gpu
from chainrule.runs.fitting.room import check_room
from chainrule.runs.fitting.trial import tried
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.data_config import Data
from chainrule.runs.kinds.registry import KINDS
from chainrule.training import Group

__all__ = ["Placed", "device_by_trial"]

_FASTER = 1.1  # times as fast as the CPU, or the GPU is left to others


class Placed(NamedTuple):
    """A device, and why it is this one; None where there was no choice."""

    device: torch.device
    why: str | None = None


def device_by_trial(data: Data, config: RunConfig, group: Group) -> Placed:
    """Try the first batch on the CPU and on the GPU, if there is one: the CPU, unless the GPU is clearly faster.

    Of several processes, which have a GPU each, the first one decides.
    """
    gpu = own_gpu()
    (gpus,) = group.sum([float(gpu is not None)])
    if gpu is None or gpus < group.size:  # as every process has to find
        return Placed(CPU, f"there are fewer GPUs than the {group.size} processes" if gpus else None)
    if KINDS[data.kind].solves(config.model.name, config.model.head):
        return Placed(CPU, "nothing is trained")
    if config.training.bptt == "full":
        return Placed(CPU, f"a step of the full gradient takes long to try; name {gpu} to use it")
    found = _raced(data, config, gpu) if group.leads else Placed(CPU)
    (takes_gpu,) = group.sum([float(found.device == gpu)])
    return Placed(gpu if takes_gpu else CPU, found.why)


def _raced(data: Data, config: RunConfig, gpu: torch.device) -> Placed:
    check_room(data, config, CPU)
    task = KINDS[data.kind].task(data, config)
    of_cpu = tried(task, config, CPU).seconds
    try:
        of_gpu = tried(task, config, gpu).seconds
    except torch.OutOfMemoryError:
        return Placed(CPU, f"a step does not fit into the memory of {named(gpu)}")
    except RuntimeError as error:  # a GPU that torch sees, and that is too old for it, or not to be shared
        return Placed(CPU, f"a step fails on {named(gpu)}: {str(error).strip().splitlines()[0]}")
    if of_cpu < _FASTER * of_gpu:
        return Placed(CPU, f"a step takes {_said(of_cpu)}, and {_said(of_gpu)} on {named(gpu)}")
    return Placed(gpu, f"a step takes {_said(of_gpu)}, and {_said(of_cpu)} on the CPU")


def _said(seconds: float) -> str:
    """Milliseconds for people.

    >>> _said(0.01234)
    '12 ms'
    """
    return f"{float(f'{1e3 * seconds:.2g}'):g} ms"
