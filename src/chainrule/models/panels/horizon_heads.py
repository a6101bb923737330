"""Forecasts of a whole horizon: from numbers of every step ahead to distributions, in the units a network sees.

The numbers of step h come from the head; their first is added to what the seasonal path says of it. All densities are
of the data: a distribution of z = (y - c) / s has log p(y) = log p(z) - log s.
"""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chainrule._optional import require
from chainrule.errors import ArgumentError, DataError
from chainrule.models.predictions import Gaussian, StudentT

__all__ = ["HEADS", "QUANTILE_LEVELS", "HorizonForecast"]

QUANTILE_LEVELS = (0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975)
"""The levels that a head of quantiles learns; others lie on the lines between them."""

_FLOOR = 1e-3  # of a scale, in a network's units: values may repeat exactly
_UNIT = math.log(math.expm1(1.0))  # softplus of it is 1
_SHARP = 4.0  # of a mean of counts, which is near its network's unless that is below 0


class HorizonForecast(nn.Module, ABC):
    """What the numbers of H steps ahead (n, H, P) say of them, for n origins.

    All that follow take ``numbers``, and ``centre`` and ``scale`` (n, 1), the units of every origin.
    """

    per_step: ClassVar[int]  # P
    in_nats: ClassVar[bool] = True  # or in units of the scale

    @abstractmethod
    def loss(self, numbers: Tensor, y: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
        """The loss (n, H) of y (n, H) in the data's units."""

    @abstractmethod
    def quantiles(self, numbers: Tensor, levels: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
        """(n, H, Q) in the data's units, float64."""

    @abstractmethod
    def start(self, z: Tensor) -> Tensor:
        """Numbers (H, P) of a location of 0 and the spread of z (n, H), NaN where it is missing."""

    def check(self, values: Tensor) -> None:
        """Refuse known values that it gives no probability to."""
        return


class _Located(HorizonForecast):
    """A location and a scale in a network's units."""

    per_step = 2

    @abstractmethod
    def _distribution(self, location: Tensor, scale: Tensor) -> Gaussian | StudentT:
        """Of one channel: (n, H, 1)."""

    def _of(self, numbers: Tensor) -> Gaussian | StudentT:
        return self._distribution(numbers[..., :1], F.softplus(numbers[..., 1:] + _UNIT) + _FLOOR)

    def start(self, z: Tensor) -> Tensor:
        level = torch.tensor([0.9], device=z.device)
        unit = self._distribution(z.new_zeros(1, 1), z.new_ones(1, 1)).quantile(level).item()
        spread = z.abs().nanquantile(0.8, dim=0) / unit  # so that 80 % of z lie within 80 %
        return torch.stack([torch.zeros_like(spread), _before_softplus(spread - _FLOOR) - _UNIT], dim=1)

    def loss(self, numbers: Tensor, y: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
        z = ((y - centre) / scale).to(numbers.dtype)
        return scale.log().to(numbers.dtype) - self._of(numbers).log_prob(z[..., None])

    def quantiles(self, numbers: Tensor, levels: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
        z = self._of(numbers.double()).quantile(levels)[..., 0]
        return z.movedim(0, -1) * scale[..., None] + centre[..., None]


class GaussianForecast(_Located):
    """A normal distribution for every step ahead.

    >>> zero = torch.zeros(1, 1)
    >>> GaussianForecast().loss(torch.zeros(1, 2, 2), torch.zeros(1, 2), zero, zero + 1).round(decimals=2)
    tensor([[0.9200, 0.9200]])
    """

    def _distribution(self, location: Tensor, scale: Tensor) -> Gaussian:
        return Gaussian(location, scale)


class StudentTForecast(_Located):
    """A Student-t distribution for every step ahead; all share their degrees of freedom, which are learned."""

    def __init__(self) -> None:
        super().__init__()
        self.raw_df = nn.Parameter(torch.tensor(4.0))

    def _distribution(self, location: Tensor, scale: Tensor) -> StudentT:
        return StudentT(location, scale, 2 + F.softplus(self.raw_df.to(location.dtype)))


class NegativeBinomialForecast(HorizonForecast):
    """A negative binomial distribution of counts for every step ahead, of mean m and variance m + a m^2.

    >>> counts = NegativeBinomialForecast()
    >>> one = torch.ones(1, 1, dtype=torch.float64)
    >>> counts.quantiles(torch.zeros(1, 1, 2), torch.tensor([0.1, 0.5, 0.9]), 3 * one, one).tolist()
    [[[0.0, 2.0, 7.0]]]
    """

    per_step = 2

    def start(self, z: Tensor) -> Tensor:
        return z.new_zeros(z.shape[1], self.per_step)  # the spread follows from the mean

    def loss(self, numbers: Tensor, y: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
        mean, a = self._mean_and_dispersion(numbers, centre, scale)
        count = y.double()
        r = 1 / a
        log_choose = torch.lgamma(count + r) - torch.lgamma(r) - torch.lgamma(count + 1)
        log_prob = log_choose - r * torch.log1p(a * mean) + count * (torch.log(a * mean) - torch.log1p(a * mean))
        return -log_prob.to(numbers.dtype)

    def quantiles(self, numbers: Tensor, levels: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
        mean, a = (each[..., None].numpy(force=True) for each in self._mean_and_dispersion(numbers, centre, scale))
        found = require("scipy.stats").nbinom.ppf(levels.numpy(force=True), 1 / a, 1 / (1 + a * mean))
        return torch.as_tensor(found, device=numbers.device)

    def _mean_and_dispersion(self, numbers: Tensor, centre: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        raw, raw_a = numbers.double().unbind(-1)
        mean = scale * F.softplus(_SHARP * (raw + centre / scale)) / _SHARP
        return mean + _FLOOR * scale, F.softplus(raw_a) + _FLOOR

    def check(self, values: Tensor) -> None:
        bad = (values < 0) | (values != values.round())
        if bad.any():
            raise DataError(
                f"a negative binomial distribution is of counts, 0, 1, 2 and so on; got {values[bad][0]:g}. Take "
                "another `head`."
            )


class QuantileForecast(HorizonForecast):
    """Quantiles at `QUANTILE_LEVELS` for every step ahead, which cannot cross: each lies a positive step from the next.

    The loss is twice the mean pinball loss, which approximates the CRPS, in units of the scale (Koenker & Bassett
    1978).

    >>> zero = torch.zeros(1, 1, dtype=torch.float64)
    >>> quantiles = QuantileForecast().quantiles(torch.zeros(1, 1, 11), torch.tensor([0.1, 0.15, 0.5]), zero, zero + 1)
    >>> quantiles[0, 0, 2].item(), bool((quantiles.diff() > 0).all())
    (0.0, True)
    """

    per_step = len(QUANTILE_LEVELS)
    in_nats = False

    def __init__(self) -> None:
        super().__init__()
        # of numbers, even where weights get no memory: without, it would import all of torch.compile
        normal = torch.special.ndtri(torch.tensor(QUANTILE_LEVELS, device="cpu")).diff()
        self.register_buffer("steps", _before_softplus(normal), persistent=False)
        self.register_buffer("levels", torch.tensor(QUANTILE_LEVELS), persistent=False)

    steps: Tensor
    levels: Tensor

    def _of(self, numbers: Tensor) -> Tensor:
        """The quantiles (n, H, Q) in a network's units; the first number is the median."""
        gaps = F.softplus(numbers[..., 1:] + self.steps)
        half = gaps.shape[-1] // 2
        below = gaps[..., :half].flip(-1).cumsum(-1).flip(-1)
        above = gaps[..., half:].cumsum(-1)
        median = numbers[..., :1]
        return torch.cat([median - below, median, median + above], dim=-1)

    def start(self, z: Tensor) -> Tensor:
        gaps = z.nanquantile(self.levels.to(z), dim=0).T.diff()
        return torch.cat([torch.zeros_like(gaps[:, :1]), _before_softplus(gaps) - self.steps], dim=1)

    def loss(self, numbers: Tensor, y: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
        error = ((y - centre) / scale).to(numbers.dtype)[..., None] - self._of(numbers)
        return 2 * torch.maximum(self.levels * error, (self.levels - 1) * error).mean(-1)

    def quantiles(self, numbers: Tensor, levels: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
        low, *_, high = QUANTILE_LEVELS
        if not ((levels >= low) & (levels <= high)).all():
            raise ArgumentError(
                f"quantiles {levels.tolist()} were asked for; a head of quantiles learns those from {low} to {high}. "
                'Ask for such ones, or fit with `head="student"`.'
            )
        own = self._of(numbers.double()) * scale[..., None] + centre[..., None]
        known = torch.tensor(QUANTILE_LEVELS, dtype=torch.float64, device=numbers.device)
        levels = levels.to(known)
        right = torch.searchsorted(known, levels - 1e-9).clamp(1, len(known) - 1)
        share = ((levels - known[right - 1]) / (known[right] - known[right - 1])).clamp(0, 1)
        return torch.lerp(own[..., right - 1], own[..., right], share.expand(*own.shape[:-1], -1))


def _before_softplus(gaps: Tensor) -> Tensor:
    """What softplus makes these of, each at least the floor."""
    gaps = gaps.clamp(min=_FLOOR)
    return gaps + torch.log(-torch.expm1(-gaps))  # log(exp(gap) - 1), of which the power may overflow


HEADS: dict[str, type[HorizonForecast]] = {
    "quantile": QuantileForecast,
    "student": StudentTForecast,
    "gaussian": GaussianForecast,
    "negative-binomial": NegativeBinomialForecast,
}
