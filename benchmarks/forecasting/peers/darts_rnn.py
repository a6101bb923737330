"""The recurrent network of Darts that its example of probabilistic forecasts has, after DeepAR."""

import time
from datetime import timedelta

import numpy as np
from darts import TimeSeries
from darts.dataprocessing.transformers import Scaler
from darts.models import RNNModel
from darts.utils.likelihood_models.torch import GaussianLikelihood

from benchmarks.forecasting.entering import LEVELS, Asked, Outcome
from benchmarks.forecasting.peers.pacing import Pace

__all__ = ["fit"]

_PAST = 3  # horizons that are seen before a forecast: it has no default, and this is NeuralForecast's
_PATHS = 100  # also NeuralForecast's


def fit(asked: Asked, cell: str) -> Outcome:
    """Train on scaled series until its 100 epochs or the minutes are over, and forecast by drawn paths."""
    series = [TimeSeries.from_values(values[:, None].astype(np.float32)) for values in asked.series()]
    pace = Pace()
    worked = time.process_time()
    began = time.monotonic()
    model = RNNModel(
        model=cell,
        input_chunk_length=_PAST * asked.horizon,
        training_length=(_PAST + 1) * asked.horizon,
        likelihood=GaussianLikelihood(),
        random_state=asked.seed,
        pl_trainer_kwargs={
            "max_time": timedelta(minutes=asked.minutes),
            "callbacks": [pace],
            "accelerator": "cpu",
            "logger": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
        },
    )
    scaler = Scaler()
    scaled = scaler.fit_transform(series)
    model.fit(scaled)
    trained = time.monotonic()
    paths = scaler.inverse_transform(model.predict(asked.horizon, series=scaled, num_samples=_PATHS))
    drawn = np.stack([each.all_values()[:, 0] for each in paths]).astype(np.float64)
    return Outcome(
        np.moveaxis(np.quantile(drawn, LEVELS, axis=-1), 0, -1),
        training=trained - began,
        forecasting=time.monotonic() - trained,
        processor=time.process_time() - worked,
        steps=pace.steps,
    )
