"""Errors of point forecasts and of intervals, as the rows of a table."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from chainrule.runs.scoring.metrics import coverage, mae, mase, rmse

__all__ = ["ERROR_FORMATS", "LEVELS", "Errors", "errors_of", "named"]

Row = TypeVar("Row")

ERROR_FORMATS = {"MAE": "fixed", "RMSE": "fixed", "CRPS": "fixed", "MASE": ".3f", "in 80 %": ".0%", "in 95 %": ".0%"}
LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
"""The levels of the quantiles that errors are taken of: the median, and the ends of both intervals."""


@dataclass(frozen=True)
class Errors:
    """Of point forecasts (the median) and of intervals, in the data's units; coverage is a share."""

    mae: float
    rmse: float
    mase: float
    coverage_80: float
    coverage_95: float


def named(rows: dict[str, Row], model: str) -> dict[str, Row]:
    """Rows by forecaster, with that of the "model" under the model's own name."""
    return {model if name == "model" else name: row for name, row in rows.items()}


def errors_of(quantiles: NDArray[np.float64], actual: NDArray[np.float64], scale: NDArray[np.float64]) -> Errors:
    """The errors of quantiles (5, ..., C) at ``LEVELS`` against what happened (..., C); ``scale`` (C,) is that of MASE.

    >>> errors_of(np.array([[-2.0], [-1.0], [0.0], [1.0], [2.0]]), np.array([1.5]), np.array([3.0]))
    Errors(mae=1.5, rmse=1.5, mase=0.5, coverage_80=0.0, coverage_95=1.0)
    """
    low_95, low_80, median, high_80, high_95 = quantiles
    error = median - actual
    return Errors(
        mae=mae(error),
        rmse=rmse(error),
        mase=mase(error, scale),
        coverage_80=coverage(low_80, high_80, actual),
        coverage_95=coverage(low_95, high_95, actual),
    )
