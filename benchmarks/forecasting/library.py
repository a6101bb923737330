"""chainrule as its users get it: ``chainrule.fit``, with its defaults and a budget."""

import time
from tempfile import TemporaryDirectory

import chainrule
from benchmarks.forecasting.entering import LEVELS, Asked, Outcome
from chainrule.runs.kinds.panels.run import PanelRun
from chainrule.training import LAST, saved_progress

__all__ = ["fit"]


def fit(asked: Asked, model: str) -> Outcome:
    """Fit, refit to everything, and forecast; the minutes are of both fits."""
    worked = time.process_time()
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        run = chainrule.fit(
            asked.known,
            model,
            horizon=asked.horizon,
            minutes=asked.minutes,
            seed=asked.seed,
            out=f"{folder}/run",
            quiet=True,
            figures=False,
        )
        assert isinstance(run, PanelRun)
        trained = time.monotonic()
        forecast = run.forecast(quantiles=LEVELS)
        return Outcome(
            forecast.quantiles,
            training=trained - began,
            forecasting=time.monotonic() - trained,
            processor=time.process_time() - worked,
            steps=saved_progress(run.path / LAST).step,
        )
