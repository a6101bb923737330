"""chainrule as its users get it: ``chainrule.fit``, with its defaults and a budget."""

import ast
import time
from tempfile import TemporaryDirectory
from typing import Any

import chainrule
from benchmarks.forecasting.entering import LEVELS, Asked, Outcome
from chainrule._settings import settings_of
from chainrule.runs.kinds.panels.run import PanelRun
from chainrule.training import LAST, saved_progress

__all__ = ["fit"]


def fit(asked: Asked, variant: str) -> Outcome:
    """Fit, refit to everything, and forecast; the minutes are of both fits.

    A variant is a model, or a model and settings: ``lstm+hidden=64+average=0.99``.
    """
    model, *given = variant.split("+")
    settings = dict(map(_setting, given))
    training = {name: settings.pop(name) for name in settings_of(chainrule.TrainingSettings) if name in settings}
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
            training=training,
            **settings,
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


def _setting(given: str) -> tuple[str, Any]:
    """A setting's name and value; what is no Python value is a word."""
    name, _, value = given.partition("=")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
