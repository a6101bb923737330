"""Which transform suits a series: by the likelihood of forecasts several steps ahead, made inside the training part.

Under each transform a linear AR of least BIC is fitted to the first three quarters, and its forecasts are scored from
origins in the last quarter. An AR(tau) has the impulse responses Psi_0 = I, Psi_j = sum_k A_k Psi_{j-k}, and the
forecast of z_{t+h} the covariance sum_{j<h} Psi_j S Psi_j^T; that of a level, whose changes z are, has the running
sums of Psi_j in their place (Luetkepohl 2005, New Introduction to Multiple Time Series Analysis, section 2.2).
Densities are of x in the data's own units, so that transforms compare; a trend, or a level that training never saw,
costs those that do not follow it.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule.data import Transform
from chainrule.errors import DataError
from chainrule.models.linear import Regression, regress, select_order

__all__ = ["Evidence", "choose_transform"]

_CANDIDATES = ("standardise", "difference", "log-return")
_RECENT = 5000  # steps at the end of the training part that are looked at
_LEAST = 24
_ORIGINS = 24
_ORDER = 24  # of the AR, or a season and one more
_CLEARLY = 0.1  # nats a value that either side needs to win against what the levels speak for
_LEFT = 0.1  # share of later values outside the range known before, from which the levels speak for changes


@dataclass(frozen=True)
class Evidence:
    """What was found: the transform, and of each that was tried the mean log-likelihood of a value ahead, in nats.

    ``stays`` says that the last quarter of the training part has the levels of the quarters before.
    """

    transform: str
    nats: dict[str, float]
    horizon: int
    stays: bool = True

    @property
    def why(self) -> str:
        """What speaks for it, in words."""
        if not self.nats:
            return "too few steps to choose by evidence"
        others = {name: nats for name, nats in self.nats.items() if name != self.transform}
        if not others:
            return "no other can be used"
        second = max(others, key=others.__getitem__)
        gained = self.nats[self.transform] - others[second]
        forecasts = f"{self.horizon}-step forecasts within the training part are"
        if gained >= 0:
            return f"{forecasts} {gained:.2f} nats a value likelier than under {second}"
        levels = "stay within those known before" if self.stays else "leave those known before"
        return f"{forecasts} nearly as likely as under {second}, and levels {levels}"


def choose_transform(train: NDArray[np.float64], season: int, *, positive: bool) -> Evidence:
    """The transform under which linear forecasts of the training part (T, C) are likeliest.

    ``positive`` says that no value of the whole series rules out log-return.

    >>> noise = np.random.default_rng(0).normal(size=(400, 1))
    >>> [choose_transform(values, 1, positive=False).transform for values in (noise, (noise + 1).cumsum(0))]
    ['standardise', 'difference']
    """
    values = train[-_RECENT:]
    begin = len(values) * 3 // 4
    horizon = min(max(season, 8), _ORDER, (len(values) - begin) // 2)
    if len(values) < _LEAST:
        return Evidence(_CANDIDATES[0], {}, 0)
    nats = {}
    for name in _CANDIDATES if positive else _CANDIDATES[:2]:
        try:
            transform = Transform.fit(name, values[:begin])
            nats[name] = _nats(values, transform, begin=begin, horizon=horizon, most=max(season + 1, _ORDER))
        except DataError:  # without variation under this transform, or predicted without error: no evidence either way
            continue
    if not nats:
        return Evidence(_CANDIDATES[0], {}, 0)
    stays = _outside(values[:begin], values[begin:]) < _LEFT
    favoured = "standardise"
    if not stays:
        others = nats.keys() - {"standardise"}
        favoured = max(others or nats, key=nats.__getitem__)
    worth = {name: value + _CLEARLY * (name == favoured) for name, value in nats.items()}
    return Evidence(max(worth, key=worth.__getitem__), nats, horizon, stays)


def _outside(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """The share of later values outside the range of those before."""
    is_below = after < before.min(axis=0)
    is_above = after > before.max(axis=0)
    return float((is_below | is_above).mean())


def _nats(values: NDArray[np.float64], transform: Transform, *, begin: int, horizon: int, most: int) -> float:
    """The mean log-likelihood of values up to ``horizon`` steps after origins from ``begin`` on.

    The AR has at most ``most`` taps.
    """
    x = torch.from_numpy(values)
    z = transform.apply(x)
    known = z[: begin - transform.lag]
    fit = regress(known, select_order(known, min(most, max(1, len(known) // 10))))
    origins = torch.linspace(begin, len(values) - horizon, _ORIGINS).long().unique()
    ahead = origins[:, None] + torch.arange(horizon)
    mean, variance = _forecasts(fit, z, origins - transform.lag, horizon)
    actual = z[ahead - transform.lag]
    if transform.lag:  # changes since the origin
        actual = actual.cumsum(1)
        mean = mean.cumsum(1)
        variance = _variances(fit, horizon, summed=True)
    log_density = -0.5 * ((actual - mean).square() / variance + variance.log() + math.log(2 * math.pi))
    per_value = log_density.mean() + transform.log_jacobian(x[ahead]).mean() / x.shape[1]
    return float(per_value)


def _forecasts(fit: Regression, z: Tensor, origins: Tensor, horizon: int) -> tuple[Tensor, Tensor]:
    """Means (origins, horizon, C) of what follows z_{<origin}, and their variances (horizon, C)."""
    tau = len(fit.coefficients)
    past = [z[origins - k] for k in range(tau, 0, -1)]
    for _ in range(horizon):
        past.append(fit.intercept + sum(past[-k] @ fit.coefficients[k - 1].T for k in range(1, tau + 1)))
    return torch.stack(past[tau:], dim=1), _variances(fit, horizon, summed=False)


def _variances(fit: Regression, horizon: int, *, summed: bool) -> Tensor:
    """Of z_{t+h}, or ``summed`` of z_{t+1} + .. + z_{t+h}: (horizon, C)."""
    tau, channels = fit.coefficients.shape[:2]
    responses = [torch.eye(channels, dtype=fit.coefficients.dtype)]
    for j in range(1, horizon):
        terms = [fit.coefficients[k - 1] @ responses[j - k] for k in range(1, min(j, tau) + 1)]
        responses.append(torch.stack(terms).sum(0))
    psi = torch.stack(responses)
    if summed:
        psi = psi.cumsum(0)
    return (psi @ fit.residual_covariance @ psi.mT).diagonal(dim1=-2, dim2=-1).cumsum(0)
