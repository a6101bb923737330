"""Scores of forecasts, in numpy and float64: point errors, proper scores of distributions, coverage.

`mae`, `rmse`, `mase` and `coverage` summarise everything they are given in one number; the proper score
`crps_from_paths` gives one number per forecast, for the caller to average over what it likes.
Missing values: a NaN or an infinity is refused, never skipped, because a mean over fewer points is the
score of another series.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule._choices import counted
from chainrule.errors import ArgumentError, MissingValuesError, ShapeError, TooShortError

__all__ = ["coverage", "crps_from_paths", "mae", "mase", "mase_scale", "nats_to_bits", "rmse"]

_Floats = NDArray[np.float64]


def mae(errors: ArrayLike) -> float:
    """Mean absolute error, in the data's units; ``errors`` has any shape but an empty one.

    >>> mae([1.0, -3.0])
    2.0
    """
    return float(np.abs(_finite("errors", errors)).mean())


def rmse(errors: ArrayLike) -> float:
    """Root of the mean squared error, in the data's units; ``errors`` has any shape but an empty one.

    >>> rmse([3.0, -3.0])
    3.0
    """
    return math.sqrt(np.square(_finite("errors", errors)).mean())


def mase_scale(train: ArrayLike, season: int = 1) -> _Floats:
    """What `mase` divides by: each column's mean absolute change over one season of the training data.

    ``train`` is (T, C) with T > season; the result is (C,). Hyndman & Koehler (2006), "Another look at
    measures of forecast accuracy", section 3.

    >>> mase_scale([[1.0], [2.0], [4.0]]).tolist()
    [1.5]
    """
    values = _finite("train", train)
    if values.ndim != 2:
        raise ShapeError(f"train must be (time, columns), got shape {values.shape}")
    if season < 1:
        raise ArgumentError(f"season must be at least 1 step, got {season}")
    if len(values) <= season:
        raise TooShortError(f"a season of {season} needs {counted(season + 1, 'training step')}, got {len(values)}")
    return np.asarray(np.abs(values[season:] - values[:-season]).mean(axis=0), dtype=np.float64)


def mase(errors: ArrayLike, scale: ArrayLike) -> float:
    """Mean absolute scaled error: below 1, the forecast beats the in-sample (seasonal) naive one on average.

    ``errors`` is (..., C) and ``scale`` (C,), from `mase_scale`; a scale of zero, a series that never
    changed in training, is refused. Hyndman & Koehler (2006), section 3.

    >>> mase([[1.0, 10.0], [3.0, 30.0]], [2.0, 20.0])
    1.0
    """
    e = _finite("errors", errors)
    s = _finite("scale", scale)
    if s.ndim != 1 or e.shape[-1:] != s.shape:
        raise ShapeError(f"errors must be (..., columns) and scale (columns,), got shapes {e.shape} and {s.shape}")
    if (s <= 0).any():
        raise ArgumentError(f"scale must be positive in every column, got {s.tolist()}: a constant has no MASE")
    return float((np.abs(e) / s).mean())


def crps_from_paths(paths: ArrayLike, actual: ArrayLike) -> _Floats:
    """Continuous ranked probability score from sampled paths: unbiased ("fair"), lower is better.

    ``paths`` is (n, ...) with n >= 2, ``actual`` (...); the result is (...), in the data's units:

        mean_i |x_i - y|  -  sum_{i<j} |x_i - x_j| / (n (n - 1)).

    Sorted, sum_{i<j} |x_i - x_j| = sum_i (2i - n - 1) x_(i), which takes O(n log n) where the definition
    takes O(n^2). Gneiting & Raftery (2007), "Strictly proper scoring rules", eq. 21; Ferro (2014), "Fair
    scores for ensemble forecasts", for the divisor n (n - 1) in place of n^2. A single score can be negative.

    >>> crps_from_paths([[0.0, 1.0], [2.0, 1.0]], [5.0, 1.0]).tolist()
    [3.0, 0.0]
    """
    x = _finite("paths", paths)
    y = _finite("actual", actual)
    if x.shape[1:] != y.shape or x.ndim != y.ndim + 1:
        raise ShapeError(f"paths must be (n, ...) over actual's (...), got shapes {x.shape} and {y.shape}")
    n = len(x)
    if n < 2:
        raise ArgumentError(f"the fair CRPS needs at least 2 paths, got {n}")
    error = np.sort(x - y, axis=0)
    rank = 2.0 * np.arange(1, n + 1) - n - 1
    distance = np.tensordot(rank, error, axes=1) / (n * (n - 1))
    return np.asarray(np.abs(error).mean(axis=0) - distance, dtype=np.float64)


def coverage(lower: ArrayLike, upper: ArrayLike, actual: ArrayLike) -> float:
    """The share of ``actual`` inside [lower, upper], ends included; all three have one shape.

    An interval from the 10 % to the 90 % quantile should cover 0.8.

    >>> coverage([0.0, 0.0], [1.0, 1.0], [0.5, 2.0])
    0.5
    """
    low, y = _same_shape("lower", lower, "actual", actual)
    high, _ = _same_shape("upper", upper, "actual", actual)
    if (low > high).any():
        raise ArgumentError(f"lower must not exceed upper, got {int((low > high).sum())} places where it does")
    return float(((low <= y) & (y <= high)).mean())


def nats_to_bits(nats: float) -> float:
    """The same information in bits: ``nats`` / log 2.

    >>> nats_to_bits(math.log(8.0))
    3.0
    """
    return nats / math.log(2.0)


def _finite(name: str, values: ArrayLike) -> _Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        raise ShapeError(f"{name} is empty, got shape {array.shape}: a score needs at least one value")
    broken = int((~np.isfinite(array)).sum())
    if broken:
        raise MissingValuesError(
            f"{name} has {broken} of {counted(array.size, 'value')} that are NaN or infinite; drop or fill these first"
        )
    return array


def _same_shape(name: str, values: ArrayLike, other: str, others: ArrayLike) -> tuple[_Floats, _Floats]:
    first = _finite(name, values)
    second = _finite(other, others)
    if first.shape != second.shape:
        raise ShapeError(f"{name} and {other} must have the same shape, got {first.shape} and {second.shape}")
    return first, second
