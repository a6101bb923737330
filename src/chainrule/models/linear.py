"""Linear AR(tau) fitted exactly: maximum likelihood of a Gaussian AR, conditional on the first tau values.

x_t = b + sum_k A_k x_{t-k} + e_t is a linear regression of x_t on its own past, so least squares finds in one
step what gradients would approach (Hamilton 1994, Time Series Analysis, section 5.2).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from chainrule._choices import counted
from chainrule.errors import ArgumentError, DataError, TooShortError
from chainrule.models.encoders import AREncoder
from chainrule.models.heads import GaussianHead
from chainrule.models.series_model import SeriesModel

__all__ = ["Regression", "fit_least_squares", "regress", "select_order"]

_ROUNDING = 1e-10  # residuals below this share of the values are rounding
_STABLE = 0.999  # the radius inside which roots are brought


@dataclass(frozen=True)
class Regression:
    """An exact AR(tau) fit to values z (T, C): coefficients[k - 1] is A_k (C, C), all float64.

    ``residual_covariance`` (C, C) is the maximum-likelihood one, residual products summed over ``steps`` = T - tau.
    """

    intercept: Tensor
    coefficients: Tensor
    residual_covariance: Tensor
    log_likelihood: float
    steps: int

    @property
    def residual_variance(self) -> Tensor:
        """The diagonal of the covariance: (C,)."""
        return self.residual_covariance.diagonal()

    @property
    def radius(self) -> float:
        """The largest root's size: from 1 on, what is fed back grows without bound."""
        return float(torch.linalg.eigvals(companion(self.coefficients)).abs().max())


def companion(coefficients: Tensor) -> Tensor:
    """The matrix that takes the last tau values to the next ones, for A_1..A_tau (tau, C, C).

    >>> companion(torch.tensor([[[0.5]], [[0.25]]]))
    tensor([[0.5000, 0.2500],
            [1.0000, 0.0000]])
    """
    tau, channels = coefficients.shape[:2]
    top = coefficients.permute(1, 0, 2).reshape(channels, tau * channels)
    shift = torch.eye((tau - 1) * channels, tau * channels, dtype=top.dtype)
    return torch.cat([top, shift])


def regress(z: Tensor, tau: int) -> Regression:
    """Least squares of z_t on z_{t-1}..z_{t-tau}, for t > tau.

    >>> z = torch.tensor([[1.0], [0.5], [0.25], [0.125], [0.25]], dtype=torch.float64)
    >>> regress(z, tau=1).coefficients.shape
    torch.Size([1, 1, 1])
    """
    steps = len(z) - tau
    channels = z.shape[1]
    needed = tau + tau * channels + 1 + channels
    if len(z) < needed:
        raise TooShortError(
            f"AR({tau}) of {counted(channels, 'channel')} has {counted(tau * channels + 1, 'coefficient')} a channel "
            f"and needs at least {counted(needed, 'step')} to fit them and what they leave, got {len(z)}. "
            "Use a smaller window or more data."
        )
    lags = [z[tau - k : len(z) - k] for k in range(1, tau + 1)]
    past = torch.cat([torch.ones(steps, 1, dtype=z.dtype), *lags], dim=1)
    solution = torch.linalg.lstsq(past, z[tau:], driver="gelsd").solution
    coefficients = solution[1:].view(tau, channels, channels).transpose(1, 2)
    return _of_residuals(z, solution[0], coefficients)


def _of_residuals(z: Tensor, intercept: Tensor, coefficients: Tensor) -> Regression:
    """The likeliest covariance for the coefficients, and the likelihood of both."""
    tau, channels = coefficients.shape[:2]
    e = z[tau:] - intercept - _predicted(z, coefficients)
    covariance = e.T @ e / len(e)
    variance = covariance.diagonal()
    if not (variance > _ROUNDING**2 * z.square().mean(0)).all():
        raise DataError(
            f"AR({tau}) predicts the series without any error, so its likelihood has no bound. "
            "Use a smaller window, or check that the series is not constant or repeated."
        )
    scale = variance.sqrt()
    L, failed = torch.linalg.cholesky_ex(covariance / (scale[:, None] * scale))
    if failed or float(L.diagonal().min()) < _ROUNDING**0.5:
        raise DataError(
            f"what AR({tau}) leaves of the columns moves in step exactly, so that their joint likelihood has no bound. "
            "Leave out a column that follows from the others."
        )
    log_volume = scale.log().sum() + L.diagonal().log().sum()
    log_likelihood = -len(e) * (0.5 * channels * (math.log(2 * math.pi) + 1) + log_volume)
    return Regression(intercept, coefficients, covariance, float(log_likelihood), len(e))


