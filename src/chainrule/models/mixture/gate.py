"""The gate of a mixture: how much each predictor is trusted for a symbol, from what is known before it."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["Gate"]

_CLIP = 2.0  # standard deviations from the mean, beyond which what is known counts no further
_RIDGE = 200.0  # what a weight's square costs, in nats of the held-out symbols: few of them hardly move it
_RIDGE_OF_CONSTANTS = 20.0
_ITERATIONS = 20
_TOLERANCE = 1e-6  # nats per symbol
_SHORTEST = 1e-4  # of a Newton step
_LEAST_SCALE = 1e-3


class Gate(nn.Module):
    """A log-linear mixture of J predictors of V symbols, whose weights depend on K features of what came before:

        p(x) = exp(sum_j w_j log p_j(x)) / sum_v exp(sum_j w_j log p_j(v)),   w = W [1, f].

    f are the features, each less its mean on the held-out data, by its standard deviation there, cut at two of them.
    Nothing of it depends on the symbol that is predicted, so that the probabilities are exact. The held-out nats are a
    convex function of W, and ``fit`` finds its minimum by Newton's method.

    Genest & Zidek (1986), "Combining probability distributions", section 3, on logarithmic pools; Hinton (2002),
    "Training products of experts by minimizing contrastive divergence".

    Parameters:
        predictors: J.
        features: K.

    >>> gate = Gate(predictors=2, features=1)
    >>> certain, unsure = torch.tensor([[0.9, 0.1]]).log(), torch.tensor([[0.5, 0.5]]).log()
    >>> gate([certain, unsure], torch.zeros(1, 1)).softmax(-1)
    tensor([[0.7500, 0.2500]])
    """

    centre: Tensor
    scale: Tensor
    weights: Tensor

    def __init__(self, predictors: int, features: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(features, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(features, dtype=torch.float64))
        self.register_buffer("weights", torch.zeros(1 + features, predictors, dtype=torch.float64))
        self.weights[0] = 1 / predictors

    def forward(self, log_p: Sequence[Tensor], features: Tensor) -> Tensor:
        """Logits (N, V) of the mixture, of each predictor's log-probabilities (N, V) and the features (N, K)."""
        return _pooled(log_p, self._design(features) @ self.weights.double())

    @torch.no_grad()
    def fit(self, log_p: Sequence[Tensor], features: Tensor, x: Tensor) -> None:
        """Take the weights under which the symbols x (N,) are the likeliest, drawn towards weights that are constant.

        The price of weights is added to the nats: their squares, and for the constants how far they are from 1/J. The
        result depends on nothing but the arguments.
        """
        features = features.double()
        self.centre.copy_(features.mean(0))
        self.scale.copy_(features.std(0, unbiased=False).clamp(min=_LEAST_SCALE))
        objective = _Objective(log_p, self._design(features), x)
        weights = objective.prior
        at = objective(weights)
        for _ in range(_ITERATIONS):
            step = objective.newton_step(weights, at)
            share = 1.0
            after = objective(weights - step)
            while not after.loss <= at.loss and share > _SHORTEST:
                share /= 2
                after = objective(weights - share * step)
            gained = at.loss - after.loss
            if not gained > 0:
                break
            weights = weights - share * step
            at = after
            if gained < _TOLERANCE * len(x):
                break
        self.weights.copy_(weights)

    def _design(self, features: Tensor) -> Tensor:
        """[1, f]: (N, 1 + K), in float64."""
        f = ((features.double() - self.centre.double()) / self.scale.double()).clamp(-_CLIP, _CLIP)
        return torch.cat([f.new_ones(len(f), 1), f], dim=1)


def _pooled(log_p: Sequence[Tensor], w: Tensor) -> Tensor:
    """sum_j w_j log p_j (N, V), of weights (N, J)."""
    terms = [w[:, j, None].to(each.dtype) * each for j, each in enumerate(log_p)]
    return sum(terms[1:], start=terms[0])


class _At(NamedTuple):
    """The objective at some weights, and the mixture's probabilities (N, V) there."""

    loss: float
    p: Tensor


class _Objective:
    """Nats of the held-out symbols and the price of the weights (1 + K, J), and Newton's step down from there."""

    def __init__(self, log_p: Sequence[Tensor], design: Tensor, x: Tensor) -> None:
        self.log_p = log_p
        self.design = design
        self.of_targets = torch.cat([each.gather(1, x[:, None]) for each in log_p], dim=1).double()
        self.prior = design.new_zeros(design.shape[1], len(log_p))
        self.prior[0] = 1 / len(log_p)
        self.ridge = torch.full_like(self.prior, _RIDGE)
        self.ridge[0] = _RIDGE_OF_CONSTANTS

    def __call__(self, weights: Tensor) -> _At:
        w = self.design @ weights
        logits = _pooled(self.log_p, w)
        log_z = logits.logsumexp(-1)
        nats = log_z.double().sum() - (w * self.of_targets).sum()
        price = (self.ridge * (weights - self.prior).square()).sum() / 2
        return _At(float(nats + price), logits.sub_(log_z[:, None]).exp_())

    def newton_step(self, weights: Tensor, at: _At) -> Tensor:
        """H^-1 g: g has what the mixture expects of each log p_j less what it was, H their covariances."""
        K, J = weights.shape
        weighed = [at.p * each for each in self.log_p]
        mean = torch.stack([each.sum(-1) for each in weighed], dim=1).double()
        hessian = weights.new_empty(J, K, J, K)
        for i in range(J):
            for j in range(i, J):
                covariance = (weighed[i] * self.log_p[j]).sum(-1).double() - mean[:, i] * mean[:, j]
                block = self.design.mT @ (covariance[:, None] * self.design)
                hessian[i, :, j] = block
                hessian[j, :, i] = block
        gradient = self.design.mT @ (mean - self.of_targets) + self.ridge * (weights - self.prior)
        flat = hessian.view(J * K, J * K) + self.ridge.mT.flatten().diag()
        step: Tensor = torch.linalg.solve(flat, gradient.mT.flatten())
        return step.view(J, K).mT
