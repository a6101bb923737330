"""Predictions: the distribution of the next symbol or value, as a head gives it.

A prediction can ``log_prob`` and ``sample``. Those of real values are over the C channels of one step together: a
constant lower triangular ``factor`` L with rows of length one says how channels move together, None that they are
independent given the past. What a channel does by itself is the same either way.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from chainrule._optional import require
from chainrule.errors import ArgumentError

__all__ = ["Categorical", "Gaussian", "Prediction", "RealPrediction", "StudentT"]


class Prediction(Protocol):
    """The distribution of the next symbol or value, given the past."""

    def log_prob(self, x: Tensor) -> Tensor: ...
    def sample(self, temperature: float = 1.0, top_k: int | None = None) -> Tensor: ...


class RealPrediction(Prediction, Protocol):
    """The distribution of the next value, which has quantiles."""

    def quantile(self, levels: Tensor) -> Tensor: ...


def _check_temperature(temperature: float) -> None:
    if not 0 < temperature < math.inf:
        raise ArgumentError(f"temperature must be above 0 and finite, got {temperature}; 1 samples the model as it is.")


def _no_top_k(top_k: int | None) -> None:
    if top_k is not None:
        raise ArgumentError(
            f"`top_k={top_k}` chooses among symbols; this model predicts real values. Leave it out, "
            "and use `temperature` to narrow the samples."
        )


@dataclass(frozen=True)
class Categorical:
    """A distribution over V symbols, from logits (..., V).

    >>> prediction = Categorical(torch.tensor([0.0, 2.0, 1.0]))
    >>> prediction.sample(top_k=1).item()
    1
    """

    logits: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        logits = self.logits.reshape(-1, self.logits.shape[-1])
        return -F.cross_entropy(logits, x.reshape(-1), reduction="none").view(x.shape)

    def sample(self, temperature: float = 1.0, top_k: int | None = None) -> Tensor:
        _check_temperature(temperature)
        # From the largest down, so that no temperature overflows: the limit at 0 is the likeliest symbol.
        has_float64 = self.logits.device.type != "mps"
        logits = self.logits.double() if has_float64 else self.logits.float()
        logits = (logits - logits.amax(dim=-1, keepdim=True)) / temperature
        if top_k is not None:
            if not 1 <= top_k <= logits.shape[-1]:
                raise ArgumentError(f"top_k must be from 1 to {logits.shape[-1]} (the symbols), got {top_k}.")
            kept = logits.topk(top_k, dim=-1)
            logits = torch.full_like(logits, -torch.inf).scatter(-1, kept.indices, kept.values)
        flat = torch.softmax(logits, dim=-1).reshape(-1, logits.shape[-1])
        return torch.multinomial(flat, 1).view(logits.shape[:-1])


def _whitened(e: Tensor, factor: Tensor | None) -> Tensor:
    """L^{-1} e of standardised errors (..., C)."""
    if factor is None:
        return e
    white: Tensor = torch.linalg.solve_triangular(factor, e.unsqueeze(-1), upper=False).squeeze(-1)
    return white


def _correlated(e: Tensor, factor: Tensor | None) -> Tensor:
    """L e of independent standard draws (..., C)."""
    return e if factor is None else e @ factor.mT


def _log_volume(scale: Tensor, factor: Tensor | None) -> Tensor:
    """log |det(diag(scale) L)|: (...)."""
    log_scale = scale.log().sum(-1)
    return log_scale if factor is None else log_scale + factor.diagonal().log().sum()


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution of C channels with covariance diag(s) L L^T diag(s); mean and scale s are (..., C).

    >>> prediction = Gaussian(mean=torch.zeros(1), scale=torch.full((1,), 2.0))
    >>> prediction.quantile(torch.tensor([0.5, 0.975])).flatten()
    tensor([0.0000, 3.9199])
    >>> together = Gaussian(torch.zeros(2), torch.ones(2), factor=torch.tensor([[1.0, 0.0], [0.8, 0.6]]))
    >>> together.log_prob(torch.ones(2)) > Gaussian(torch.zeros(2), torch.ones(2)).log_prob(torch.ones(2))
    tensor(True)
    """

    mean: Tensor
    scale: Tensor
    factor: Tensor | None = None

    def log_prob(self, x: Tensor) -> Tensor:
        e = _whitened((x - self.mean) / self.scale, self.factor)
        normal = 0.5 * (e.square().sum(-1) + e.shape[-1] * math.log(2 * math.pi))
        return -normal - _log_volume(self.scale, self.factor)

    def sample(self, temperature: float = 1.0, top_k: int | None = None) -> Tensor:
        _check_temperature(temperature)
        _no_top_k(top_k)
        return self.mean + temperature * self.scale * _correlated(torch.randn_like(self.mean), self.factor)

    def quantile(self, levels: Tensor) -> Tensor:
        """The quantiles (Q, ..., C) of each channel by itself at levels (Q,), in the wider of their dtypes."""
        standard: Tensor = torch.special.ndtri(levels.view(-1, *[1] * self.mean.dim()))
        return self.mean + self.scale * standard


@dataclass(frozen=True)
class StudentT:
    """A Student-t distribution of C channels (Lange et al. 1989); location and scale are (..., C), df (...), above 2.

    The channels share df: what is far out in one tends to be so in all, whatever their correlation.

    >>> prediction = StudentT(torch.zeros(1), torch.ones(1), df=torch.tensor(3.0))
    >>> prediction.quantile(torch.tensor([0.5, 0.975])).flatten()
    tensor([0.0000, 3.1824])
    """

    location: Tensor
    scale: Tensor
    df: Tensor
    factor: Tensor | None = None

    def log_prob(self, x: Tensor) -> Tensor:
        e = _whitened((x - self.location) / self.scale, self.factor)
        channels = e.shape[-1]
        df = self.df
        normaliser = torch.lgamma(df / 2) - torch.lgamma((df + channels) / 2) + channels / 2 * (df * math.pi).log()
        tails = (df + channels) / 2 * torch.log1p(e.square().sum(-1) / df)
        return -normaliser - tails - _log_volume(self.scale, self.factor)

    def sample(self, temperature: float = 1.0, top_k: int | None = None) -> Tensor:
        _check_temperature(temperature)
        _no_top_k(top_k)
        df = self.df.expand(self.location.shape[:-1])
        widening = (df / torch.distributions.Chi2(df, validate_args=False).sample()).sqrt().unsqueeze(-1)
        normal = _correlated(torch.randn_like(self.location), self.factor)
        return self.location + temperature * self.scale * widening * normal

    def quantile(self, levels: Tensor) -> Tensor:
        """The quantiles (Q, ..., C) of each channel by itself at levels (Q,), in the wider of their dtypes."""
        stats = require("scipy.stats")
        levels = levels.view(-1, *[1] * self.location.dim())
        standard = stats.t.ppf(levels.numpy(force=True), self.df.unsqueeze(-1).numpy(force=True))
        return self.location + self.scale * torch.as_tensor(standard).to(levels)
