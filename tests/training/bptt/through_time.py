"""Backpropagation through time by its definition, one step after the other, for the tests to compare with."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.training.bptt.trees import detached

Loss = Callable[[Tensor, Tensor], Tensor]


def nll(log_prob: Tensor, _: Tensor) -> Tensor:
    """The loss of a conditional model."""
    return -log_prob.mean()


def by_definition(
    model: nn.Module,
    loss: Loss,
    x: Tensor,
    y: Tensor,
    k1: int,
    k2: int,
    resets: Tensor | None = None,
    mask: Tensor | None = None,
) -> Iterator[Tensor]:
    """The gradient of every k1 steps' mean loss through the last k2; the weights may be changed between two of them."""
    states: list[Any] = [None]  # before every step, as the stream first came by
    live = torch.ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
    for begin in range(0, x.shape[1], k1):
        end = min(begin + k1, x.shape[1])
        far = max(0, begin + k1 - k2)
        state = states[far]
        outputs = []
        for t in range(far, end):
            given = {} if resets is None else {"resets": resets[:, t : t + 1]}
            output, state = model(x[:, t : t + 1], state, **given)
            if t >= begin:
                outputs.append(output)
                states.append(detached(state))
        counted = live[:, begin:end]
        if counted.any():
            loss(torch.cat(outputs, dim=1)[counted], y[:, begin:end][counted]).backward()
        yield collected(model)


def collected(model: nn.Module) -> Tensor:
    """The gradient in ``.grad``, which is taken away."""
    found = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in model.parameters()])
    model.zero_grad(set_to_none=True)
    return found


def nudge(model: nn.Module, n: int) -> None:
    """Change the weights a little, as a step of an optimiser would."""
    generator = torch.Generator().manual_seed(n)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype), alpha=0.05)
