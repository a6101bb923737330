"""Fitting: from a source of data and a choice of model to a run."""

import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from chainrule._choices import choose
from chainrule._devices import CPU, Device, asked_for, current, forked, named, seed_all
from chainrule.data import Reading
from chainrule.display import printable
from chainrule.errors import ArgumentError, DeviceError, RunFormatError
from chainrule.runs.fitting.asked import Asked, reading_of
from chainrule.runs.fitting.fit_everything import load_refit, refit_everything
from chainrule.runs.fitting.plan import FitPlan, plan
from chainrule.runs.fitting.precision import precision_by_trial
from chainrule.runs.fitting.room import check_room
from chainrule.runs.fitting.summary import say_summary
from chainrule.runs.folder.config import ASKED, CONFIG, RunConfig
from chainrule.runs.folder.contents import (
    SCORE,
    SERIES,
    check_resumable,
    forget_results,
    refuse_existing,
    unfinished,
)
from chainrule.runs.folder.device import RAN_ON, RanOn, device_as_fitted
from chainrule.runs.folder.holding import holding
from chainrule.runs.folder.json_files import write_json
from chainrule.runs.folder.messages import say
from chainrule.runs.folder.metrics_log import METRICS, keep_until, reporting
from chainrule.runs.kinds.building import build, build_with
from chainrule.runs.kinds.registry import KINDS, open_run
from chainrule.runs.kinds.task import Task
from chainrule.runs.looking import recorder_of
from chainrule.runs.report import write_report
from chainrule.runs.run import Run, Source
from chainrule.runs.watching.curves import KEEPS_START
from chainrule.training import (
    BEST,
    FINAL,
    FINAL_LAST,
    LAST,
    Group,
    StreamFeed,
    Then,
    TrainingSettings,
    load_tensors,
    processes,
    save_tensors,
    saved_progress,
    train,
    weights_of,
    weights_of_snapshot,
)

__all__ = ["CHECKPOINTS", "fit", "load"]

CHECKPOINTS = {"best": BEST, "final": FINAL, "last": LAST}
_AS_FOUND = Reading()
_AS_CHOSEN = TrainingSettings()


def load(path: str | Path, *, device: Device = "auto", checkpoint: str | None = None) -> Run:
    """Open a run's folder.

    Its models are put on the ``device``, "cpu", "cuda", "cuda:1" or "mps", wherever they were fitted. By default
    ("auto") that is the GPU if they were fitted on one and there is one here, else the CPU. A run whose fit did not
    end, because it was interrupted or failed, opens with a warning that says how to go on.

    A fit may keep several weights, of which those are loaded that it scored, unless a ``checkpoint`` is named: "best"
    (that validated best), "final" (once what was held out had joined), or "last" (where training was last saved).

    Raises:
        RunFormatError: the folder is not a run, its files are broken, or its fit ended before anything was learned.
        DeviceError: the device is not there, or cannot compute such a model.
    """
    asked = asked_for(device)
    if checkpoint is not None:
        choose("`checkpoint`", checkpoint, tuple(CHECKPOINTS))
    folder = Path(path)
    config = RunConfig.load(folder)
    kind = KINDS[config.data.kind]
    if checkpoint == "last" and config.model.mix != "none":
        raise ArgumentError(
            f"the last checkpoint of {folder} is of its network alone, without the {config.model.mix} that it is mixed "
            'with. Expected `checkpoint` "best" or "final".'
        )
    has_gone_on = config.refit and kind.goes_on and (folder / FINAL).is_file()
    file = folder / CHECKPOINTS[checkpoint or ("final" if has_gone_on else "best")]
    weights, about = load_tensors(file)
    if file.name == LAST:
        weights = weights_of_snapshot(weights)
    try:
        model = build_with(config.data, config.model, weights)
    except (RunFormatError, ValueError, TypeError, AttributeError, IndexError, RuntimeError, OverflowError) as error:
        # A config that was changed by hand may ask for a model that cannot be built, in any of torch's own words.
        raise RunFormatError(f"{folder / CONFIG} and {file} do not fit together: {error}") from error
    refits_after = config.refit and not kind.goes_on
    if (why := unfinished(folder, config, about, refits_after=refits_after)) is not None:
        warnings.warn(why, stacklevel=2)
    run = open_run(folder, config, model, refit=load_refit(folder, config) if refits_after else None)
    return run.to(device_as_fitted(folder) if asked is None else asked)


