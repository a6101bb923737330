"""The share of each part's loss in the loss of the whole, found out from the loss itself.

A mean over parts is the mean over the whole if each part is weighted by its own divisor. No loss tells that, but its
gradient does: beside a part of divisor W, the gradient of a step whose divisor is 1 is 1 / (1 + W) of what it is alone.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from chainrule._devices import forked
from chainrule.errors import ArgumentError
from chainrule.training.bptt.losses import Loss, evaluate

__all__ = ["shares"]

_HALVES = (torch.float16, torch.bfloat16)


def shares(loss: Loss, steps: Tensor, targets: Tensor, parts: Sequence[Tensor]) -> list[float] | None:
    """What the loss of each part is multiplied by in the loss of the whole; None if no step has a gradient to tell.

    Args:
        loss: a mean or a sum over steps.
        steps: some outputs (N, ...).
        targets: of these steps.
        parts: the targets of each part, (N_i, ...) each.

    Raises:
        ArgumentError: the losses of the parts do not make that of the whole, as with the root of a mean.

    >>> steps, y = torch.arange(12.0).view(4, 3), torch.tensor([0, 1, 2, -100])
    >>> cross_entropy = torch.nn.functional.cross_entropy
    >>> [round(share, 5) for share in shares(cross_entropy, steps, y, [y[:1], y[1:]])]
    [0.33333, 0.66667]
    >>> shares(lambda x, y: cross_entropy(x, y, reduction="sum"), steps, y, [y[:1], y[1:]])
    [1.0, 1.0]
    """
    steps = steps.detach()
    if steps.dtype in _HALVES:
        steps = steps.float()
    try:
        with forked(steps.device):
            return _Probe(loss, steps, targets).shares(parts)
    except RuntimeError as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(
            "the loss does not take some of the steps, or not as float32, so that the shares of parts cannot be told "
            f"({str(error).splitlines()[0]}). Let it return the pair (sum, count) for any steps."
        ) from error


class _Probe:
    """One step with its target, the one of the largest gradient: how that changes beside others tells their divisor."""

    def __init__(self, loss: Loss, steps: Tensor, targets: Tensor) -> None:
        self.loss = loss
        self.steps = steps
        self.targets = targets
        sizes = self._gradient(steps, targets).reshape(len(steps), -1).norm(dim=1)
        self.is_silent = not (sizes.isfinite().all() and sizes.any())
        largest = int(sizes.argmax())
        self.step = steps[largest : largest + 1]
        self.target = targets[largest : largest + 1]
        self.alone = self._gradient(self.step, self.target)
        self.tolerance = torch.finfo(sizes.dtype).eps ** 0.5

    def shares(self, parts: Sequence[Tensor]) -> list[float] | None:
        if self.is_silent:
            return None
        beside_itself = self._ratio(self.target)  # 1 in a sum, 1/2 in a mean
        if abs(beside_itself - 1) <= self.tolerance:
            self._check_sum([part for part in parts if len(part)])
            return [1.0] * len(parts)
        if abs(beside_itself - 0.5) > self.tolerance:
            raise self._refusal()
        count_alike = self._count_alike(parts)
        divisors = [float(len(part)) if count_alike else self._divisor(part) for part in parts]
        self._check_mean(parts, divisors)
        total = sum(divisors)
        return [divisor / total for divisor in divisors]

    def _count_alike(self, parts: Sequence[Tensor]) -> bool:
        """Whether all targets count as much: of few classes, each is tried once, and then in halves."""
        if parts[0].is_floating_point():
            return False
        together = torch.cat(list(parts))
        each = together.unique(dim=0)
        if 2 * len(each) > len(together):  # then the parts themselves are tried as quickly
            return False
        for piece in each.split(max(map(len, parts))):
            for targets in (piece, piece[::2], piece[: (len(piece) + 1) // 2]):
                if abs(self._divisor(targets) - len(targets)) > self.tolerance * len(targets):
                    return False
        return True

    def _divisor(self, targets: Tensor) -> float:
        """What a mean over these targets divides by, where that of the step alone is 1."""
        if not len(targets):
            return 0.0
        return max(1 / self._ratio(targets) - 1, 0.0)

    def _ratio(self, targets: Tensor, others: Tensor | None = None) -> float:
        """What the step's gradient is multiplied by beside other steps, as a rule copies of it, with these targets."""
        if others is None:
            others = self._copies(targets)
        alone = self.alone
        among = self._gradient(self.step, torch.cat([self.target, targets]), others)
        ratio = float((among * alone).sum() / alone.square().sum())
        if not ratio > 0 or torch.dist(among, ratio * alone) > self.tolerance * alone.norm():
            raise self._refusal()
        return ratio

    def _copies(self, targets: Tensor) -> Tensor:
        """The step, once for each of the targets."""
        return self.step.expand(len(targets), *self.step.shape[1:])

    def _check_sum(self, parts: Sequence[Tensor]) -> None:
        """Refuse a loss of steps and the longest part together that is not the sum of both."""
        self._check_outputs_of_others()
        one, other, both = self._losses(max(parts, key=len))
        self._check_equal(both, one + other, scale=max(one.abs(), other.abs(), both.abs()))

    def _check_mean(self, parts: Sequence[Tensor], divisors: list[float]) -> None:
        """Refuse a loss of steps and the heaviest part together that is not the mean over both."""
        beside = self._check_outputs_of_others()
        heaviest = max(range(len(parts)), key=divisors.__getitem__)
        one, other, both = self._losses(parts[heaviest])
        divisor = 1 / beside - 1
        expected = (divisor * one + divisors[heaviest] * other) / (divisor + divisors[heaviest])
        self._check_equal(both, expected, scale=max(one.abs(), other.abs(), both.abs()))

    def _check_outputs_of_others(self) -> float:
        """Refuse a loss in which the outputs of others change the gradient of a step; its ratio beside all steps."""
        beside = self._ratio(self.targets)
        if abs(self._ratio(self.targets, self.steps) - beside) > self.tolerance * beside:
            raise self._refusal()
        return beside

    def _losses(self, part: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The loss of the steps, of copies of the step with a part's targets, and of both together."""
        copies = self._copies(part)
        one = evaluate(self.loss, self.steps, self.targets)
        other = evaluate(self.loss, copies, part)
        both = evaluate(self.loss, torch.cat([self.steps, copies]), torch.cat([self.targets, part]))
        if one is None or other is None or both is None:
            raise self._refusal()
        return one, other, both

    def _check_equal(self, loss: Tensor, expected: Tensor, scale: Tensor) -> None:
        if not (loss - expected).abs() <= 4 * self.tolerance * scale:
            raise self._refusal()

    @torch.enable_grad()
    def _gradient(self, steps: Tensor, targets: Tensor, others: Tensor | None = None) -> Tensor:
        """Of the loss of the steps, and of others behind them, towards the steps."""
        steps = steps.clone().requires_grad_()
        together = steps if others is None else torch.cat([steps, others])
        value = evaluate(self.loss, together, targets)
        if value is None or not value.requires_grad:
            return torch.zeros_like(steps)
        (gradient,) = torch.autograd.grad(value, steps, materialize_grads=True)
        return gradient

    def _refusal(self) -> ArgumentError:
        return ArgumentError(
            "the loss is neither a mean nor a sum over its steps: the losses of parts do not make the loss of all. "
            "Let it return the pair (sum, count) of the steps it is given, or run the whole at once, without a bound "
            "on memory."
        )
