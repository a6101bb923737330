"""What truncation costs: the share of the full gradient that does not come through a window."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from chainrule._devices import without_cudnn
from chainrule._modes import evaluating
from chainrule.errors import ArgumentError
from chainrule.training.bptt.full import FullBPTT
from chainrule.training.bptt.loss_shares import shares
from chainrule.training.bptt.losses import Loss, end_to_end
from chainrule.training.bptt.stateful_model import at_steps, check_steps, run
from chainrule.training.bptt.truncated import TruncatedBPTT

__all__ = ["Lost", "estimate"]

_FEW = 32  # steps that tell a sum from a mean
_ONCE = 1.5  # the shares of a mean's chunks add up to 1, those of a sum's to their number
_SUMMED = (
    "the loss is a sum over its steps: what a window loses is told rightly, but in training the gradient of a chunk "
    "grows with its rows and k1 steps, so that another window needs another learning rate and another clip. A mean "
    '(`reduction="mean"`) needs neither.'
)


@dataclass(frozen=True)
class Lost:
    """What the gradient of ``TruncatedBPTT(k1, k2)`` lacks of the full one.

    Attributes:
        k1, k2: the window.
        lost: ``|full - truncated| / |full|``.
        cosine: of the angle between the two.
    """

    k1: int
    k2: int
    lost: float
    cosine: float


def estimate(
    model: nn.Module,
    loss: Loss,
    x: Tensor,
    y: Tensor,
    state: Any = None,
    *,
    windows: Sequence[tuple[int, int]],
    resets: Tensor | None = None,
    memory: str | int | None = None,
) -> list[Lost]:
    """Measure what each window (k1, k2) loses of the gradient of all steps of x, with the weights as they are.

    Meanwhile the model is in evaluation mode; afterwards its mode and its ``.grad`` are what they were. The arguments
    are those of :class:`TruncatedBPTT` and :class:`FullBPTT`. Several times as many steps as the longest window has are
    a fair sample. The loss may be the mean over its steps or their sum: the share that is lost is the same. Of a sum
    a warning says that windows which lose alike do not train alike: its gradient grows with k1.

    Raises:
        ArgumentError, ShapeError: as of these two; also of a loss that is neither a mean nor a sum.

    >>> from chainrule.nn import GRU
    >>> _ = torch.manual_seed(0)
    >>> x = torch.randn(4, 256, 1)
    >>> for of in estimate(GRU(1, 8, batch_first=True), nn.functional.mse_loss, x, x.expand(4, 256, 8),
    ...                    windows=[(4, 4), (4, 16), (256, 256)]):
    ...     print(of.k1, of.k2, f"{of.lost:.3f}")
    4 4 0.191
    4 16 0.002
    256 256 0.000
    """
    if not isinstance(model, nn.Module):
        raise ArgumentError(f"the model is a {type(model).__name__}; expected a torch.nn.Module.")
    check_steps(x, y, resets, None)
    if not isinstance(windows, Sequence) or not windows:
        raise ArgumentError(f"windows is {windows!r}; expected pairs (k1, k2), such as [(16, 64)].")
    plans = [TruncatedBPTT(*_pair(pair)) for pair in windows]
    parameters = [p for p in model.parameters() if p.requires_grad]
    own_gradients = [p.grad for p in parameters]
    try:
        with evaluating(model.modules()), without_cudnn():
            sample = _Sample(model, loss, x, y, state, resets)
            full = _gradient(parameters, lambda: FullBPTT(memory)(model, loss, x, y, state, resets=resets))
            found = []
            shares_of_plans = sample.shares(plans)
            if any(sum(of_chunks) > _ONCE for of_chunks in shares_of_plans):
                warnings.warn(_SUMMED, stacklevel=2)
            for bptt, shares_of_chunks in zip(plans, shares_of_plans, strict=True):
                truncated = _gradient(parameters, partial(sample.send_back, bptt, shares_of_chunks))
                norm = full.norm()
                lost = float((full - truncated).norm() / norm) if norm else 0.0
                cosine = float(torch.nn.functional.cosine_similarity(full, truncated, dim=0))
                found.append(Lost(bptt.k1, bptt.k2, lost, cosine))
            return found
    finally:
        for parameter, gradient in zip(parameters, own_gradients, strict=True):
            parameter.grad = gradient


@dataclass(frozen=True)
class _Sample:
    """The steps that windows are measured on, and the model and loss that are measured."""

    model: nn.Module
    loss: Loss
    x: Tensor
    y: Tensor
    state: Any
    resets: Tensor | None

    def send_back(self, bptt: TruncatedBPTT, shares_of_chunks: list[float]) -> None:
        """Add the truncated gradient of all steps, chunk by chunk."""
        place = self.state
        for n, share in enumerate(shares_of_chunks):
            part = slice(n * bptt.k1, (n + 1) * bptt.k1)
            x = self.x[:, part]
            resets = at_steps(self.resets, part)
            _, place = bptt(self.model, self.loss, x, self.y[:, part], place, resets=resets, scale=share)

    @torch.no_grad()
    def shares(self, plans: list[TruncatedBPTT]) -> list[list[float]]:
        """The shares of each window's chunks in the total loss, as the first steps tell that have a gradient."""
        chunks = [[part.flatten(0, 1) for part in self.y.split(bptt.k1, dim=1)] for bptt in plans]
        state = self.state
        for first in range(0, self.x.shape[1], _FEW):
            part = slice(first, first + _FEW)
            output, state = run(self.model, self.x[:, part], state, at_steps(self.resets, part))
            steps, targets = end_to_end(output, self.y[:, part], None)
            found = [shares(self.loss, steps, targets, parts) for parts in chunks]
            if all(found):
                return [each for each in found if each is not None]
        count = self.y.shape[0] * self.y.shape[1]
        return [[len(part) / count for part in parts] for parts in chunks]


def _pair(window: object) -> tuple[int, int]:
    if isinstance(window, Sequence) and not isinstance(window, str) and len(window) == 2:
        return window[0], window[1]
    raise ArgumentError(f"a window is {window!r}; expected a pair (k1, k2), such as (16, 64).")


def _gradient(parameters: list[nn.Parameter], send_back: Callable[[], object]) -> Tensor:
    for parameter in parameters:
        parameter.grad = None
    send_back()
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    return torch.cat([gradient.flatten() for gradient in gradients]).cpu().double()