def fit(
    source: Source,
    model: str | None = None,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    out: str | Path | None = None,
    seed: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
    figures: bool = True,
    device: Device = "auto",
    training: TrainingSettings | Mapping[str, Any] = _AS_CHOSEN,
    reading: Reading | Mapping[str, Any] = _AS_FOUND,
    **settings: Any,
) -> Run:
    """Fit a model to data, score it on data it has not seen, and leave a run folder.

    Sequences are cut in time order: the last tenth is scored. A tenth (20,000 steps at most) chooses the checkpoint:
    that before it, or of text and sound blocks spread over all before it, which train too for the last 15 % of the
    budget. The rest trains.

    Args:
        source: a file, a folder, the name of a built-in set, values in memory (NumPy, pandas), or data already read.
        model: one of ``chainrule.models.MODELS``; None takes lstm for text, conv for images, else gru.
        minutes: the budget in wall-clock time, 3 unless steps are given; where a refit begins again, half of it for
            either fit.
        steps: the budget in steps of the optimiser, instead of minutes; the result then depends on the seed alone.
        out: the run's folder; None takes runs/SOURCE-MODEL.
        seed: the random seed of initialisation, order and dropout; None takes 0.
        resume: go on with the run in ``out`` after an interruption; all but the budget and patience must be as it was.
            Where that was before anything was written, the fit begins afresh, with a warning.
        overwrite: replace the run in ``out``, once the data and the settings have been found to be good.
        quiet: show no progress.
        figures: draw the figures of the run into its folder, which takes longer than a tiny fit.
        device: where to compute: "cpu", "cuda", "cuda:1" or "mps". By default ("auto") training steps are tried on the
            GPU, if there is one, and it is taken where they are faster than on the CPU. A run can go on, and be used,
            on another one.
        training: how to train: learning rate, batch size, backpropagation through time and so on.
        reading: how the source is read: columns, transform, encoding and so on.
        settings: of the model, those of `ModelSettings`: hidden, layers, window, dropout and so on.

    Raises:
        DataError: the data cannot be used as it is.
        ArgumentError: a setting has a value that cannot work, or does not apply to the model or the data.
        DeviceError: the device is not there, or cannot compute such a model.
        RunExistsError: ``out`` exists, and is neither resumed nor a run to overwrite.
        RunError: another process is writing to ``out``.
        WriteError: ``out`` cannot be written to, as where the disk is full.
        DivergedError: the loss became NaN or infinite.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = fit("sunspots", "ar", window=9, out=folder + "/sunspots")
    ...     round(run.score().errors["model"].mae)
    15
    """
    if resume and overwrite:
        raise ArgumentError("give `resume` to go on with the run, or `overwrite` to replace it, not both.")
    asked = Asked.of(settings, training)
    wanted = asked_for(device)
    with forked(CPU), processes(wanted) as group:
        planned = plan(
            source,
            model,
            asked,
            reading_of(reading),
            minutes=minutes,
            steps=steps,
            seed=seed,
            out=out,
            resume=resume,
            overwrite=overwrite,
            group=group,
            device=wanted,
        )
        place = planned.placed.device
        alone = holding(planned.folder) if group.leads else nullcontext()
        with forked(place), current(place), _told_of_memory(place), alone:
            seed_all(planned.config.training.seed, place)
            return _fit(planned, group, overwrite=overwrite, quiet=quiet, figures=figures)


