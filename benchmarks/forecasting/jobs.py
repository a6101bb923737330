"""One fit of one entrant, in a fresh process with its share of the machine."""

import traceback
from dataclasses import dataclass

from benchmarks.alone import alone
from benchmarks.forecasting.entering import LEVELS, Asked, Outcome
from benchmarks.forecasting.entrants import Entrant
from benchmarks.peers.others import Others

__all__ = ["Done", "done"]


@dataclass(frozen=True, eq=False)
class Done:
    """What came of an entrant, or why nothing did; and the share of the machine that other processes took meanwhile."""

    outcome: Outcome | None = None
    not_run: str | None = None
    failed: str | None = None
    others: float = 0.0


def done(entrant: Entrant, asked: Asked, threads: int) -> Done:
    """Fit it and forecast; one that fails is said to have failed."""
    missing = entrant.missing()
    if missing is not None:
        return Done(not_run=missing)
    others = Others()
    try:
        outcome = alone(entrant.enter, asked, threads)
        _check(outcome, asked)
    except Exception as error:
        traceback.print_exc()
        return Done(failed=f"{type(error).__name__}: {error}", others=others.share())
    return Done(outcome, others=others.share())


def _check(outcome: Outcome, asked: Asked) -> None:
    expected = (len(asked.known.ids), asked.horizon, len(LEVELS))
    if outcome.quantiles.shape != expected:
        raise RuntimeError(f"forecasts are of shape {outcome.quantiles.shape}, not {expected}")
