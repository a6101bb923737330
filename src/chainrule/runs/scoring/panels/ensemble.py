"""One forecast from several."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule.errors import ArgumentError, ShapeError

__all__ = ["ensemble"]

_Floats = NDArray[np.float64]


def ensemble(quantiles: Sequence[_Floats], weights: Sequence[float] | None = None) -> _Floats:
    """The mean of the quantiles of several forecasters at the same levels ("Vincentisation").

    It keeps the forecasters' shape and mean width, where the mean of their probabilities is wider than each of them and
    has a hump for every forecaster that disagrees. Ratcliff (1979), "Group reaction time distributions and an analysis
    of distribution statistics"; Lichtendahl, Grushka-Cockayne & Winkler (2013), "Is it better to average
    probabilities or quantiles?".

    Args:
        quantiles: arrays of one shape, at least one.
        weights: of each forecaster, at least 0, equal by default; only their proportions count.

    >>> ensemble([np.array([0.0, 1.0]), np.array([2.0, 5.0])]).tolist()
    [1.0, 3.0]
    >>> ensemble([np.array([0.0, 1.0]), np.array([2.0, 5.0])], weights=[3, 1]).tolist()
    [0.5, 2.0]
    """
    shapes = {np.shape(each) for each in quantiles}
    if len(shapes) != 1:
        raise ShapeError(f"the quantiles of an ensemble have shapes {sorted(shapes)}; expected one shape for all.")
    weight = np.ones(len(quantiles)) if weights is None else np.asarray(weights, dtype=np.float64)
    if weight.shape != (len(quantiles),) or not (weight >= 0).all() or not 0 < weight.sum() < np.inf:
        raise ArgumentError(
            f"weights are {weights}; expected {counted(len(quantiles), 'number')} of at least 0, not all of them 0."
        )
    mean = np.zeros(shapes.pop())
    for share, each in zip(weight / weight.sum(), quantiles, strict=True):
        mean += share * each
    return mean
