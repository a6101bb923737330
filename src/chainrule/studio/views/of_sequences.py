"""Questions to runs of sequences: what they would go on with, what they forecast, and backpropagation through time."""

from typing import Any

from chainrule.data import Series
from chainrule.display import Shown
from chainrule.errors import ArgumentError
from chainrule.lens import ThroughTime
from chainrule.runs.kinds.panels.run import PanelRun
from chainrule.runs.kinds.series.run import SeriesRun
from chainrule.runs.scoring.sampled import SampledSound, SampledText, SampledValues
from chainrule.studio.views.view import Question, Results

__all__ = ["backtest", "forecast", "look", "sample_sound", "sample_text", "sample_values", "unroll"]


def sample_text(asked: Question) -> Results:
    run = asked.run
    values = asked.values
    prompt: Any = values["prompt"] or None
    alphabet = run.config.data.alphabet
    if prompt is not None and alphabet is not None and alphabet.kind == "bytes":
        prompt = prompt.encode()
    drawn = run.sample(prompt=prompt, data=asked.upload, **_drawing(asked))
    text = drawn.decode(errors="replace") if isinstance(drawn, bytes) else drawn
    return [SampledText(run.config.data.name, text, values["prompt"], _how(asked))]


def sample_sound(asked: Question) -> Results:
    run = asked.run
    assert run.config.data.rate is not None
    drawn = run.sample(data=asked.upload, **_drawing(asked))
    return [SampledSound(run.config.data.name, drawn, run.config.data.rate, _how(asked))]


def sample_values(asked: Question) -> Results:
    run = asked.run
    assert isinstance(run, SeriesRun)
    length = asked.values["length"]
    drawn = run.sample(length, seed=asked.values["seed"], data=asked.upload)
    history = run.latest if asked.upload is None else run.read(asked.upload)
    assert isinstance(history, Series)
    return [
        SampledValues(run.config.data.name, history.columns, drawn, history.values, f"Seed {asked.values['seed']}.")
    ]


def _drawing(asked: Question) -> dict[str, Any]:
    return {name: asked.values[name] for name in ("length", "temperature", "top_k", "seed")}


def _how(asked: Question) -> str:
    top_k = asked.values["top_k"]
    among = "" if top_k is None else f", of the {top_k} likeliest"
    return f"Temperature {asked.values['temperature']:g}{among}, seed {asked.values['seed']}."


def forecast(asked: Question) -> Results:
    """The fan after the end of the data, and before that, of a series, the fan against what came."""
    values = asked.values
    drawn: dict[str, Any] = {}
    if isinstance(asked.run, SeriesRun):
        drawn = {"paths": values["paths"], "seed": values["seed"]}
    level = values["level"] / 100
    quantiles = (0.5 - level / 2, 0.5, 0.5 + level / 2)
    found = asked.run.forecast(
        values["horizon"], quantiles=quantiles, data=asked.upload, intervals=values["intervals"], **drawn
    )
    return [found]


def backtest(asked: Question) -> Results:
    """Forecasts against what came: the errors along the test part."""
    drawn: dict[str, Any] = {}
    if not isinstance(asked.run, PanelRun):
        drawn = {"paths": asked.values["paths"], "seed": asked.values["seed"]}
    return [
        asked.run.backtest(asked.upload, horizon=asked.values["horizon"], intervals=asked.values["intervals"], **drawn)
    ]


def look(asked: Question) -> Results:
    """Backpropagation through time, to be explored, and the path of the gradient back from a step."""
    found = asked.run.look(asked.upload, asked.values["steps"])
    results: list[Shown] = [*found.parts()]
    at = asked.values["at"]
    if at is None:
        return results
    if not isinstance(found, ThroughTime):
        raise ArgumentError("`at` follows a state, and this model has none: it sees a window. Leave it out.")
    return [*results, found.term(at)]


def unroll(asked: Question) -> Results:
    """A few steps of a sequence with all terms of their gradients."""
    found = asked.run.look(asked.upload, asked.values["steps"])
    if not isinstance(found, ThroughTime):
        raise ArgumentError("this model has no state to unroll: it sees a window.")
    return [found.unrolled(k1=asked.values["k1"], k2=asked.values["k2"])]
