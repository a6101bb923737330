"""Devices: which one is asked for by its name, which there are, and what each needs that the CPU does not."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn

from chainrule._choices import counted, listed, spelt
from chainrule._torch import set_cudnn_enabled
from chainrule.errors import ArgumentError, DeviceError

__all__ = [
    "CPU",
    "Device",
    "asked_for",
    "card_of",
    "current",
    "device_of",
    "forked",
    "named",
    "one_thread",
    "own_gpu",
    "random_states",
    "seed_all",
    "sent",
    "set_random_states",
    "without_cudnn",
]

Device = str | torch.device
"""A device as it is asked for: "auto", "cpu", "cuda", "cuda:1", "mps", or torch's own object."""

CPU = torch.device("cpu")
_NAME = re.compile(r"(?P<type>cpu|mps|cuda)(?::(?P<index>\d{1,4}))?")
_MEND = 'use `device="cpu"`, or leave `device` out'


def asked_for(device: Device) -> torch.device | None:
    """The device of this name, with its number where there may be several; None for "auto".

    Of several processes, each has a GPU of its own: "cuda" is that.

    Raises:
        ArgumentError: there is no such name.
        DeviceError: torch does not see such a device here.

    >>> asked_for("cpu"), asked_for("auto")
    (device(type='cpu'), None)
    >>> asked_for("gpu")
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: `device` is 'gpu'; expected auto, cpu, cuda, a GPU by its number as cuda:1, or mps.
    """
    name = str(device) if isinstance(device, torch.device) else device
    if name == "auto":
        return None
    found = _NAME.fullmatch(name) if isinstance(name, str) else None
    if found is None or (found["type"] != "cuda" and int(found["index"] or 0)):
        raise ArgumentError(
            f"`device` is {spelt(name)}; expected auto, cpu, cuda, a GPU by its number as cuda:1, or mps."
        )
    if found["type"] == "cuda":
        return _cuda(name, None if found["index"] is None else int(found["index"]))
    if found["type"] == "mps" and not torch.backends.mps.is_available():
        raise DeviceError(
            f"`device` is {name!r}, and torch {torch.__version__} sees no GPU of Apple's here, which takes macOS on "
            f"Apple silicon. Otherwise {_MEND}."
        )
    if found["type"] == "mps" and _processes_here() > 1:
        raise DeviceError(f"`device` is {name!r}, by which several processes cannot train together: {_MEND}.")
    return torch.device(found["type"])


def _cuda(name: str, index: int | None) -> torch.device:
    if torch.version.cuda is None and torch.version.hip is None:
        raise DeviceError(
            f"`device` is {name!r}, and torch {torch.__version__} was built without CUDA. Install a build for CUDA "
            f"(pytorch.org/get-started), {_MEND}."
        )
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        told = "" if hidden is None else f" (CUDA_VISIBLE_DEVICES is {hidden!r})"
        raise DeviceError(
            f"`device` is {name!r}, and torch {torch.__version__} sees no GPU{told}. Check that nvidia-smi lists one "
            f"and that its driver is new enough for this torch, or {_MEND}."
        )
    if index is not None and _processes_here() > 1:
        raise DeviceError(
            f"`device` is {name!r}, and several processes train together, each on a GPU of its own: "
            'use `device="cuda"`, or start one process.'
        )
    index = _own_index() if index is None else index
    if index >= count:
        seen = listed(f"cuda:{k} ({torch.cuda.get_device_name(k)})" for k in range(count))
        whose = f", of which this process is to take number {index}" if _processes_here() > 1 else ""
        raise DeviceError(
            f"`device` is {name!r}{whose}, and torch sees {counted(count, 'GPU')}: {seen}. Name one of these, "
            "or start as many processes as there are GPUs."
        )
    return torch.device("cuda", index)


def _processes_here() -> int:
    """How many processes torchrun has started on this machine; 1 without it."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", os.environ.get("WORLD_SIZE", "1")))


def _own_index() -> int:
    """The number of this process's GPU: among those that all see, or of the one that it alone is shown."""
    if _processes_here() > 1 and os.environ.get("CUDA_VISIBLE_DEVICES", "").strip().isdigit():
        return 0
    if _processes_here() > 1:
        return int(os.environ.get("LOCAL_RANK", "0"))
    return torch.cuda.current_device() if torch.cuda.is_initialized() else 0  # which it takes time to become


def own_gpu() -> torch.device | None:
    """The GPU that "auto" may take in this process; None where torch sees none.

    Apple's is not among them: it has no float64, and is taken where it is asked for by name.
    """
    if not torch.cuda.is_available():
        return None
    index = _own_index()
    return torch.device("cuda", index) if index < torch.cuda.device_count() else None


def card_of(device: torch.device) -> str | None:
    """What a GPU is called by its maker; None for the CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "a GPU of Apple's" if device.type == "mps" else None


def named(device: torch.device) -> str:
    """A device in words.

    >>> named(CPU)
    'the CPU'
    """
    return "the CPU" if device.type == "cpu" else f"{device} ({card_of(device)})"


def device_of(model: nn.Module) -> torch.device:
    """Where a module's parameters are; the CPU for one without any, such as an n-gram.

    >>> device_of(nn.Linear(2, 3)), device_of(nn.Identity())
    (device(type='cpu'), device(type='cpu'))
    """
    parameter = next(model.parameters(), None)
    return CPU if parameter is None else parameter.device


def current(device: torch.device) -> AbstractContextManager[None]:
    """A while in which kernels that are started without naming a GPU start on this one."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on the device; to a GPU through pinned memory, so that nothing waits for it.

    >>> x = torch.zeros(2)
    >>> sent(x, CPU) is x
    True
    """
    if device.type == "cuda" and tensor.is_cpu:
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def random_states(device: torch.device) -> tuple[Tensor, ...]:
    """Where torch's generators stand from which a model on this device draws: the CPU's, and its own."""
    if device.type in ("cuda", "mps"):
        return torch.get_rng_state(), torch.get_device_module(device).get_rng_state(device)
    return (torch.get_rng_state(),)


def set_random_states(states: Iterable[Tensor], device: torch.device) -> None:
    """Put the generators back where they stood; states of a device that is not there any more are left out."""
    of_cpu, *of_device = states
    torch.set_rng_state(of_cpu)
    if device.type in ("cuda", "mps") and of_device:
        torch.get_device_module(device).set_rng_state(of_device[0], device)


@contextmanager
def forked(device: torch.device) -> Iterator[None]:
    """A while after which the generators that a model on this device draws from stand where they stood before."""
    states = random_states(device)
    try:
        yield
    finally:
        set_random_states(states, device)


@contextmanager
def without_cudnn() -> Iterator[None]:
    """A while without cuDNN, whose recurrences have no backward pass in evaluation mode."""
    before = torch.backends.cudnn.enabled
    set_cudnn_enabled(False)
    try:
        yield
    finally:
        set_cudnn_enabled(before)


@contextmanager
def one_thread() -> Iterator[None]:
    """A while of many small operations on one of the CPU's threads, which also decorates a function.

    Beside a fit, threads that wait for each other after each operation would wait for it, too, and a look take many
    times as long.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def seed_all(seed: int, device: torch.device) -> None:
    """Seed the generators that a model on this device draws from, and no others."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with current(device):
            torch.cuda.manual_seed(seed)
    if device.type == "mps":
        torch.mps.manual_seed(seed)
