"""Several processes that train one model, as torchrun starts them, by torch.distributed.

Each process, a rank, has its own streams; gradients are summed over all ranks before every step, so that the weights
stay the same everywhere. Rank 0 alone writes. What is on GPUs goes between them by NCCL, all else by gloo.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn

from chainrule.errors import ProcessError

__all__ = ["ALONE", "Group", "processes"]

_LEAVE = 0.1  # seconds: gloo's threads let their last tensor go a moment after it is done, and abort without a Python


class Group:
    """The processes of this run; only this one, where ``torchrun`` did not start it.

    >>> Group().sum([1.5, 2.0])
    [1.5, 2.0]
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank = rank
        self.size = size

    @property
    def leads(self) -> bool:
        """Whether this process writes and shows."""
        return self.rank == 0

    def sum(self, numbers: Sequence[float]) -> list[float]:
        """The sums of the numbers of all processes."""
        if self.size == 1:
            return list(numbers)
        total = torch.tensor(numbers, dtype=torch.float64)
        self._reduce(total)
        return total.tolist()

    def sum_gradients(self, model: nn.Module) -> None:
        """Sum ``.grad`` over all processes; where one has none, it counts as zeros."""
        if self.size == 1:
            return
        learned = [p for p in model.parameters() if p.requires_grad]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in learned]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        self._reduce(flat)
        for parameter, total in zip(learned, flat.split([p.numel() for p in learned]), strict=True):
            parameter.grad = total.view_as(parameter)

    def gather(self, data: bytes) -> list[bytes]:
        """What every process gives, in the order of their ranks."""
        if self.size == 1:
            return [data]
        own = [0.0] * self.size
        own[self.rank] = len(data)
        sizes = [int(size) for size in self.sum(own)]
        padded = torch.zeros(max(sizes), dtype=torch.uint8)
        padded[: len(data)] = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        gathered = [torch.empty_like(padded) for _ in sizes]
        with _named(self):
            distributed.all_gather(gathered, padded)
        return [bytes(one[:size].numpy()) for one, size in zip(gathered, sizes, strict=True)]

    def wait(self) -> None:
        """Wait until every process has come here."""
        self.sum([0.0])

    def _reduce(self, tensor: Tensor) -> None:
        with _named(self):
            distributed.all_reduce(tensor)


ALONE = Group()


@contextmanager
def _named(group: Group) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise ProcessError(
            f"process {group.rank} of {group.size} lost the others: one has ended ({str(error).splitlines()[0]}). The "
            "last checkpoint is complete: see above what ended it, and start all of them again with `resume=True`."
        ) from error


def _backend(device: torch.device | None) -> str:
    """What tensors of the CPU and of the device are sent by."""
    has_gpus = distributed.is_nccl_available() and torch.cuda.is_available()
    may_use_them = device is None or device.type == "cuda"
    return "cpu:gloo,cuda:nccl" if has_gpus and may_use_them else "gloo"


@contextmanager
def processes(device: torch.device | None = None) -> Iterator[Group]:
    """Join the group that torchrun's environment names, for the ``with`` block; without one, this process alone.

    ``device`` is where this process will train; None leaves open whether that is its GPU.

    Raises:
        ProcessError: the other processes cannot be joined.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or not distributed.is_available():
        yield Group()
        return
    joined_here = not distributed.is_initialized()
    if joined_here:
        try:
            distributed.init_process_group(_backend(device))
        except (ValueError, RuntimeError) as error:
            raise ProcessError(
                f"WORLD_SIZE is {size}, so this should be one of {size} processes, and the others cannot be joined "
                f"({str(error).splitlines()[0]}). Start them with torchrun --nproc-per-node {size}, or unset "
                "WORLD_SIZE."
            ) from error
    elif "cpu:" not in distributed.get_backend_config():
        raise ProcessError(
            f"the processes were joined by {distributed.get_backend()}, which does not send what is on the CPU. Join "
            'them by torch.distributed.init_process_group("cpu:gloo,cuda:nccl"), or leave that to chainrule.'
        )
    try:
        yield Group(distributed.get_rank(), distributed.get_world_size())
    finally:
        if joined_here:
            time.sleep(_LEAVE)
            distributed.destroy_process_group()
