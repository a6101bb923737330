"""Questions to any run: how its fit went, its score, what surprised it, and how it fares beside another."""

from pathlib import Path

from chainrule.display import Shown
from chainrule.errors import ArgumentError
from chainrule.lens import ThroughTime, side_by_side
from chainrule.runs import Run, load_comparison
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.contents import SCORE
from chainrule.runs.listing.small_files import losses_in
from chainrule.runs.watching.beside import CurvesBeside
from chainrule.runs.watching.curves import TrainingCurves, of_test_part
from chainrule.runs.watching.looks import TrainingLooks
from chainrule.studio.views.view import Question, Results

__all__ = ["compare", "comparison", "curves", "looks", "score", "shuffled", "surprise"]


def curves(asked: Question) -> Results:
    """The curves, and the looks at gradients where there are any."""
    found = _curves(asked.path)
    results: list[Shown] = [found]
    if any("reach" in record for record in found.records):
        results.append(TrainingLooks.of_records(found.title, found.records))
    return results


def looks(asked: Question) -> Results:
    """One of the looks of the fit at its gradients, the last unless said, and all of them."""
    found = _curves(asked.path)
    every = TrainingLooks.of_records(found.title, found.records)
    number = asked.values["look"] or len(every.looks)
    if number > len(every.looks):
        raise ArgumentError(f"`look` is {number}; the fit has looked so far: expected 1 to {len(every.looks)}.")
    return [every.looks[number - 1], every]


def score(asked: Question) -> Results:
    return [asked.run.score(asked.upload)]


def surprise(asked: Question) -> Results:
    return [asked.run.score_each(asked.upload)]


def shuffled(asked: Question) -> Results:
    return [asked.run.score_shuffled(asked.upload, times=asked.values["times"], seed=asked.values["seed"])]


def compare(asked: Question) -> Results:
    """The curves of two runs, and of two models with a state that were fitted to the same data their looks at it."""
    losses = {name: losses_in(run.path / SCORE)[0] for name, run in asked.runs.items()}
    results: list[Shown] = [CurvesBeside({name: _curves(run.path) for name, run in asked.runs.items()}, losses)]
    if len({run.config.data.digest for run in asked.runs.values()}) == 1 and all(map(_folds, asked.runs.values())):
        found = {name: run.look(steps=asked.values["steps"]) for name, run in asked.runs.items()}
        through = {name: look for name, look in found.items() if isinstance(look, ThroughTime)}
        results.append(side_by_side(through))
    return results


def comparison(asked: Question) -> Results:
    """The table that ``compare`` left in a folder of runs."""
    return [load_comparison(asked.path)]


def _folds(run: Run) -> bool:
    """Whether the model is a network of sequences with a state."""
    return run.config.data.kind in ("symbols", "series") and run.receptive_field is None


def _curves(path: Path) -> TrainingCurves:
    return TrainingCurves.of_folder(path, RunConfig.load(path), of_test_part(losses_in(path / SCORE)[1]))