def _predicted(z: Tensor, coefficients: Tensor) -> Tensor:
    """sum_k A_k z_{t-k} of every t > tau."""
    tau = len(coefficients)
    return sum((z[tau - k : len(z) - k] @ coefficients[k - 1].T for k in range(1, tau + 1)), torch.zeros(()))


def stabilised(fit: Regression, z: Tensor) -> Regression:
    """The fit to z with its roots inside the unit circle: as it is, or all of them shrunk until the largest is.

    A_k r^k has r times the roots of A_k. Intercept and covariance are the likeliest ones for what comes out.

    >>> growing = torch.tensor([1.0, 1.3, 1.5, 2.1, 2.6, 3.6, 4.4, 5.9]).double()[:, None]
    >>> fit = regress(growing, tau=1)
    >>> round(fit.radius, 3), round(stabilised(fit, growing).radius, 3)
    (1.319, 0.999)
    """
    radius = fit.radius
    if radius <= _STABLE:
        return fit
    k = torch.arange(1, len(fit.coefficients) + 1, dtype=z.dtype)
    coefficients = fit.coefficients * (_STABLE / radius) ** k[:, None, None]
    intercept = (z[len(k) :] - _predicted(z, coefficients)).mean(0)
    return _of_residuals(z, intercept, coefficients)


def select_order(z: Tensor, most: int) -> int:
    """The tau from 1 to ``most`` of least BIC (Schwarz 1978), every order fitted to the same steps of z (T, C).

    >>> z = torch.zeros(400, 1, dtype=torch.float64)
    >>> noise = torch.randn(400, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> for t in range(2, 400):
    ...     z[t] = z[t - 1] - 0.8 * z[t - 2] + noise[t]
    >>> select_order(z, most=10)
    2
    """
    channels = z.shape[1]
    most = max(1, min(most, (len(z) - 1 - channels) // (channels + 1)))
    steps = len(z) - most

    def bic(tau: int) -> float:
        return -2 * regress(z[most - tau :], tau).log_likelihood + channels * (1 + tau * channels) * math.log(steps)

    return min(range(1, most + 1), key=bic)


@torch.no_grad()
def fit_least_squares(model: SeriesModel, x: Tensor, *, stable: bool = False) -> Regression:
    """Set an AR model's parameters to the exact fit of values x (T, C); returns the fit in the data's own units.

    The log-likelihood is of x (through the transform's Jacobian); coefficients, intercept and residual covariance are
    of the series that the transform differences or leaves, before it is standardised. With ``stable`` roots on or
    outside the unit circle, which make forecasts explode, are brought inside.

    Raises:
        ArgumentError: the model is not a linear AR with a Gaussian head.
        TooShortError: fewer steps than coefficients.
        DataError: the fit leaves no error, so that the likelihood has no bound.

    >>> from chainrule.data import Transform
    >>> from chainrule.models import ModelConfig, build_series_model
    >>> model = build_series_model(ModelConfig("ar", window=1), Transform("none", (0.0,), (1.0,)))
    >>> x = torch.tensor([[4.0], [2.0], [1.0], [1.0], [0.5]], dtype=torch.float64)
    >>> fit = fit_least_squares(model, x)
    >>> [round(number, 3) for number in (fit.coefficients.item(), fit.intercept.item(), fit.log_likelihood)]
    [0.417, 0.292, 0.947]
    """
    encoder = model.encoder
    head = model.head
    transform = model.transform
    if not (isinstance(encoder, AREncoder) and isinstance(head, GaussianHead) and head.direct):
        raise ArgumentError(
            "least squares fits a linear AR with a Gaussian head; build the model with name='ar', head='gaussian'."
        )
    z = transform.apply(x)
    tau = encoder.window.kernel_size[0]
    fit = regress(z, tau)
    if stable:
        fit = stabilised(fit, z)
    encoder.set_coefficients(fit.intercept, fit.coefficients)
    head.set_covariance(fit.residual_covariance)

    scale = z.new_tensor(transform.scale)
    mean = z.new_tensor(transform.mean)
    coefficients = fit.coefficients * scale[:, None] / scale[None, :]
    intercept = fit.intercept * scale + mean - (coefficients @ mean).sum(0)
    jacobian = transform.log_jacobian(x)[..., transform.lag + tau :].sum()
    return Regression(
        intercept,
        coefficients,
        fit.residual_covariance * scale[:, None] * scale,
        fit.log_likelihood + float(jacobian),
        fit.steps,
    )
