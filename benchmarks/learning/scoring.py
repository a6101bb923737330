"""Nats per character of a network on the end of a text, exact: no character is left out, none is scored twice."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["carried", "fingerprint", "slid"]

_CONTEXT = 1024  # characters before the first scored one that are read, as chainrule reads them
_CHUNK = 512
_WINDOWS = 512  # at once


@torch.no_grad()
def carried(network: nn.Module, symbols: Tensor, scored: int, rows: int = 1) -> float:
    """Of a network with a state, ``logits, state = network(x, state)``, which is carried through all of the end.

    With several rows the end is cut into as many, each with a context of its own to read: quicker, and not quite the
    same.
    """
    begin = len(symbols) - scored
    length = -(-scored // rows)
    context = min(_CONTEXT, begin)
    filled = F.pad(symbols, (0, rows * length - scored))
    x = filled[begin - context :].unfold(0, context + length, length)
    state: Any = None
    losses = []
    network.eval()
    for at in range(0, x.shape[1] - 1, _CHUNK):
        targets = x[:, at + 1 : at + 1 + _CHUNK]
        logits, state = network(x[:, at : at + targets.shape[1]], state)
        losses.append(_losses(logits, targets))
    network.train()
    return float(torch.cat(losses, dim=1)[:, context - 1 :].flatten()[:scored].mean())


@torch.no_grad()
def slid(logits_of: Callable[[Tensor], Tensor], symbols: Tensor, scored: int, block: int) -> float:
    """Of a network with a window of ``block``, which slides by half of it: at least so much is seen before each."""
    half = block // 2
    begin = len(symbols) - scored
    windows = -(-scored // half)
    filled = F.pad(symbols, (max(0, half + 1 - begin), windows * half - scored))
    x = filled[len(filled) - windows * half - half - 1 :].unfold(0, block + 1, half)
    losses = [_losses(logits_of(part[:, :-1]), part[:, 1:])[:, half:] for part in x.split(_WINDOWS)]
    return float(torch.cat(losses).flatten()[:scored].mean())


def _losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Nats of each target, float64."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").double().view(targets.shape)


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """A digest of what was learned, which tells whether two runs learned the same."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
