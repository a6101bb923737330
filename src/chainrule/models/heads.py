"""Heads: from an encoder's features to a distribution of the next symbol or value.

A head is a module; called on features (..., F) it returns one of the ``predictions``.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chainrule.models.predictions import Categorical, Gaussian, StudentT

__all__ = ["CategoricalHead", "GaussianHead", "StudentTHead"]

# Scales are in units of the training data's standard deviation. The floor bounds the density where values
# repeat exactly, where a likelihood would otherwise grow without limit.
_SCALE_FLOOR = 1e-3
# Of the gain's angle: so far from 0 or pi, where the cosine is flat, that it can be learned from there.
_NEAR = 0.1


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
    """Location and scale of C channels from features (..., F) and the last z (..., C), and how channels move together.

    location = W features + b + gain * z_{t-1}, gain = cos(angle). The linear path past the network lets it follow
    levels that training never saw, where its own features saturate (Lai et al. 2018, LSTNet, section 3.6). A cosine
    never passes 1: fed with its own samples, the path keeps a level or lets it decay, and never blows it up.
    Without ``skip`` there is no such path: O_t = H_t W_2 + b_2. With ``direct`` the features are the location, as a
    linear AR gives it, and the scale is a constant.

    Parameters:
        features: F.
        channels: C.
        direct: the features are the location.
        skip: add the path from the last value.
        persistent: the gain starts near 1, where it keeps a level, instead of at 0.
    """

    def __init__(
        self, features: int, channels: int, *, direct: bool = False, skip: bool = True, persistent: bool = True
    ) -> None:
        super().__init__()
        self.direct, self.channels = direct, channels
        angle = _NEAR if persistent else math.pi / 2
        self.angle = nn.Parameter(torch.full((channels,), angle)) if skip and not direct else None
        if direct:
            self.log_scale = nn.Parameter(torch.zeros(channels))
        else:
            self.outputs = nn.Linear(features, 2 * channels)
        # Below the diagonal of L before its rows are made of length one; zeros are independent channels.
        self.below = nn.Parameter(torch.zeros(channels * (channels - 1) // 2)) if channels > 1 else None

    @property
    def factor(self) -> Tensor | None:
        """L (C, C), lower triangular with rows of length one, for all steps alike; None for one channel."""
        if self.below is None:
            return None
        rows, columns = torch.tril_indices(self.channels, self.channels, -1, device=self.below.device)
        raw = torch.eye(self.channels, dtype=self.below.dtype, device=self.below.device)
        return F.normalize(raw.index_put((rows, columns), self.below), dim=-1)

    @torch.no_grad()
    def set_covariance(self, covariance: Tensor) -> None:
        """The constant covariance (C, C) of a ``direct`` head."""
        L = torch.linalg.cholesky(covariance)
        self.log_scale.copy_(0.5 * covariance.diagonal().log())
        if self.below is not None:
            rows, columns = torch.tril_indices(self.channels, self.channels, -1)
            self.below.copy_((L / L.diagonal()[:, None])[rows, columns])

    def location_scale(self, features: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        if self.direct:
            return features, self.log_scale.exp().expand_as(features)
        location, raw = self.outputs(features).chunk(2, dim=-1)
        if self.angle is not None:
            location = location + self.angle.cos() * last
        return location, F.softplus(raw) + _SCALE_FLOOR


class GaussianHead(_LocationScale):
    """A normal distribution with learned scales and correlations.

    >>> GaussianHead(features=8, channels=2)(torch.zeros(3, 8), torch.zeros(3, 2)).sample().shape
    torch.Size([3, 2])
    """

    def forward(self, features: Tensor, last: Tensor) -> Gaussian:
        location, scale = self.location_scale(features, last)
        return Gaussian(location, scale, self.factor)


class StudentTHead(_LocationScale):
    """A Student-t distribution with learned scales, correlations and degrees of freedom (above 2: finite variance).

    >>> StudentTHead(features=8, channels=2)(torch.zeros(3, 8), torch.zeros(3, 2)).df > 2
    tensor(True)
    """

    def __init__(
        self, features: int, channels: int, *, direct: bool = False, skip: bool = True, persistent: bool = True
    ) -> None:
        super().__init__(features, channels, direct=direct, skip=skip, persistent=persistent)
        self.raw_df = nn.Parameter(torch.tensor(4.0))

    def forward(self, features: Tensor, last: Tensor) -> StudentT:
        location, scale = self.location_scale(features, last)
        return StudentT(location, scale, 2 + F.softplus(self.raw_df), self.factor)
