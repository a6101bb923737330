"""Choosing an n-gram model's order and discounts: those under which held-out symbols are the likeliest."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule._optional import require
from chainrule.models.ngram.counts import Trie
from chainrule.models.ngram.model import NGramModel

__all__ = ["chen_goodman", "fit_ngram"]

_Pieces = Sequence[tuple[NDArray[Any], int]]
_ORDERS = range(2, 13)  # of which one is chosen
_MOST = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)  # that can be taken off counts of one, two and more
_LEAST = 1e-3
_WORTH = 1e-3  # nats per symbol that another symbol of context has to gain
_CHOSEN_ON = 1 << 22  # symbols of the training part at most: longer orders are counted many times
_TUNED_ON = 1 << 16  # held-out symbols at most: enough for four numbers a length
_WEIGHT = 1.0  # of how far discounts are from those estimated, in held-out symbols' nats


def fit_ngram(model: NGramModel, train: _Pieces, valid: _Pieces, order: int | None = None) -> None:
    """Count ``train``, with the discounts, and the order unless it is given, that make ``valid`` likeliest.

    Both are pieces (x, context): the first ``context`` symbols of x are read and not counted. Longer orders are tried
    until one gains less than a thousandth of a nat. Without held-out symbols discounts are estimated from the counts.
    """
    model.restart(order or _best_order(model, _last(train, _CHOSEN_ON), valid))
    model.learn_documents(train)
    _tune(model, valid)


def _best_order(model: NGramModel, train: _Pieces, valid: _Pieces) -> int:
    """The order from which on longer ones gain next to nothing; the usual one where nothing is held out."""
    if all(len(x) <= context for x, context in valid):
        return model.usual_order
    best = math.inf
    for order in _ORDERS:
        candidate = NGramModel(model.symbols, order, model.end)
        candidate.learn_documents(train)
        loss = _tune(candidate, valid, iterations=15)  # enough to tell orders apart
        if loss > best - _WORTH:
            return order - 1
        best = loss
    return _ORDERS[-1]


def _last(pieces: _Pieces, count: int) -> _Pieces:
    """About as many symbols from the end of the pieces."""
    kept: list[tuple[NDArray[Any], int]] = []
    for x, context in reversed(pieces):
        if count <= 0:
            break
        kept.append((x, max(context, len(x) - count)))
        count -= len(x) - context
    return kept[::-1]


def chen_goodman(trie: Trie) -> Tensor:
    """Discounts (order, 4) estimated from how many n-grams have counts of one to four: Chen & Goodman (1999), (26).

    With n_k n-grams of count k, Y = n_1 / (n_1 + 2 n_2), and D(k) = k - (k + 1) Y n_{k+1} / n_k.
    """
    n = torch.tensor(trie.counts_of_counts(), dtype=torch.float64)
    Y = n[:, :1] / (n[:, :1] + 2 * n[:, 1:2])
    k = torch.arange(1, 4, dtype=torch.float64)
    D = k - (k + 1) * Y * n[:, 1:] / n[:, :3]
    usual = torch.tensor([0.7, 1.0, 1.3], dtype=torch.float64)
    D = torch.where(D.isfinite() & (0.05 * k < D) & (0.95 * k > D), D, usual)
    return torch.cat([D, torch.zeros(len(D), 1, dtype=torch.float64)], dim=1)


def _tune(model: NGramModel, valid: _Pieces, iterations: int = 60) -> float:
    """Set the discounts to the best for the held-out pieces; the mean nats per symbol of these."""
    statistics = _statistics(model, valid)
    estimated = chen_goodman(model.trie)
    if not len(statistics):
        model.discounts = estimated
        return 0.0
    centre = torch.cat([torch.logit(estimated[:, :3] / _MOST), torch.full((len(estimated), 1), -1.0)], dim=1)

    def discounts(shift: Tensor) -> Tensor:
        raw = centre + shift
        D = _MOST * (_LEAST + (1 - 2 * _LEAST) * torch.sigmoid(raw[:, :3]))
        return torch.cat([D, raw[:, 3:].exp()], dim=1)

    @torch.enable_grad()
    def loss_and_gradient(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        shift = torch.from_numpy(flat).view_as(centre).requires_grad_()
        nats = -log_prob(statistics, discounts(shift), model.symbols).sum()
        loss = (nats + _WEIGHT * shift.square().sum()) / len(statistics)
        (gradient,) = torch.autograd.grad(loss, shift)
        return loss.item(), gradient.flatten().numpy()

    # Not torch's own, whose import takes longer than all of this.
    minimize = require("scipy.optimize").minimize
    start = np.zeros(centre.numel())
    found = minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": iterations})
    model.discounts = discounts(torch.from_numpy(found.x).view_as(centre))
    return -log_prob(statistics, model.discounts, model.symbols).mean().item()


def _statistics(model: NGramModel, valid: _Pieces) -> Tensor:
    """What the probabilities of held-out symbols depend on: (N, order, 5)."""
    found = []
    left = _TUNED_ON
    for piece, context in valid:
        x = torch.from_numpy(piece[max(0, context - model.order) : context + left].astype(np.int64))[None]
        read = min(context, model.order)
        if x.shape[1] == read:
            continue
        found.append(model.statistics(x)[read:])
        left -= len(found[-1])
        if not left:
            break
    return torch.cat(found) if found else torch.empty(0, model.order, 5)


def log_prob(statistics: Tensor, discounts: Tensor, symbols: int) -> Tensor:
    """log p (N,) of symbols with these statistics (N, order, 5): count, total, and successors of one, two and more."""
    p = torch.full((len(statistics),), 1 / symbols, dtype=torch.float64)
    for length, (D, theta) in enumerate(zip(discounts[:, :3], discounts[:, 3], strict=True)):
        count, total, *successors = statistics[:, length].unbind(1)
        known = total > 0
        off = torch.cat([D.new_zeros(1), D])[count.clamp(max=3).long()]
        scale = torch.where(known, total + theta, 1.0)
        escape = torch.stack(successors, dim=1) @ D + theta
        p = torch.where(known, (count - off + escape * p) / scale, p)
    return p.log()
