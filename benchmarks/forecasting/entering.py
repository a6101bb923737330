"""What every entrant is asked for, and what it answers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule.data import Panel

__all__ = ["LEVELS", "Asked", "Outcome"]

LEVELS = (0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975)


@dataclass(frozen=True, eq=False)
class Asked:
    """Forecasts of the steps after the end of every series.

    Attributes:
        known: the series, without what is forecast.
        horizon: how many steps.
        minutes: of training.
        seed: of all that is random.
    """

    known: Panel
    horizon: int
    minutes: float
    seed: int

    def series(self) -> list[NDArray[np.float64]]:
        """The values of each series."""
        return np.split(self.known.values, self.known.starts[1:-1])


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one fit came to.

    Attributes:
        quantiles: (N, H, Q) of the steps ahead, at LEVELS.
        training: seconds of training, from the call to the fitted model.
        forecasting: seconds of the forecasts.
        processor: seconds that processors worked for both.
        steps: of the optimiser; of chainrule's, those of its first fit, before it is refitted to the end.
    """

    quantiles: NDArray[np.float64]
    training: float
    forecasting: float
    processor: float
    steps: int
