"""Ways across threads and processes."""

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn import Module
from torch.nn.parallel import DistributedDataParallel
from torch.utils._pytree import tree_leaves

from tests.contract.isolation import alone
from tests.contract.plain import called, learn
from tests.contract.rule import Way, tensors
from tests.contract.subjects import Inputs, Subject

__all__ = ["PROCESSES"]


def threaded(model: Module, inputs: Inputs) -> Any:
    """The same from four threads at once."""
    with ThreadPoolExecutor(4) as pool:
        outcomes = [tensors(each) for each in pool.map(lambda _: model(*inputs), range(8))]
    for outcome in outcomes[1:]:
        assert all(torch.equal(one, other) for one, other in zip(outcome, outcomes[0], strict=True))
    return outcomes[0]


def forked(model: Module, inputs: Inputs) -> Any:
    """Here and in a fork, the same bits."""
    here = tensors(learn(model, inputs))

    def there() -> None:
        for one, other in zip(tensors(learn(model, inputs)), here, strict=True):
            assert torch.equal(one, other), "other bits in a fork"

    alone(there)
    return here


@contextmanager
def group(rank: int = 0, size: int = 1, path: str = "") -> Iterator[None]:
    store: Any = dist.FileStore(path, size) if path else dist.HashStore()
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size)
    try:
        yield
    finally:
        dist.destroy_process_group()


def data_parallel(model: Module, inputs: Inputs) -> Any:
    with group():
        return learn(DistributedDataParallel(model), inputs)


def sharded(model: Module, inputs: Inputs) -> Any:
    """Parameters that are freed between uses; after a backward pass, too."""
    with group():
        mesh = init_device_mesh("cpu", (1,))
        whole = fully_shard(model, mesh=mesh, reshard_after_forward=True)
        outputs = tree_leaves(whole(*inputs))
        loss = [(y * y).sum() for y in outputs if y.requires_grad]
        if loss:
            torch.stack(loss).sum().backward()
        found: list[Any] = [p.grad for p in model.parameters()]
        return outputs, [g.full_tensor() for g in found if g is not None]


def whole(model: Module, inputs: Inputs) -> Any:
    outputs = tree_leaves(model(*inputs))
    loss = [(y * y).sum() for y in outputs if y.requires_grad]
    if loss:
        torch.stack(loss).sum().backward()
    return outputs, [p.grad for p in model.parameters() if p.grad is not None]


def layers(subject: Subject) -> bool:
    return "layer" in subject.tags


PROCESSES = [
    Way("threads", threaded, called),
    Way("fork", forked, learn),
    Way("data-parallel", data_parallel, learn, on=layers, alone=True),
    Way("fully-sharded", sharded, whole, on=layers, alone=True),
]
