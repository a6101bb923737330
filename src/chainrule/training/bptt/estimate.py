"""What truncation costs: the share of the full gradient that does not come through a window."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.errors import ArgumentError
from chainrule.training.bptt.full import FullBPTT
from chainrule.training.bptt.losses import Loss, end_to_end, shares
from chainrule.training.bptt.model_step import check_steps, run
from chainrule.training.bptt.trial import evaluating
from chainrule.training.bptt.truncated import TruncatedBPTT

__all__ = ["Lost", "estimate"]

_FEW = 32  # steps that tell a sum from a mean


@dataclass(frozen=True)
class Lost:
    """Of the gradient by TruncatedBPTT(k1, k2) beside the full one, g: ``lost`` is |g - truncated| / |g|."""

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

    The model is in evaluation mode meanwhile; its mode and its ``.grad`` are as before afterwards. The arguments are
    those of :class:`TruncatedBPTT` and :class:`FullBPTT`; of x, several times the longest window is a fair sample. The
    loss may be the mean over its steps or their sum: what is lost is the same.

    Raises:
        ArgumentError, ShapeError: as these two do; the loss is neither mean nor sum.

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
    plans = [TruncatedBPTT(*_pair(pair)) for pair in windows] if isinstance(windows, Sequence) else None
    if not plans:
        raise ArgumentError(f"windows is {windows!r}; expected pairs (k1, k2), such as [(16, 64)].")
    parameters = [p for p in model.parameters() if p.requires_grad]
    before = [p.grad for p in parameters]
    try:
        with evaluating(model.modules()):
            full = _gradient(parameters, lambda: FullBPTT(memory)(model, loss, x, y, state, resets=resets))
            of_parts = _shares(model, loss, x, y, state, resets, plans)
            found = []
            for bptt, of_part in zip(plans, of_parts, strict=True):

                def chunks(bptt: TruncatedBPTT = bptt, of_part: list[float] = of_part) -> None:
                    place = state
                    for n, share in enumerate(of_part):
                        part = slice(n * bptt.k1, (n + 1) * bptt.k1)
                        starts = None if resets is None else resets[:, part]
                        _, place = bptt(model, loss, x[:, part], y[:, part], place, resets=starts, scale=share)

                truncated = _gradient(parameters, chunks)
                norm = full.norm()
                cosine = torch.nn.functional.cosine_similarity(full, truncated, dim=0)
                found.append(
                    Lost(bptt.k1, bptt.k2, float((full - truncated).norm() / norm) if norm else 0.0, float(cosine))
                )
            return found
    finally:
        for parameter, gradient in zip(parameters, before, strict=True):
            parameter.grad = gradient


@torch.no_grad()
def _shares(
    model: nn.Module, loss: Loss, x: Tensor, y: Tensor, state: Any, resets: Tensor | None, plans: list[TruncatedBPTT]
) -> list[list[float]]:
    """Of each window's chunks in the loss of all, as the first steps tell that have a gradient."""
    chunks = [[part.flatten(0, 1) for part in y.split(bptt.k1, dim=1)] for bptt in plans]
    for t in range(0, x.shape[1], _FEW):
        part = slice(t, t + _FEW)
        output, state = run(model, x[:, part], state, None if resets is None else resets[:, part])
        steps, targets = end_to_end(output, y[:, part], None)
        found = [shares(loss, steps, targets, parts) for parts in chunks]
        if all(found):
            return [share for share in found if share is not None]
    return [[len(part) / (y.shape[0] * y.shape[1]) for part in parts] for parts in chunks]


def _pair(window: object) -> tuple[int, int]:
    if isinstance(window, Sequence) and not isinstance(window, str) and len(window) == 2:
        return window[0], window[1]
    raise ArgumentError(f"a window is {window!r}; expected a pair (k1, k2), such as (16, 64).")


def _gradient(parameters: list[nn.Parameter], send_back: Callable[[], object]) -> Tensor:
    for parameter in parameters:
        parameter.grad = None
    send_back()
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters]).double()
