"""Losses of parts of a sequence, put together to the loss of all of it.

A loss is called as ``loss(output, y)`` with the steps that count laid end to end, (N, ...) each. What it may give:

- their sum, or their mean, whatever that divides by: the steps, the targets that ``ignore_index`` leaves, the sum of
  the weights of their classes. So do torch.nn.functional.cross_entropy and mse_loss, with either ``reduction``.
- a pair (sum, count), which is taken as the mean sum / count

A mean of parts is the mean of all if each part is weighed by its own divisor. No loss tells that, but its gradient
does: beside a part of divisor W, the gradient of a step whose divisor is 1 is 1 / (1 + W) of what it is alone.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from chainrule.errors import ArgumentError

__all__ = ["Loss", "check_callable", "end_to_end", "evaluate", "loss_of", "shares"]

Loss = Callable[[Tensor, Tensor], Any]
_HALVES = (torch.float16, torch.bfloat16)


def loss_of(loss: Loss, output: Tensor, y: Tensor, mask: Tensor | None) -> Tensor | None:
    """The loss of the steps that the mask has; None where nothing counts."""
    steps, targets = end_to_end(output, y, mask)
    return evaluate(loss, steps, targets)


def evaluate(loss: Loss, steps: Tensor, targets: Tensor) -> Tensor | None:
    """The loss of steps (N, ...), as their mean where it is a pair; None where nothing counts."""
    check_callable("the loss", loss)
    if len(steps) == 0:
        return None
    given = loss(steps, targets)
    value, count = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
    if not isinstance(value, Tensor) or value.dim() != 0:
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ArgumentError(
            f"the loss gave {got}; expected a tensor with one number, the mean or sum over its steps, or the pair "
            "(sum, count)."
        )
    if count is not None:
        count = _count(count)
        return value / count if count else None
    return None if value.isnan() and _counts_nothing(loss, steps, targets) else value


def shares(loss: Loss, steps: Tensor, targets: Tensor, parts: Sequence[Tensor]) -> list[float] | None:
    """What the loss of each part is multiplied by in the loss of all; None where the steps have no gradient to tell.

    steps: some outputs (N, ...), with their targets. parts: the targets of each part, (N_i, ...) each.

    Raises:
        ArgumentError: the losses of parts do not make that of all, as those of a root of a mean do not.

    >>> steps, y = torch.arange(12.0).view(4, 3), torch.tensor([0, 1, 2, -100])
    >>> cross_entropy = torch.nn.functional.cross_entropy
    >>> [round(share, 5) for share in shares(cross_entropy, steps, y, [y[:1], y[1:]])]
    [0.33333, 0.66667]
    >>> shares(lambda x, y: cross_entropy(x, y, reduction="sum"), steps, y, [y[:1], y[1:]])
    [1.0, 1.0]
    """
    steps = steps.detach().float() if steps.dtype in _HALVES else steps.detach()
    try:
        with torch.random.fork_rng(devices=[]):
            return _Shares(loss, steps, targets).of(parts)
    except RuntimeError as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(
            "the loss does not take some of the steps, or not as float32, so that the shares of parts cannot be told "
            f"({str(error).splitlines()[0]}). Let it return the pair (sum, count) for any steps."
        ) from error


class _Shares:
    """The shares, found out with one step that has a gradient: the one with the largest."""

    def __init__(self, loss: Loss, steps: Tensor, targets: Tensor) -> None:
        self.loss = loss
        self.steps = steps
        self.targets = targets
        sizes = self.gradient(steps, targets).reshape(len(steps), -1).norm(dim=1)
        self.silent = not (sizes.isfinite().all() and sizes.any())
        at = int(sizes.argmax())
        self.step = steps[at : at + 1]
        self.target = targets[at : at + 1]
        self.alone = self.gradient(self.step, self.target)
        self.tolerance = torch.finfo(sizes.dtype).eps ** 0.5

    def of(self, parts: Sequence[Tensor]) -> list[float] | None:
        if self.silent:
            return None
        double = self.ratio(self.target)
        if abs(double - 1) <= self.tolerance:
            self.check([part for part in parts if len(part)], None)
            return [1.0] * len(parts)
        if abs(double - 0.5) > self.tolerance:
            raise self.refusal()
        alike = self.alike(parts)
        weights = [float(len(part)) if alike else self.divisor(part) for part in parts]
        self.check(parts, weights)
        total = sum(weights)
        return [weight / total for weight in weights]

    def alike(self, parts: Sequence[Tensor]) -> bool:
        """Whether all targets count as much: of few classes, each is tried once, and then in halves."""
        if parts[0].is_floating_point():
            return False
        together = torch.cat(list(parts))
        each = together.unique(dim=0)
        if 2 * len(each) > len(together):  # then the parts themselves are tried as quickly
            return False
        pieces = each.split(max(map(len, parts)))
        some = [targets for piece in pieces for targets in (piece, piece[::2], piece[: (len(piece) + 1) // 2])]
        return all(abs(self.divisor(targets) - len(targets)) <= self.tolerance * len(targets) for targets in some)

    def divisor(self, targets: Tensor) -> float:
        """What their mean divides by, where that of the step alone is 1."""
        return max(1 / self.ratio(targets) - 1, 0.0) if len(targets) else 0.0

    def ratio(self, targets: Tensor, others: Tensor | None = None) -> float:
        """By what the gradient of the step is multiplied beside others with these targets; its outputs are theirs."""
        alone = self.alone
        others = self.step.expand(len(targets), *self.step.shape[1:]) if others is None else others
        among = self.gradient(self.step, torch.cat([self.target, targets]), others)
        ratio = float((among * alone).sum() / alone.square().sum())
        if not ratio > 0 or torch.dist(among, ratio * alone) > self.tolerance * alone.norm():
            raise self.refusal()
        return ratio

    def check(self, parts: Sequence[Tensor], weights: list[float] | None) -> None:
        """Refuse a loss of all that is not made of those of the steps, and of the part that weighs most.

        So it is refused where the outputs of others change the gradient of a step, or the numbers do not add up.
        """
        beside = self.ratio(self.targets)
        if abs(self.ratio(self.targets, self.steps) - beside) > self.tolerance * beside:
            raise self.refusal()
        heaviest = max(range(len(parts)), key=lambda n: len(parts[n]) if weights is None else weights[n])
        others = self.step.expand(len(parts[heaviest]), *self.step.shape[1:])
        one = evaluate(self.loss, self.steps, self.targets)
        other = evaluate(self.loss, others, parts[heaviest])
        both = evaluate(self.loss, torch.cat([self.steps, others]), torch.cat([self.targets, parts[heaviest]]))
        if one is None or other is None or both is None:
            raise self.refusal()
        if weights is None:
            expected = one + other
        else:
            weight = 1 / beside - 1
            expected = (weight * one + weights[heaviest] * other) / (weight + weights[heaviest])
        scale = max(one.abs(), other.abs(), both.abs())
        if not (both - expected).abs() <= 4 * self.tolerance * scale:
            raise self.refusal()

    @torch.enable_grad()
    def gradient(self, steps: Tensor, targets: Tensor, others: Tensor | None = None) -> Tensor:
        """Of the loss towards the steps, beside others."""
        steps = steps.clone().requires_grad_()
        value = evaluate(self.loss, steps if others is None else torch.cat([steps, others]), targets)
        if value is None or not value.requires_grad:
            return torch.zeros_like(steps)
        (found,) = torch.autograd.grad(value, steps, materialize_grads=True)
        return found

    def refusal(self) -> ArgumentError:
        return ArgumentError(
            "the loss is neither a mean nor a sum over its steps: the losses of parts do not make the loss of all. "
            "Let it return the pair (sum, count) of the steps it is given, or run the whole at once, without a bound "
            "on memory."
        )


def _counts_nothing(loss: Loss, steps: Tensor, targets: Tensor) -> bool:
    """Whether a loss that is NaN is a mean over nothing: beside a step that counts, it is a number that these don't
    change."""
    if not steps.isfinite().all():
        return False
    for target in _targets(steps, targets):
        beside = steps.detach().clone().requires_grad_()
        with torch.enable_grad(), torch.random.fork_rng(devices=[]):
            value = loss(torch.cat([steps[:1].detach(), beside]), torch.cat([target, targets]))
            if not value.isfinite():
                continue
            if not value.requires_grad:
                return True
            (gradient,) = torch.autograd.grad(value, beside, materialize_grads=True)
        return not gradient.any()
    return False


def _targets(steps: Tensor, targets: Tensor) -> list[Tensor]:
    """Targets of a step that are likely to count: two classes, as one may be the ignored one; or its output itself."""
    first = targets[:1]
    if not targets.is_floating_point():
        return [torch.full_like(first, 0), torch.full_like(first, 1)]
    return [steps[:1].detach().to(first.dtype) if steps.shape == targets.shape else torch.zeros_like(first)]


def _count(count: Any) -> float:
    number = count.item() if isinstance(count, Tensor) and count.numel() == 1 else count
    if isinstance(number, bool | int | float) and 0 <= number < float("inf"):
        return float(number)
    raise ArgumentError(f"the loss gave a sum and the count {count!r}; expected a number of at least 0 to divide by.")


def end_to_end(output: Tensor, y: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """The steps that the mask has, (N, ...)."""
    if mask is None or bool(mask.all()):
        return output.flatten(0, 1), y.flatten(0, 1)
    return output[mask], y[mask]


def check_callable(what: str, given: object) -> None:
    if not callable(given):
        raise ArgumentError(f"{what} is a {type(given).__name__}; expected a function or a module that can be called.")
