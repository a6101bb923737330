"""Heads: from an encoder's features to a distribution of the next symbol or value.

A head is a module; called on features (..., F) it returns one of the ``predictions``.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chainrule.models.predictions import Categorical, Gaussian, StudentT

__all__ = ["CategoricalHead", "GaussianHead", "StudentTHead"]

# In the channels' units. The floor bounds the density where values repeat exactly, where a likelihood would otherwise
# grow without limit.
_SCALE_FLOOR = 1e-3
_UNIT = math.log(math.expm1(1.0))  # softplus of it is 1


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
    """Location and scale of C channels from features (..., F), and the correlations between channels.

    location = s (W features + b) and scale = s softplus(W' features + b'), in the units s of the channels. With
    ``skip`` the last C features are a linear path, which is added to the location. With ``direct`` the features are the
    location, as a linear AR gives it, and the scale is s.

    Parameters:
        features: F, with those of the path.
        channels: C.
        direct: the features are the location.
        skip: the last C features are added to the location.
    """

    def __init__(self, features: int, channels: int, *, direct: bool = False, skip: bool = False) -> None:
        super().__init__()
        self.direct = direct
        self.skip = skip
        self.channels = channels
        # log s: learned where it is all that there is of the scale, else what the linear path leaves
        self.log_scale = nn.Parameter(torch.zeros(channels), requires_grad=direct)
        if not direct:
            self.outputs = nn.Linear(features - channels * skip, 2 * channels)
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
        """Take units and correlations from the covariance (C, C) of what a linear AR leaves."""
        self.log_scale.copy_(0.5 * covariance.diagonal().log())
        if self.below is not None:
            L = torch.linalg.cholesky(covariance)
            rows, columns = torch.tril_indices(self.channels, self.channels, -1)
            self.below.copy_((L / L.diagonal()[:, None])[rows, columns])

    def location_scale(self, features: Tensor) -> tuple[Tensor, Tensor]:
        s = self.log_scale.exp()
        if self.direct:
            return features, s.expand_as(features)
        path: Tensor | float = 0.0
        if self.skip:
            path = features[..., -self.channels :]
            features = features[..., : -self.channels]
        location, raw = self.outputs(features).chunk(2, dim=-1)
        return path + s * location, s * (F.softplus(raw + _UNIT) + _SCALE_FLOOR)


class GaussianHead(_LocationScale):
    """A normal distribution with learned scales and correlations.

    >>> GaussianHead(features=8, channels=2)(torch.zeros(3, 8)).sample().shape
    torch.Size([3, 2])
    """

    def forward(self, features: Tensor) -> Gaussian:
        location, scale = self.location_scale(features)
        return Gaussian(location, scale, self.factor)


class StudentTHead(_LocationScale):
    """A Student-t distribution with learned scales, correlations and degrees of freedom (above 2: finite variance).

    >>> StudentTHead(features=8, channels=2)(torch.zeros(3, 8)).df > 2
    tensor(True)
    """

    def __init__(self, features: int, channels: int, *, direct: bool = False, skip: bool = False) -> None:
        super().__init__(features, channels, direct=direct, skip=skip)
        self.raw_df = nn.Parameter(torch.tensor(4.0))

    def forward(self, features: Tensor) -> StudentT:
        location, scale = self.location_scale(features)
        return StudentT(location, scale, 2 + F.softplus(self.raw_df), self.factor)