@contextmanager
def _told_of_memory(device: torch.device) -> Iterator[None]:
    """A while in which a GPU's lack of memory is an error with a remedy."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DeviceError(
            f"the memory of {named(device)} is too small for this fit ({str(error).splitlines()[0]}). Give a smaller "
            '`batch` or `hidden`, or `device="cpu"`; what was saved is kept.'
        ) from error


def _fit(planned: FitPlan, group: Group, *, overwrite: bool, quiet: bool, figures: bool) -> Run:
    config = planned.config
    folder = planned.folder
    resume = planned.resume
    kind = KINDS[config.data.kind]
    device = planned.placed.device
    check_room(planned.data, config, device)
    task = kind.task(planned.data, config, group)
    tried = 0.0
    if planned.tries_bfloat16:
        began = time.monotonic()
        precision, why = precision_by_trial(task, config, group, device)
        task.config = config = replace(config, model=replace(config.model, precision=precision))
        planned = replace(planned, config=config, why_precision=why)
        tried = time.monotonic() - began
    model = build(config.data, config.model).to(device)  # the same weights on every device,
    if group.rank:
        seed_all(config.training.seed + group.rank, device)  # and in every process, but other dropout
    if resume:
        check_resumable(folder, config)
    elif group.leads:
        refuse_existing(folder, overwrite=overwrite)  # now that nobody else writes there
    if isinstance(task.feed, StreamFeed):
        task.feed.check(task.trained(model))
    began = time.monotonic()
    solved = task.solve(model)  # may be refused, so before anything is written, or removed
    (prepared,) = group.sum([tried + time.monotonic() - began if group.leads else 0.0])
    if solved and config.refit and kind.goes_on:
        task.take_everything(model)
    if group.leads:
        if not quiet:
            say_summary(planned, task)
        if not resume:
            forget_results(folder)
        config.save(folder)
        write_json(folder / ASKED, dict(planned.asked))
        RanOn.here(device).save(folder)
        task.save(folder)
        if solved:
            save_tensors(folder / BEST, weights_of(model), {})
    group.wait()
    if not solved:
        _train(
            task, model, config, folder, group, resume=resume and (folder / LAST).exists(), quiet=quiet, used=prepared
        )
    score = task.score(model) if group.leads else None
    run = open_run(folder, config, model, result=score)
    if score is not None:
        write_report(run, score, figures=figures)
    if config.refit and not kind.goes_on:
        run.refit = refit_everything(task, config, folder, group, device, quiet=quiet)
    if score is not None:
        run.result = run.watched(score)  # type: ignore[arg-type]
        write_json(folder / SCORE, run.result.to_dict())
        if run.best_step == 0:
            say(printable(f"{config.title}: {KEEPS_START} Lower `learning_rate`, or train longer."))
    return run


def _train(
    task: Task,
    model: nn.Module,
    config: RunConfig,
    folder: Path,
    group: Group,
    *,
    resume: bool,
    quiet: bool,
    used: float,
) -> None:
    """Train from the start, or from the last checkpoint; ``used`` seconds, of the same minutes, went before."""
    goes_on = config.refit and KINDS[config.data.kind].goes_on
    training = config.training
    if config.refit and not goes_on and training.steps is None:
        training = replace(training, minutes=training.minutes / 2)  # a refit of as many steps is to follow
    if group.leads and resume:
        saved = saved_progress(folder / LAST)
        if not training.done(saved, then=goes_on):
            forget_results(folder, but=(BEST, LAST, METRICS, SERIES, RAN_ON))
        elif (folder / FINAL_LAST).is_file():
            saved = saved_progress(folder / FINAL_LAST)
        keep_until(folder, saved.step)
    group.wait()
    title = f"{config.model.title} of {config.data.name}"
    reach = recorder_of(task.trained(model), config)
    shown = reporting(folder / METRICS, title, config.data.unit, quiet=quiet, reach=reach, leads=group.leads)
    with shown as report:
        train(
            model,
            task.feed,
            lambda: task.validate(model),
            training,
            folder,
            report,
            resume=resume,
            group=group,
            used=used,
            then=Then(task.feed_everything, lambda: task.take_everything(model)) if goes_on else None,
            part=task.trained(model),
        )
