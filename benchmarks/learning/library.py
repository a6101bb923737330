"""chainrule as its users get it: ``chainrule.fit``, with its defaults and a budget."""

import os
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import chainrule
from benchmarks.learning.budgets import POINTS, Budget, Curve
from benchmarks.learning.entering import Outcome
from benchmarks.learning.scoring import fingerprint
from benchmarks.learning.texts import Text
from chainrule.runs import Score
from chainrule.runs.folder.config import CONFIG
from chainrule.training import BEST, load_tensors, weights_of

__all__ = ["fit"]

_WATCH = 0.05  # seconds from one look at the folder to the next


def fit(
    text: Text,
    budget: Budget | None,
    seed: int | None,
    *,
    adapts: bool = False,
    drawn: bool = False,
    **settings: Any,
) -> Outcome:
    """Fit and score; score adapting too where asked; and the checkpoints on the way, if they are to be ``drawn``.

    What is counted, and not trained, takes no budget and no seed.

    Seconds are counted from the call until the last weights are on disk: reading, counting, validating and all.
    """
    with TemporaryDirectory() as temporary:
        folder = Path(temporary, "run")
        given = {} if budget is None else budget.of_fit()
        began = time.time()
        with _keeping_checkpoints(folder, Path(temporary, "kept")) as kept:
            run = chainrule.fit(text.source, out=folder, seed=seed, quiet=True, **given, **settings)
        whole = time.time() - began
        score = run.result
        assert isinstance(score, Score)
        seconds = max(path.stat().st_mtime for path in folder.glob("*.safetensors")) - began
        return Outcome(
            score.nats,
            seconds,
            scored=score.count,
            whole=whole,
            parameters=run.parameters,
            learned=fingerprint(weights_of(run.model)),
            curve=_curve(kept, began, seconds) if drawn else [],
            adaptive=_adaptive(run) if adapts else {},
            beside=score.baseline_nats(),
        )


def _adaptive(run: chainrule.Run) -> dict[str, float]:
    """The score of a copy that learns on with all it has."""
    model = run.config.model
    alone = "counts" if model.name == "ngram" else "weights"
    score = run.score(adapt=alone if model.mix == "none" else "both")
    assert isinstance(score, Score)
    return score.adapted_nats()


@contextmanager
def _keeping_checkpoints(folder: Path, into: Path) -> Iterator[list[Path]]:
    """Keep every checkpoint that a fit writes to ``folder``, each as a run's folder of its own, while the fit goes on.

    Links are enough, because a fit replaces its checkpoints and never writes into one.
    """
    kept: list[Path] = []
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(folder, into, kept, ended))
    watcher.start()
    try:
        yield kept
    finally:
        ended.set()
        watcher.join()


def _watch(folder: Path, into: Path, kept: list[Path], ended: threading.Event) -> None:
    last = None
    while not ended.wait(_WATCH):
        try:
            now = (folder / BEST).stat().st_ino
            if now == last:
                continue
            copy = into / str(now)
            copy.mkdir(parents=True, exist_ok=True)
            for name in (CONFIG, BEST):
                os.link(folder / name, copy / name)
        except FileNotFoundError:  # not there yet, or replaced between two calls
            continue
        last = now
        kept.append(copy)


def _curve(kept: list[Path], began: float, seconds: float) -> Curve:
    """The scores of the checkpoints next after each of POINTS."""
    has_learned = [path for path in kept if load_tensors(path / BEST)[1]["step"] > 0]
    times = {(path / BEST).stat().st_mtime - began: path for path in has_learned}
    chosen = {min((at for at in times if at >= point * seconds), default=None) for point in POINTS}
    return [(at, _nats(times[at])) for at in sorted(at for at in chosen if at is not None and at < seconds)]


def _nats(folder: Path) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this fit did not end
        score = chainrule.load(folder).score()
    assert isinstance(score, Score)
    return score.nats
