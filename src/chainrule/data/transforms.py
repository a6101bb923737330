"""Transforms of real values: what a model sees instead of x, always undone in what it returns.

With m and s the mean and standard deviation over the training steps:

    standardise    z_t = (x_t - m) / s
    none           z_t = x_t
    difference     z_t = (x_t - x_{t-1} - m) / s
    log-return     z_t = (log(x_t / x_{t-1}) - m) / s

Given the past, each maps x_t to z_t one to one, so a density of z becomes one of x, in the data's own
units, by log p(x_t | past) = log p(z_t | past) + log |dz_t / dx_t|. This makes likelihoods of models under
different transforms comparable. The affine step after a difference changes no family of models, only the
scale that networks are trained on.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule._choices import choose, counted, listed
from chainrule._schema import check_fields
from chainrule._settings import option
from chainrule.data.reading import TRANSFORMS
from chainrule.errors import ArgumentError, ShapeError, TooShortError, TransformError

__all__ = ["Transform"]

_CONSTANT = 1e-12  # a spread below this share of the magnitude is rounding
_SIZES = (1e-120, 1e120)  # of a column's largest value, so that float64 holds squares
_SIZES_UNSCALED = (1e-15, 1e15)  # under "none", where networks see the values themselves, and square them in float32


@dataclass(frozen=True)
class Transform:
    """A fitted transform of values (..., T, C): time is the last dimension but one, columns are the last.

    Args:
        name: "standardise", "none", "difference" or "log-return".
        mean: m of each column.
        scale: s of each column.
        low, high: the least and the largest z of the training steps, of each column; empty if they are not known.

    >>> transform = Transform.fit("difference", np.array([[1.0], [2.0], [4.0], [5.0]]))
    >>> x = torch.tensor([[7.0], [5.0]], dtype=torch.float64)
    >>> previous = torch.tensor([6.0], dtype=torch.float64)
    >>> z = transform.apply(x, previous)
    >>> torch.allclose(transform.undo(z, previous), x)
    True
    """

    name: str
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        choose("`transform`", self.name, TRANSFORMS)
        if len(self.mean) != len(self.scale) or not all(scale > 0 for scale in self.scale):
            raise ArgumentError("a transform needs a mean and a scale above 0 for each column.")
        if not len(self.low) == len(self.high) in (0, len(self.mean)):
            raise ArgumentError("a transform needs the least and the largest z of every column, or of none.")

    @property
    def lag(self) -> int:
        """How many steps before x_t its z_t needs: 0 or 1."""
        return int(self.name in ("difference", "log-return"))

    @classmethod
    def fit(
        cls, name: str, values: NDArray[np.float64], columns: tuple[str, ...] = (), source: str = "the data"
    ) -> "Transform":
        """Fit to training values, float64, steps x columns; errors name the columns and the source if given.

        Raises:
            ArgumentError: an unknown name.
            ShapeError: values of another shape or dtype.
            TooShortError: fewer than two transformed steps.
            TransformError: a column without variation, not positive under log-return, or too large or too
                small to compute with.
        """
        _check_array(values)
        unfitted = cls(name, (0.0,) * values.shape[1], (1.0,) * values.shape[1])
        names = [repr(column) for column in columns] or [str(i + 1) for i in range(values.shape[1])]
        _check_size(name, values, names, source)
        if name == "none":
            return replace(unfitted, low=tuple(values.min(0).tolist()), high=tuple(values.max(0).tolist()))
        if len(values) < 2 + unfitted.lag:
            raise TooShortError(f"{name} needs at least {counted(2 + unfitted.lag, 'step')} to fit; got {len(values)}.")
        z = unfitted.apply(torch.from_numpy(values)).numpy()
        unfitted._check_varies(z, values, names, source)
        mean = z.mean(axis=0)
        scale = z.std(axis=0)
        low = (z.min(axis=0) - mean) / scale
        high = (z.max(axis=0) - mean) / scale
        return cls(
            name=name,
            mean=tuple(mean.tolist()),
            scale=tuple(scale.tolist()),
            low=tuple(low.tolist()),
            high=tuple(high.tolist()),
        )

    def _check_varies(self, z: NDArray[np.float64], values: NDArray[np.float64], names: list[str], source: str) -> None:
        """Refuse a column whose z, not yet scaled, is constant but for rounding."""
        rounded = z if self.name == "log-return" else values
        constant = np.flatnonzero(np.ptp(z, axis=0) <= _CONSTANT * np.abs(rounded).max(axis=0))
        if not len(constant):
            return
        j = int(constant[0])
        what = "changes" if self.lag else "values"
        remedy = "Choose a column that varies"
        if np.ptp(values[:, j]) > _CONSTANT * np.abs(values[:, j]).max():
            remedy = f"Use {option('transform', 'standardise')}"
        raise TransformError(
            f"column {names[j]} of {source} cannot be scaled: its {what} over the training steps are all {z[0, j]:g}. "
            f"{remedy}."
        )

    def apply(self, x: Tensor, previous: Tensor | None = None) -> Tensor:
        """z of x (..., T, C). With lag 1, ``previous`` (..., C) is the value before the first step;
        without it the first step has no z and is left out.

        Raises:
            TransformError: a value that is not positive under log-return.
        """
        if self.lag:
            level = self._level(x)
            if previous is not None:
                level = torch.cat([self._level(previous.unsqueeze(-2)), level], dim=-2)
            x = level.diff(dim=-2)
        mean, scale = self._affine(x)
        return (x - mean) / scale

    def undo(self, z: Tensor, previous: Tensor | None = None) -> Tensor:
        """x of z (..., T, C): the inverse of `apply`. With lag 1, ``previous`` (..., C) is needed."""
        mean, scale = self._affine(z)
        x = z * scale + mean
        if not self.lag:
            return x
        if previous is None:
            raise ArgumentError(f"undoing {self.name} needs `previous`, the value before the first step.")
        total = x.cumsum(dim=-2)
        previous = previous.unsqueeze(-2)
        if self.name == "log-return":
            return previous * total.exp()
        return previous + total

    def squash(self, z: Tensor) -> Tensor:
        """z (..., C) unchanged within the range of the training steps; beyond it, squashed to half its width at most.

        >>> transform = Transform("none", (0.0,), (1.0,), low=(-1.0,), high=(1.0,))
        >>> transform.squash(torch.tensor([[-0.5], [1.0], [1.1], [9.0], [900.0]])).flatten()
        tensor([-0.5000,  1.0000,  1.0997,  2.0000,  2.0000])
        """
        if not self.low:
            return z
        low = z.new_tensor(self.low)
        high = z.new_tensor(self.high)
        inside = z.clamp(low, high)
        reach = (high - low) / 2
        return inside + reach * ((z - inside) / reach).tanh()

    def log_jacobian(self, x: Tensor) -> Tensor:
        """``log |dz_t / dx_t|`` summed over columns: (..., T) for x (..., T, C)."""
        _, scale = self._affine(x)
        per_column = -scale.log().expand_as(x)
        if self.name == "log-return":
            per_column = per_column - self._level(x)
        return per_column.sum(dim=-1)

    def to_dict(self) -> dict[str, Any]:
        """The transform as JSON-able values.

        >>> Transform("standardise", (1.5,), (2.0,)).to_dict()
        {'name': 'standardise', 'mean': [1.5], 'scale': [2.0], 'low': [], 'high': []}
        """
        return {
            "name": self.name,
            "mean": list(self.mean),
            "scale": list(self.scale),
            "low": list(self.low),
            "high": list(self.high),
        }

    def _affine(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.shape[-1] != len(self.mean):
            raise ShapeError(f"values have {counted(x.shape[-1], 'column')}; the transform has {len(self.mean)}.")
        return x.new_tensor(self.mean), x.new_tensor(self.scale)

    def _level(self, x: Tensor) -> Tensor:
        if self.name != "log-return":
            return x
        bad = ~(x > 0)
        if bad.any():
            got = listed((f"{value:g}" for value in x[bad].tolist()), shown=5)
            steps = listed((bad.nonzero()[:, -2] + 1).tolist(), shown=5)
            raise TransformError(
                f"log-return needs positive values; got {got} at step {steps}. "
                f"Use {option('transform', 'difference')} or {option('transform', 'standardise')}."
            )
        return x.log()


def _check_array(values: object) -> None:
    got = type(values).__name__
    if isinstance(values, np.ndarray):
        if values.ndim == 2 and values.dtype == np.float64 and values.size:
            return
        got = f"{values.dtype} {values.shape}"
    raise ShapeError(f"values of a transform must be a float64 array, steps x columns; got {got}.")


def _check_size(transform: str, values: NDArray[np.float64], names: list[str], source: str) -> None:
    low, high = _SIZES
    remedy = "Scale the data (use another unit)"
    if transform == "none":
        low, high = _SIZES_UNSCALED
        remedy += f", or use {option('transform', 'standardise')}"
    for name, largest in zip(names, np.abs(values).max(axis=0, initial=0), strict=True):
        if largest and not low <= largest <= high:
            raise TransformError(
                f"the largest absolute value of column {name} of {source} is {largest:g}; under {transform} it must be "
                f"from {low:g} to {high:g}. {remedy}."
            )
