"""Losses of some steps of a sequence, and what they may look like.

A loss is called as ``loss(output, y)`` with the steps that count laid end to end, (N, ...) each. It may return:

- their sum, or their mean, whatever that divides by: the number of steps, that of the targets which ``ignore_index``
  leaves, the sum of their classes' weights. torch.nn.functional.cross_entropy and mse_loss do, with either
  ``reduction``.
- a pair (sum, count), which is taken as the mean sum / count.

How the losses of parts make the loss of the whole: :mod:`chainrule.training.bptt.loss_shares`.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from chainrule._devices import forked
from chainrule.errors import ArgumentError

__all__ = ["Loss", "check_callable", "check_learns", "end_to_end", "evaluate", "loss_of"]

Loss = Callable[[Tensor, Tensor], Any]


def loss_of(loss: Loss, output: Tensor, y: Tensor, mask: Tensor | None) -> Tensor | None:
    """The loss of the steps whose mask is True; None where nothing counts."""
    steps, targets = end_to_end(output, y, mask)
    return evaluate(loss, steps, targets)


def check_learns(loss: Tensor) -> None:
    """Refuse a loss that has no gradient."""
    if not loss.requires_grad:
        raise ArgumentError(
            "the loss has no gradient: no parameter of the model and no state that it depends on requires one, or "
            "gradients are switched off. Call outside of torch.no_grad(), with parameters that require gradients."
        )


def evaluate(loss: Loss, steps: Tensor, targets: Tensor) -> Tensor | None:
    """The loss of steps (N, ...), as their mean where it is a pair; None where nothing counts."""
    check_callable("the loss", loss)
    if len(steps) == 0:
        return None
    value = loss(steps, targets)
    count = None
    if isinstance(value, tuple) and len(value) == 2:
        value, count = value
    if not isinstance(value, Tensor) or value.dim() != 0:
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ArgumentError(
            f"the loss gave {got}; expected a tensor with one number, the mean or sum over its steps, or the pair "
            "(sum, count)."
        )
    if count is not None:
        divisor = _divisor(count)
        return value / divisor if divisor else None
    if value.isnan() and _counts_nothing(loss, steps, targets):
        return None
    return value


def _divisor(count: Any) -> float:
    number = count.item() if isinstance(count, Tensor) and count.numel() == 1 else count
    if isinstance(number, bool | int | float) and 0 <= number < float("inf"):
        return float(number)
    raise ArgumentError(f"the loss gave a sum and the count {count!r}; expected a number of at least 0 to divide by.")


def _counts_nothing(loss: Loss, steps: Tensor, targets: Tensor) -> bool:
    """Whether a loss of NaN is a mean over nothing: beside a step that counts, it is a number that these leave as it
    is."""
    if not steps.isfinite().all():
        return False
    for target in _likely_targets(steps, targets):
        beside = steps.detach().clone().requires_grad_()
        with torch.enable_grad(), forked(steps.device):
            value = loss(torch.cat([steps[:1].detach(), beside]), torch.cat([target, targets]))
            if not value.isfinite():
                continue
            if not value.requires_grad:
                return True
            (gradient,) = torch.autograd.grad(value, beside, materialize_grads=True)
        return not gradient.any()
    return False


def _likely_targets(steps: Tensor, targets: Tensor) -> list[Tensor]:
    """Targets of a step that are likely to count: two classes, as one may be the ignored one; or its output itself."""
    first = targets[:1]
    if not targets.is_floating_point():
        return [torch.full_like(first, 0), torch.full_like(first, 1)]
    if steps.shape == targets.shape:
        return [steps[:1].detach().to(first.dtype)]
    return [torch.zeros_like(first)]


def end_to_end(output: Tensor, y: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """The steps whose mask is True, of all rows one after another: (N, ...)."""
    if mask is None or bool(mask.all()):
        return output.flatten(0, 1), y.flatten(0, 1)
    return output[mask], y[mask]


def check_callable(what: str, given: object) -> None:
    """Refuse what is no function."""
    if not callable(given):
        raise ArgumentError(f"{what} is a {type(given).__name__}; expected a function or a module that can be called.")
