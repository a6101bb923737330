"""What a fit says before it trains: what was read, what is held out, and what was chosen where nothing was asked."""

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from chainrule._choices import counted, listed
from chainrule.data import Labelled, Series, Symbols
from chainrule.data.dates.timezones import write_dates
from chainrule.runs.fitting.defaults import solved_exactly, transform_of
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.data_config import Data
from chainrule.runs.kinds.task import Task

__all__ = ["say_summary", "saying_once"]

_said: ContextVar[set[str] | None] = ContextVar("_said", default=None)


def say_summary(data: Data, task: Task, unasked: Collection[str]) -> None:
    """Three lines about a fit of the data, on standard error; ``unasked`` are the options that were not given."""
    said = _said.get()
    for line in (_read(data), _held_out(data, task), _chosen(data, task.config, unasked)):
        if said is None or line not in said:
            sys.stderr.write(f"{line}\n")
        if said is not None:
            said.add(line)


@contextmanager
def saying_once() -> Iterator[None]:
    """Within it, lines that the summaries of several fits have in common are said by the first alone."""
    before = _said.set(set())
    try:
        yield
    finally:
        _said.reset(before)


def _read(data: Data) -> str:
    if isinstance(data, Series):
        when = "without dates"
        if data.dates is not None:
            first, last = write_dates(data.dates[[0, -1]], data.timezone)
            when = f"{first} to {last}" + ("" if data.frequency is None else f", {data.frequency.words}")
        season = f"a season of {counted(data.season, 'step')}" if data.season > 1 else "no season"
        steps = f"{data.name}: {counted(len(data.values), 'step')} of {listed(data.columns, shown=5)}"
        return f"{steps}, {when}, {season}{_blanks(data)}."
    if isinstance(data, Labelled):
        what = f"{data.kind} of {'x'.join(map(str, np.shape(data.inputs[0])))}" if data.kind == "images" else "sounds"
        return f"{data.name}: {len(data.labels):,} {what} in {len(data.classes)} classes."
    if data.rate is not None:
        return f"{data.name}: sound of {data.length / data.rate:,.1f} s, {data.rate:,} samples a second."
    documents = counted(len(data.documents), "document")
    unit = "bytes" if data.alphabet.kind == "bytes" else "characters"
    return f"{data.name}: text of {data.length:,} {unit} in {documents}, {len(data.alphabet)} different."


def _blanks(data: Series) -> str:
    """What was done about the blanks of the source, if it had any."""
    filled = f", {counted(data.filled, 'value')} put in for blanks" if data.filled else ""
    return filled + (f", {counted(data.left_out, 'row')} with blanks left out" if data.left_out else "")


def _held_out(data: Data, task: Task) -> str:
    config = task.config
    train = counted(task.parts[0], config.data.unit)
    choose, test = (f"{count:,}" for count in task.parts[1:])
    again = f" Then the weights are fitted again to all {sum(task.parts):,}." if config.refit else ""
    if solved_exactly(data, config.model.name, config.model.head):
        return f"Split {task.split}. {train} are fitted, the last {test} are scored.{again}"
    return f"Split {task.split}. {train} train, {choose} choose the checkpoint, {test} are scored.{again}"


def _chosen(data: Data, config: RunConfig, unasked: Collection[str]) -> str:
    """What is fitted; in brackets why, where nothing was asked for."""
    model = config.model
    kind = _kind(data)
    linear = solved_exactly(data, model.name, model.head)

    def because(option: str, why: str) -> str:
        return f" ({why})" if option in unasked else ""

    said = [model.name + because("model", "the default")]
    if model.name != "ar":
        said.append(f"{model.hidden} wide" + because("hidden", f"for {kind}"))
    if config.data.kind != "images":
        said.append(f"window {model.window}" + because("window", _why_window(data, model.window, linear)))
    if config.data.transform is not None:
        why = transform_of(data, config.reading.transform, None).why if config.reading.transform == "auto" else ""
        said.append(f"transform {config.data.transform.name}{f' ({why})' * bool(why)}")
    if model.layer_norm:
        said.append("layer norm" + because("layer_norm", f"for {kind}"))
    if model.dropout:
        said.append(f"dropout {model.dropout:g}" + because("dropout", f"for {kind}"))
    if linear:
        return f"{', '.join(said)}; solved exactly."
    return f"{', '.join(said)}, learning rate {config.training.learning_rate:g}; {_budget(config, unasked)}."


def _budget(config: RunConfig, unasked: Collection[str]) -> str:
    training = config.training
    if training.steps is not None:
        budget = f"{counted(training.steps, 'step')}"
    else:
        budget = f"{training.minutes:g} min" + (" (the default)" if "budget" in unasked else "")
        budget += ", half of them to fit again" if config.refit else ""
    if training.patience:
        budget += f", fewer if {training.patience} validations on end are no better"
    return budget


def _kind(data: Data) -> str:
    if isinstance(data, Symbols):
        return "text" if data.rate is None else "sound"
    return "series" if isinstance(data, Series) else "labelled data"


def _why_window(data: Data, window: int, linear: bool) -> str:
    if linear:
        return "of least BIC"
    short = isinstance(data, Series) and window == len(data.values) // 10
    return "a tenth of the steps" if short else "the default"
