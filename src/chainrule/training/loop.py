"""The loop: AdamW under a budget of steps or minutes, best checkpoint kept, stoppable and resumable at any step."""

import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path

from torch import nn

from chainrule.training.checkpoint import load_tensors, load_weights, save_tensors, weights_of
from chainrule.training.divergence import divergence
from chainrule.training.feeds.feed import Feed
from chainrule.training.feeds.then import Then
from chainrule.training.group import ALONE, Group
from chainrule.training.interrupts import interrupts
from chainrule.training.optimisation import Optimisation
from chainrule.training.settings import Progress, Report, TrainingConfig, Validation
from chainrule.training.snapshot import load_snapshot, save_snapshot

__all__ = ["BEST", "FINAL", "FINAL_LAST", "LAST", "train"]

BEST = "best.safetensors"
LAST = "last.safetensors"
FINAL = "final.safetensors"
FINAL_LAST = "final-last.safetensors"
_VALIDATIONS = 20  # in a budget
_EARLY = 32  # steps to the first of those that come sooner, in the first tenth of the minutes
_CHEAP = 0.06  # seconds of each minute of the budget: what any of these may take
_PAUSE = 33  # of minutes, training takes so many times as long as validating; or, where patience waits for that,
_PATIENT_PAUSE = 9

Validate = Callable[[], float | Validation]


def train(
    model: nn.Module,
    feed: Feed,
    validate: Validate | None,
    config: TrainingConfig,
    folder: Path,
    report: Report,
    *,
    resume: bool = False,
    group: Group = ALONE,
    schedule: float = 1.0,
    last: str = LAST,
    used: float = 0.0,
    then: Then | None = None,
    part: nn.Module | None = None,
) -> Progress:
    """Train ``model`` in place until the budget is spent, or patience is lost.

    The model is left in evaluation mode, with the weights that validated best. ``folder`` gets best.safetensors, with
    these weights, and last.safetensors, with everything that resuming needs. Both are written at validations, up to
    twenty in all and of minutes some sooner, and a kill at any moment leaves the last complete ones. With a budget of
    steps, a run that was interrupted and resumed ends with the same bits as one that was not.

    With ``then``, the last 15 % of the budget are a stage of their own, or what follows when patience is lost: the same
    training goes on from the weights that were best, over what was held out too. Where these were not the last ones
    the stage is at most half as long as what they took. Nothing being held out any more, its last weights are the
    result; they are final.safetensors. What it is resumed from is final-last.safetensors, so that last.safetensors is
    still that of the first stage, and a larger budget can go on with it.

    Args:
        model: the feed gives its loss.
        feed: where the loss of every step comes from.
        validate: computes the held-out loss, in evaluation mode. The weights of the least one are kept, with
            what a ``Validation`` counts beside it; untrained ones, where it tells of a part that is trained, only
            until the next. With None nothing is held out: the last weights are kept, and no best.safetensors is
            written.
        config: budget, rates and clipping.
        folder: an existing folder.
        report: is called with the progress after every step, before the checkpoint of that step is written. What it
            raises stops the run as Ctrl-C does. A resumed run calls it once more for the step that it goes on from,
            unless that is ``recorded``.
        resume: go on from ``last`` in ``folder``, with the model, feed and options that began it.
        group: the processes that train together, each with a feed of its own and the same model.
        schedule: the share of the learning rate's way down that the budget goes through.
        last: the name of the file to resume from.
        used: seconds of a budget of minutes that are spent already, of which half at most count.
        then: what the last stage learns from; it needs ``validate``.
        part: the part of the model that the feed trains, if not all of it; the rest is what ``validate`` and ``then``
            make of it, and is kept with the weights that it was made for.

    Raises:
        DivergedError: the loss or a gradient became NaN or infinite; the best weights are kept on disk.
        KeyboardInterrupt: after Ctrl-C, when the step is finished and saved; a second Ctrl-C does not wait.
        RunFormatError: ``folder`` holds nothing to resume from.
        ProcessError: another process of the group has ended.

    >>> import tempfile, torch
    >>> from chainrule.training import LabelledFeed
    >>> x, labels = torch.tensor([[1.0], [-1.0]]), torch.tensor([1, 0])
    >>> feed = LabelledFeed(examples=2, batch=2, batch_of=lambda index: ((x[index],), labels[index]), seed=0)
    >>> _ = torch.manual_seed(0)
    >>> model = nn.Linear(1, 2)
    >>> validate = lambda: nn.functional.cross_entropy(model(x), labels).item()
    >>> config = TrainingConfig(steps=20, learning_rate=0.1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     progress = train(model, feed, validate, config, Path(folder), report=lambda progress: None)
    >>> progress.step, progress.seen, progress.best < 0.3
    (20, 40, True)
    """
    optimisation = Optimisation(part or model, feed, config, group=group, schedule=schedule)
    loop = _Loop(model, optimisation, validate, report, folder, last=last, then=then)
    if resume:
        loop.resume()
    else:
        loop.progress.seconds = min(used, 30 * config.minutes)
    with interrupts() as interrupted:
        loop.run(interrupted)
    loop.finish()
    model.eval()
    return loop.progress


