"""One of two processes that share a model's rows: run as ``python -m tests.contract.two_processes FILE RANK``."""

import sys

import torch
from torch import Tensor, distributed
from torch.nn import Module
from torch.nn.parallel import DistributedDataParallel
from torch.utils._pytree import tree_leaves

from chainrule import nn
from tests.tolerances import close


def gradients(model: Module, x: Tensor) -> list[Tensor]:
    y, *_ = tree_leaves(model(x))
    return list(torch.autograd.grad(y.square().sum(), list(model.parameters())))


def main(path: str, rank: int) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    pairs = [(nn.Conv1d(3, 4, 3), torch.randn(4, 3, 9)), (nn.GRU(3, 4, batch_first=True), torch.randn(4, 9, 3))]
    distributed.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=2)
    for layer, x in pairs:
        expected = gradients(layer, x)
        model = DistributedDataParallel(layer)  # which has to live until the backward pass is done
        y, *_ = tree_leaves(model(x.chunk(2)[rank]))
        y.square().sum().backward()
        for parameter, wanted in zip(layer.parameters(), expected, strict=True):
            assert parameter.grad is not None
            close(2 * parameter.grad, wanted)
    distributed.barrier()
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
