"""One of two processes that share a model's rows."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn import Module
from torch.nn.parallel import DistributedDataParallel
from torch.utils._pytree import tree_leaves

from chainrule import nn
from tests.tolerances import close


def loss_of(outputs: Any) -> Tensor:
    y, *_ = tree_leaves(outputs)
    loss: Tensor = y.square().sum()
    return loss


def data_parallel(layer: Module, x: Tensor) -> list[Tensor]:
    """The gradients of replicas."""
    model = DistributedDataParallel(layer)  # which has to live until the backward pass is done
    loss_of(model(x)).backward()
    return [p.grad for p in layer.parameters() if p.grad is not None]


def fully_sharded(layer: Module, x: Tensor) -> list[Tensor]:
    """The gradients of parameters of which each process holds a half."""
    model: Any = fully_shard(layer, mesh=init_device_mesh("cpu", (2,)), reshard_after_forward=True)
    loss_of(model(x)).backward()
    return [p.grad.full_tensor() for p in model.parameters()]


def wrapped(layer: Module, x: Tensor) -> list[Tensor]:
    """The same by the older wrapper, which flattens the parameters into one."""
    model = FullyShardedDataParallel(layer, use_orig_params=True, device_id=torch.device("cpu"))
    loss_of(model(x)).backward()
    with FullyShardedDataParallel.summon_full_params(model, with_grads=True):
        return [p.grad.clone() for p in model.parameters() if p.grad is not None]


WAYS: tuple[Callable[[Module, Tensor], list[Tensor]], ...] = (data_parallel, fully_sharded, wrapped)
LAYERS: tuple[tuple[Callable[[], Module], tuple[int, ...]], ...] = (
    (lambda: nn.Conv1d(3, 4, 3), (4, 3, 9)),
    (lambda: nn.GRU(3, 4, batch_first=True), (4, 9, 3)),
    (lambda: nn.LSTM(3, 4, 2, batch_first=True, layer_norm=True), (4, 9, 3)),
)


def check_gradients(path: str, rank: int) -> None:
    """They are, by every way and in every layer, those of a process that has all rows; ``path`` is where both meet."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=2)
    for make, shape in LAYERS:
        for way in WAYS:
            layer = make().double()
            x = torch.randn(shape, dtype=torch.float64)
            expected = torch.autograd.grad(loss_of(layer(x)), list(layer.parameters()))
            found = way(layer, x.chunk(2)[rank])
            for gradient, wanted in zip(found, expected, strict=True):
                close(2 * gradient, wanted)  # the processes' gradients are averaged, the loss is a sum
    distributed.barrier()
    distributed.destroy_process_group()