class _Loop:
    """Steps, and between them validations and reports, until the budget is spent; in one stage, or in two."""

    def __init__(
        self,
        model: nn.Module,
        optimisation: Optimisation,
        validate: Validate | None,
        report: Report,
        folder: Path,
        *,
        last: str,
        then: Then | None,
    ) -> None:
        self.model = model
        self.optimisation = optimisation
        self.config = optimisation.config
        self.group = optimisation.group
        self.validate = validate
        self.report = report
        self.folder = folder
        self.best = folder / BEST
        self.last = folder / last
        self.then = then
        self.progress = Progress()
        self.began = 0.0  # by the clock, as if all had been trained at once
        self.validated_at = 0.0
        self.validation_seconds = 0.0

    @property
    def is_last(self) -> bool:
        """Whether this is the stage in which nothing is held out any more."""
        return self.progress.joined is not None

    def resume(self) -> None:
        """Go on from the files of the stage that was interrupted."""
        self.progress = load_snapshot(self.last, self.optimisation)
        if self.then is not None and self.is_done() and (self.folder / FINAL_LAST).is_file():
            self.last = self.folder / FINAL_LAST
            self.take_best()
            self.then.begins()
            self.optimisation.feed = self.then.feed()
            self.progress = load_snapshot(self.last, self.optimisation)

    def run(self, interrupted: threading.Event) -> None:
        progress = self.progress
        self.began = time.monotonic() - progress.seconds
        if progress.step == 0:
            self.check()
            self.save()
        elif progress.recorded < progress.spent:
            self.report(progress)  # once more, as it may have been cut short
        if self.then is not None and not self.is_last:
            if self.group.leads:
                for name in (FINAL, FINAL_LAST):  # of a smaller budget
                    (self.folder / name).unlink(missing_ok=True)
            self.steps(interrupted)
            self.join(self.then)
        self.steps(interrupted)

    def join(self, then: Then) -> None:
        """Begin the last stage, from the best weights."""
        if self.progress.validated_step < self.progress.step:  # gone on with under a smaller budget
            self.check()
            self.save()
        self.group.wait()  # until rank 0 has written them
        if self.progress.best_step < self.progress.step:
            self.take_best()
        then.begins()
        self.optimisation.feed = then.feed()
        self.last = self.folder / FINAL_LAST
        self.progress.join()

    def take_best(self) -> None:
        """Go on from the best weights, and from what was made for them."""
        load_weights(self.model, load_tensors(self.best)[0])
        self.optimisation.begin_again()

    def is_done(self) -> bool:
        """Whether nothing is left of this stage."""
        if self.is_last:
            return self.progress.spent >= self.progress.until
        return self.config.done(self.progress, then=self.then is not None)

    def steps(self, interrupted: threading.Event) -> None:
        """Train to the end of this stage.

        Raises:
            KeyboardInterrupt: it was interrupted, and saved.
        """
        progress = self.progress
        (interrupts,) = self.group.sum([interrupted.is_set()])
        while not self.is_done() and not interrupts:
            spent_before = progress.spent
            self.step()
            progress.seconds, interrupts = self.group.sum([self.clock(), interrupted.is_set()])
            progress.spent = self.config.spent(progress.step, progress.seconds)
            is_due = self.is_due(spent_before)
            if is_due:
                self.check()
                (progress.seconds,) = self.group.sum([self.clock()])
            self.tell()
            if is_due:
                self.save()
        if interrupts:
            # Without validating: that would take its time, and give a resumed run a choice that others do not have.
            self.save()
            raise KeyboardInterrupt

    def step(self) -> None:
        progress = self.progress
        if not self.optimisation.step(progress):
            assert progress.loss is not None
            raise divergence("loss", progress.loss, progress, self.config, self.best, norm=progress.gradient_norm)

    def clock(self) -> float:
        """Seconds of training, as rank 0 counts them: zero elsewhere, so that the sum over the group is rank 0's."""
        return time.monotonic() - self.began if self.group.leads else 0.0

    def is_due(self, spent_before: float) -> bool:
        """Twenty validations in a budget; of minutes, some before, and fewer where they would take more than 3 %."""
        spent = self.progress.spent
        if self.is_done():
            return True
        early = self.is_early()
        if int(_VALIDATIONS * spent) == int(_VALIDATIONS * spent_before) and not early:
            return False
        if self.config.steps is not None:
            return True
        if early and self.progress.step == _EARLY:
            return True  # whatever the one of step 0 took, which is the first call of much
        pause = _PATIENT_PAUSE if self.config.patience else _PAUSE
        is_long_ago = time.monotonic() - self.validated_at >= pause * self.validation_seconds
        is_cheap = early and self.validation_seconds <= _CHEAP * self.config.minutes
        return self.group.sum([float(self.group.leads and (is_long_ago or is_cheap))]) == [1.0]

    def is_early(self) -> bool:
        """Whether at a power of two of steps in the first tenth of the minutes, in which few data are overfitted."""
        step = self.progress.step
        is_power = step >= _EARLY and step & (step - 1) == 0
        return self.config.steps is None and is_power and self.progress.spent < 0.1

    def tell(self) -> None:
        """Report before saving, so that all that a checkpoint goes on from is on record."""
        try:
            self.report(self.progress)
        except BaseException:
            if self.group.size == 1:  # the others are in their next step by now, and would not help to save
                self.save()
            raise

    def check(self) -> None:
        """Validate, and save the weights if they are the best; where nothing is held out, do neither."""
        if self.validate is None or self.is_last:
            return
        progress = self.progress
        began = time.monotonic()
        with self.averaged():
            held_out = Validation(0.0)
            if self.group.leads:
                held_out = _as_validation(self.validate())
            progress.validation, progress.beside = self.group.sum([held_out.loss, held_out.beside])
            progress.alone = held_out.alone
            progress.validated_step = progress.step
            if progress.step == 0:
                progress.start = (progress.validation, progress.beside, progress.alone)
            self.keep_if_best(progress.validation)
        self.validated_at = time.monotonic()
        self.validation_seconds = self.validated_at - began

    def averaged(self) -> AbstractContextManager[None]:
        """A while in which the model has the weights that are to be kept: their average, where there is one."""
        average = self.optimisation.average
        return nullcontext() if average is None else average.in_place()

    def keep_if_best(self, validation: float) -> None:
        """Save the weights, if they are the best so far; else lose patience."""
        progress = self.progress
        if not math.isfinite(validation):
            raise divergence("held-out loss", validation, progress, self.config, self.best)
        worth = validation + progress.beside
        is_untrained = progress.best_step == 0 and progress.alone is not None  # what of the best weights learns
        if progress.best is None or is_untrained or worth < progress.best:
            progress.best = worth
            progress.best_step = progress.step
            progress.best_spent = progress.spent
            progress.stale = 0
            if self.group.leads:
                save_tensors(self.best, weights_of(self.model), asdict(progress))
        else:
            progress.stale += not self.is_early()  # patience is with those of the budget
        progress.stopped = self.config.lost_patience(progress)

    def save(self) -> None:
        save_snapshot(self.last, self.optimisation, self.progress)

    def finish(self) -> None:
        """Leave the weights that are the result in the model, and in the folder."""
        average = self.optimisation.average
        if average is not None and (self.validate is None or self.is_last):
            average.put()
        result = self.folder / FINAL if self.is_last else self.best
        if self.is_last and self.group.leads:
            save_tensors(result, weights_of(self.model), asdict(self.progress))
        self.group.wait()  # until rank 0 has written them
        if self.validate is not None:  # which rank 0 alone does, and may fit a part of the model to it
            load_weights(self.model, load_tensors(result)[0])


def _as_validation(held_out: float | Validation) -> Validation:
    return held_out if isinstance(held_out, Validation) else Validation(held_out)
