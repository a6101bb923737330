"""What a fit says before it trains: what was read, what is held out, and what was chosen where nothing was asked."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from chainrule._choices import counted, listed
from chainrule._devices import named
from chainrule._settings import settings_of
from chainrule.data.sources.identifying import passed_by
from chainrule.display import printable
from chainrule.models import ModelSettings
from chainrule.models.settings import family
from chainrule.runs.fitting.plan import FitPlan
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.messages import say
from chainrule.runs.kinds.kind import DataKind
from chainrule.runs.kinds.registry import KINDS
from chainrule.runs.kinds.task import Task
from chainrule.training import LAST_SHARE

__all__ = ["say_summary", "saying_once"]

_said: ContextVar[set[str] | None] = ContextVar("_said", default=None)


def say_summary(planned: FitPlan, task: Task) -> None:
    """Three lines about a fit of the data, as remarks; before them one on the device, if it was in question.

    Of a folder that has files of other kinds, another says that they are passed by.
    """
    said = _said.get()
    kind = KINDS[planned.data.kind]
    place = () if planned.placed.why is None else (f"On {named(planned.placed.device)}: {planned.placed.why}.",)
    read = (kind.summary(planned.data), *_passed_by(planned.config))
    for line in (*place, *read, _held_out(kind, task), _chosen(kind, planned, task)):
        if said is None or line not in said:
            say(printable(line))
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


def _passed_by(config: RunConfig) -> Iterator[str]:
    folder = Path(config.source or "")
    if not (folder.is_absolute() and folder.is_dir()):  # a file, a built-in set, or data in memory
        return
    others = passed_by(folder, config.reading.kind)
    if others:
        are = "is" if len(others) == 1 else "are"
        count = counted(len(others), "file")
        yield f"{count} of {folder.name} {are} of another kind, and not read: {listed(others, shown=3)}."


def _held_out(kind: DataKind, task: Task) -> str:
    config = task.config
    train = counted(task.parts[0], config.data.unit)
    choose, test = (f"{count:,}" for count in task.parts[1:])
    again = ""
    if config.refit and kind.goes_on and not kind.solves(config.model.name, config.model.head):
        again = f" For the last {100 * LAST_SHARE:g} % of the budget the {choose} train too."
    elif config.refit and not kind.goes_on:
        again = f" Then the weights are fitted again to all {sum(task.parts):,}."
    if kind.solves(config.model.name, config.model.head):
        return f"Split {task.split}. {task.use_of_parts.format(train, choose, test)}{again}"
    chooses = f"{choose} {task.held_out}" if task.held_out else choose
    return f"Split {task.split}. {train} train, {chooses} choose the checkpoint, {test} are scored.{again}"


def _chosen(kind: DataKind, planned: FitPlan, task: Task) -> str:
    """What is fitted; in brackets why, where nothing was asked for."""
    data = planned.data
    config = planned.config
    model = config.model
    of = f"for {kind.noun(data)}"
    linear = kind.solves(model.name, model.head)

    def because(option: str, why: str) -> str:
        return f" ({why})" if option in planned.chosen else ""

    said = [model.name + because("model", "the default")]
    applies = {name for name, each in settings_of(ModelSettings).items() if each.applies(family(model.name), kind.has)}
    if "hidden" in applies:
        said.append(f"hidden size {model.hidden}" + because("hidden", planned.why_hidden or of))
    if "window" in applies:
        said.append(f"window {model.window}" + because("window", kind.why_window(data, model.window, linear=linear)))
    if config.data.transform is not None:
        why = kind.transform(data, "auto", None).why if config.reading.transform == "auto" else ""
        said.append(f"transform {config.data.transform.name}{f' ({why})' * bool(why)}")
    if model.layer_norm:
        said.append("layer norm")
    if model.ngram_embedding > 1:
        said.append(f"n-gram embeddings to order {model.ngram_embedding}" + because("ngram_embedding", of))
    if model.dropout:
        said.append(f"dropout {model.dropout:g}" + because("dropout", of))
    if model.precision != "float32" or planned.why_precision:
        said.append(f"products in {model.precision}" + f" ({planned.why_precision})" * bool(planned.why_precision))
    if model.mix != "none":
        said.append("mixed with an ngram" + because("mix", of) + f": {task.solution}")
    if linear:
        return f"{', '.join(said)}: {task.solution}."
    said.append(f"learning rate {config.training.learning_rate:g}")
    if config.training.optimiser == "muon":
        said.append("Muon" + because("optimiser", of))
    return f"{', '.join(said)}; {_budget(config, planned.chosen)}."


def _budget(config: RunConfig, chosen: Collection[str]) -> str:
    training = config.training
    if training.steps is not None:
        budget = f"{counted(training.steps, 'step')}"
    else:
        budget = f"{training.minutes:g} min" + (" (the default)" if "budget" in chosen else "")
        budget += ", half of them to fit again" if config.refit and not KINDS[config.data.kind].goes_on else ""
    if training.patience:
        budget += f", or fewer: it stops after {training.patience} validations without improvement"
    return budget
