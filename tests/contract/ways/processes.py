"""Ways across threads and processes."""

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import HashStore
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn import Module
from torch.nn.parallel import DistributedDataParallel

from tests.contract.isolation import alone
from tests.contract.rule import Way, tensors
from tests.contract.subjects import Inputs, Subject
from tests.contract.ways.plain import backward, called, learn

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
def group() -> Iterator[None]:
    """A group of this process alone."""
    dist.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    try:
        yield
    finally:
        dist.destroy_process_group()


def data_parallel(model: Module, inputs: Inputs) -> Any:
    with group():
        return learn(DistributedDataParallel(model), inputs)


def sharded(model: Module, inputs: Inputs) -> Any:
    """Parameters that are freed between uses; after a backward pass, too."""
    # torch.nn's layers with batch_first return views as ours without it do
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view tensor")
    with group():
        mesh = init_device_mesh("cpu", (1,))
        shards: Any = fully_shard(model, mesh=mesh, reshard_after_forward=True)
        outputs, gradients = backward(model, lambda: shards(*inputs))
        return outputs, [g.full_tensor() for g in gradients]


def wrapped(model: Module, inputs: Inputs) -> Any:
    """The older way of sharding, which makes the parameters views of one; a process alone keeps all of it."""
    warnings.filterwarnings("ignore", "FSDP is switching to use `NO_SHARD`|.*NO_SHARD.* is deprecated")
    with group():
        shards = FullyShardedDataParallel(model, use_orig_params=True, device_id=torch.device("cpu"))
        outputs, _ = backward(shards, lambda: shards(*inputs))
        with FullyShardedDataParallel.summon_full_params(shards, with_grads=True):
            return outputs, [p.grad.clone() for p in shards.parameters() if p.grad is not None]


def whole(model: Module, inputs: Inputs) -> Any:
    return backward(model, lambda: model(*inputs))


def layers(subject: Subject) -> bool:
    return "layer" in subject.tags


PROCESSES = [
    Way("threads", threaded, called),
    Way("fork", forked, learn),
    Way("data-parallel", data_parallel, learn, on=layers, alone=True),
    Way("fully-sharded", sharded, whole, on=layers, alone=True),
    Way("fully-sharded-wrapper", wrapped, whole, on=layers, alone=True),
]
