"""Heads: from an encoder's features to a distribution of the next symbol or value.

A head is a module; called on features (..., F) it returns a prediction that can ``log_prob`` and ``sample``.
Predictions of real values are over the channels of one step, independent given the past.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chainrule._optional import require
from chainrule.errors import ArgumentError

__all__ = [
    "Categorical",
    "CategoricalHead",
    "Gaussian",
    "GaussianHead",
    "Prediction",
    "RealPrediction",
    "StudentT",
    "StudentTHead",
]

# Scales are in units of the training data's standard deviation. The floor bounds the density where values
# repeat exactly, where a likelihood would otherwise grow without limit.
_SCALE_FLOOR = 1e-3


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
            f"top_k={top_k} chooses among symbols; this model predicts real values. Leave it out, "
            "and use temperature to narrow the samples."
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
        logits = self.logits.double()
        logits = (logits - logits.amax(dim=-1, keepdim=True)) / temperature
        if top_k is not None:
            if not 1 <= top_k <= logits.shape[-1]:
                raise ArgumentError(f"top_k must be from 1 to {logits.shape[-1]} (the symbols), got {top_k}.")
            kept = logits.topk(top_k, dim=-1)
            logits = torch.full_like(logits, -torch.inf).scatter(-1, kept.indices, kept.values)
        flat = torch.softmax(logits, dim=-1).reshape(-1, logits.shape[-1])
        return torch.multinomial(flat, 1).view(logits.shape[:-1])


@dataclass(frozen=True)
class Gaussian:
    """Independent normal distributions of C channels; mean and scale are (..., C).

    >>> prediction = Gaussian(mean=torch.zeros(1), scale=torch.full((1,), 2.0))
    >>> prediction.quantile(torch.tensor([0.5, 0.975])).flatten()
    tensor([0.0000, 3.9199])
    """

    mean: Tensor
    scale: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        distribution = torch.distributions.Normal(self.mean, self.scale, validate_args=False)
        log_prob: Tensor = distribution.log_prob(x)
        return log_prob.sum(-1)

    def sample(self, temperature: float = 1.0, top_k: int | None = None) -> Tensor:
        _check_temperature(temperature)
        _no_top_k(top_k)
        return self.mean + temperature * self.scale * torch.randn_like(self.mean)

    def quantile(self, levels: Tensor) -> Tensor:
        """The quantiles (Q, ..., C) at levels (Q,), computed in the wider of their dtypes."""
        standard: Tensor = torch.special.ndtri(levels.view(-1, *[1] * self.mean.dim()))
        return self.mean + self.scale * standard


@dataclass(frozen=True)
class StudentT:
    """Independent Student-t distributions of C channels; location, scale and df (above 2) are (..., C).

    >>> prediction = StudentT(torch.zeros(1), torch.ones(1), df=torch.full((1,), 3.0))
    >>> prediction.quantile(torch.tensor([0.5, 0.975])).flatten()
    tensor([0.0000, 3.1824])
    """

    location: Tensor
    scale: Tensor
    df: Tensor

    def _distribution(self) -> torch.distributions.StudentT:
        return torch.distributions.StudentT(self.df, self.location, self.scale, validate_args=False)

    def log_prob(self, x: Tensor) -> Tensor:
        log_prob: Tensor = self._distribution().log_prob(x)
        return log_prob.sum(-1)

    def sample(self, temperature: float = 1.0, top_k: int | None = None) -> Tensor:
        _check_temperature(temperature)
        _no_top_k(top_k)
        return self.location + temperature * (self._distribution().sample() - self.location)

    def quantile(self, levels: Tensor) -> Tensor:
        """The quantiles (Q, ..., C) at levels (Q,), computed in the wider of their dtypes."""
        stats = require("scipy.stats")
        levels = levels.view(-1, *[1] * self.location.dim())
        standard = stats.t.ppf(levels.numpy(), self.df.detach().numpy())
        return self.location + self.scale * torch.as_tensor(standard).to(levels)


class CategoricalHead(nn.Module):
    """Logits of V symbols: W features + b, or the features themselves (``direct``).

    >>> CategoricalHead(features=8, symbols=5)(torch.zeros(2, 8)).log_prob(torch.tensor([0, 4])).shape
    torch.Size([2])
    """

    def __init__(self, features: int, symbols: int, *, direct: bool = False) -> None:
        super().__init__()
        self.logits = nn.Identity() if direct else nn.Linear(features, symbols)

    def forward(self, features: Tensor) -> Categorical:
        return Categorical(self.logits(features))


class _LocationScale(nn.Module):
    """Location and scale of C channels from features (..., F) and the last z (..., C).

    location = W features + b + gain * z_{t-1}. The linear path past the network lets it follow levels that training
    never saw, where its own features saturate (Lai et al. 2018, LSTNet, section 3.6); the gain starts at ``gain``.
    With ``direct`` the features are the location, as a linear AR gives it, and the scale is a constant.
    """

    def __init__(self, features: int, channels: int, *, direct: bool = False, gain: float = 1.0) -> None:
        super().__init__()
        self.direct = direct
        if direct:
            self.log_scale = nn.Parameter(torch.zeros(channels))
        else:
            self.outputs = nn.Linear(features, 2 * channels)
            self.gain = nn.Parameter(torch.full((channels,), gain))

    def location_scale(self, features: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        if self.direct:
            return features, self.log_scale.exp().expand_as(features)
        location, raw = self.outputs(features).chunk(2, dim=-1)
        return location + self.gain * last, F.softplus(raw) + _SCALE_FLOOR


class GaussianHead(_LocationScale):
    """A normal distribution a channel, with learned scale.

    >>> GaussianHead(features=8, channels=2)(torch.zeros(3, 8), torch.zeros(3, 2)).sample().shape
    torch.Size([3, 2])
    """

    def forward(self, features: Tensor, last: Tensor) -> Gaussian:
        return Gaussian(*self.location_scale(features, last))


class StudentTHead(_LocationScale):
    """A Student-t distribution a channel, with learned scale and degrees of freedom (above 2: finite variance).

    >>> StudentTHead(features=8, channels=2)(torch.zeros(3, 8), torch.zeros(3, 2)).df.shape
    torch.Size([3, 2])
    """

    def __init__(self, features: int, channels: int, *, direct: bool = False, gain: float = 1.0) -> None:
        super().__init__(features, channels, direct=direct, gain=gain)
        self.raw_df = nn.Parameter(torch.full((channels,), 4.0))

    def forward(self, features: Tensor, last: Tensor) -> StudentT:
        location, scale = self.location_scale(features, last)
        return StudentT(location, scale, (2 + F.softplus(self.raw_df)).expand_as(location))
