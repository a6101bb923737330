"""The entrants that are trained, by the names that the command takes."""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.forecasting import library
from benchmarks.forecasting.entering import Asked, Outcome

__all__ = ["PEERS", "Entrant", "chainrule_entrant"]


@dataclass(frozen=True)
class Entrant:
    """How it is called in tables, how it is fitted once, and the package that it needs."""

    label: str
    enter: Callable[[Asked], Outcome]
    package: str = "chainrule"

    def missing(self) -> str | None:
        """Why it cannot be run here; None if it can."""
        if importlib.util.find_spec(self.package) is not None:
            return None
        return f"{self.package} is not installed; the extra `forecast-peers` brings it"


def chainrule_entrant(variant: str) -> Entrant:
    """A model of chainrule, with settings or without."""
    return Entrant(f"chainrule {variant}", partial(library.fit, variant=variant))


def _enter(asked: Asked, module: str, model: str) -> Outcome:
    """A peer's own module, which imports what may be missing."""
    outcome: Outcome = importlib.import_module(f"benchmarks.forecasting.peers.{module}").fit(asked, model)
    return outcome


def _of_neuralforecast(model: str) -> Entrant:
    return Entrant(
        f"NeuralForecast {model}", partial(_enter, module="neural_forecast", model=model), package="neuralforecast"
    )


PEERS: dict[str, Entrant] = {
    "deepar": _of_neuralforecast("DeepAR"),
    "neuralforecast-lstm": _of_neuralforecast("LSTM"),
    "nhits": _of_neuralforecast("NHITS"),
    "darts-lstm": Entrant("Darts LSTM", partial(_enter, module="darts_rnn", model="LSTM"), package="darts"),
}
