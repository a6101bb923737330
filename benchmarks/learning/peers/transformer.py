"""A small transformer of x-transformers, trained by nanoGPT's recipe for CPUs.

The recipe (nanoGPT's README, "I only have a macbook"): blocks of 64 characters drawn at random, 4 layers, 4 heads,
width 128, batches of 12, no dropout, AdamW with weight decay 0.1 and beta2 0.99, 1e-3 down to 1e-4 by a cosine.
"""

import importlib.util
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.learning.budgets import Clock

__all__ = ["BLOCK", "is_installed", "make", "train"]

BLOCK = 64


def is_installed() -> bool:
    """Whether x-transformers is there."""
    return importlib.util.find_spec("x_transformers") is not None


def make(alphabet: int) -> nn.Module:
    """A decoder of 0.8 million parameters, ``logits = network(x)``."""
    from x_transformers import Decoder, TransformerWrapper

    layers = Decoder(dim=128, depth=4, heads=4, attn_dim_head=32, attn_flash=True)
    network: nn.Module = TransformerWrapper(
        num_tokens=alphabet, max_seq_len=BLOCK, tie_embedding=True, attn_layers=layers
    )
    return network


def train(network: nn.Module, text: Tensor, clock: Clock, batch: int) -> None:
    """Blocks drawn at random, warm-up and cosine over the time there is."""
    blocks = text.unfold(0, BLOCK + 1, 1)
    matrices = [p for p in network.parameters() if p.ndim >= 2]
    others = [p for p in network.parameters() if p.ndim < 2]
    groups: list[dict[str, Any]] = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99))
    for step, spent in enumerate(clock):
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / 100) * (0.1 + 0.9 * (1 + math.cos(math.pi * spent)) / 2)
        drawn = blocks[torch.randint(len(blocks), (batch,))]
        loss = F.cross_entropy(network(drawn[:, :-1]).flatten(0, 1), drawn[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
