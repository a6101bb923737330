"""Models of NeuralForecast, with its defaults and, where a model is documented with one, the scaler of its example."""

import time
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import DistributionLoss, MQLoss
from neuralforecast.models import LSTM, NHITS, DeepAR

from benchmarks.forecasting.entering import LEVELS, Asked, Outcome
from benchmarks.forecasting.peers.pacing import Pace

__all__ = ["fit"]

_STEPS = 1000  # the default of all its models
_TRIAL = 6  # steps, whose time says how many more there is time for


def fit(asked: Asked, model: str) -> Outcome:
    """Train for its default of 1000 steps, or as many as there are minutes for, and forecast.

    The learning rate's way down follows the steps that are asked for; so a trial of a few says how many will fit, and
    is counted as time of training.
    """
    frame = _frame(asked)
    worked = time.process_time()
    began = time.monotonic()
    trial = Pace()
    _fitted(asked, model, frame, trial, _TRIAL, 60 * asked.minutes)
    tried = time.monotonic() - began
    left = max(60 * asked.minutes - tried, 1.0)
    around = tried - trial.steps * trial.seconds  # what a fit takes beside its steps
    steps = int(max(1, min(_STEPS, (left - around) / trial.seconds)))
    pace = Pace()
    fitted = _fitted(asked, model, frame, pace, steps, left)
    trained = time.monotonic()
    found = fitted.predict().iloc[:, -len(LEVELS) :].to_numpy(np.float64)
    return Outcome(
        np.sort(found.reshape(-1, asked.horizon, len(LEVELS)), axis=-1),  # its quantiles may cross
        training=trained - began,
        forecasting=time.monotonic() - trained,
        processor=time.process_time() - worked,
        steps=pace.steps,
    )


def _fitted(asked: Asked, model: str, frame: pd.DataFrame, pace: Pace, steps: int, seconds: float) -> NeuralForecast:
    options: dict[str, Any] = {
        "h": asked.horizon,
        "max_steps": steps,
        "max_time": timedelta(seconds=seconds),
        "random_seed": asked.seed + 1,  # its default for the seed 0
        "callbacks": [pace],
        "accelerator": "cpu",
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    fitted = NeuralForecast([_MODELS[model](asked.horizon, options)], freq=1)
    fitted.fit(frame)
    return fitted


def _frame(asked: Asked) -> pd.DataFrame:
    """A row for each series and step, both counted from 0."""
    series = asked.series()
    lengths = [len(each) for each in series]
    steps = np.concatenate([np.arange(length) for length in lengths])
    return pd.DataFrame({"unique_id": np.repeat(np.arange(len(series)), lengths), "ds": steps, "y": asked.known.values})


def _deepar(horizon: int, options: dict[str, Any]) -> Any:
    return DeepAR(loss=DistributionLoss("StudentT", quantiles=list(LEVELS)), scaler_type="standard", **options)


def _lstm(horizon: int, options: dict[str, Any]) -> Any:
    return LSTM(loss=MQLoss(quantiles=list(LEVELS)), **options)


def _nhits(horizon: int, options: dict[str, Any]) -> Any:
    """Which sees five horizons, as in the library's example: it has no default."""
    loss = MQLoss(quantiles=list(LEVELS))
    return NHITS(input_size=5 * horizon, loss=loss, scaler_type="robust", **options)


_MODELS = {"DeepAR": _deepar, "LSTM": _lstm, "NHITS": _nhits}
