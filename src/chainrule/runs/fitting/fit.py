"""Fitting: from a source of data and a choice of model to a run."""

import warnings
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from chainrule._wording import as_written, takes_options
from chainrule.data import Reading, Series
from chainrule.errors import ArgumentError, RunFormatError
from chainrule.runs.fitting.defaults import choose_model, choose_training, refits, transform_of
from chainrule.runs.fitting.refit import load_refit, refit_everything
from chainrule.runs.fitting.room import check_room
from chainrule.runs.fitting.summary import say_summary
from chainrule.runs.folder.config import CONFIG, RunConfig
from chainrule.runs.folder.contents import (
    SCORE,
    SERIES,
    check_resumable,
    forget_results,
    make_folder,
    refuse_existing,
    unfinished,
)
from chainrule.runs.folder.data_config import Data
from chainrule.runs.folder.json_files import write_json
from chainrule.runs.folder.metrics_log import METRICS, keep_until, reporting
from chainrule.runs.kinds.table import data_of, describe, kind_of, open_run, stored, task_of
from chainrule.runs.kinds.task import Task
from chainrule.runs.looking import recorder_of
from chainrule.runs.report import write_report
from chainrule.runs.run import Run, Source
from chainrule.training import (
    BEST,
    LAST,
    Group,
    StreamFeed,
    TrainingConfig,
    load_tensors,
    processes,
    save_tensors,
    saved_progress,
    train,
    weights_of,
)

__all__ = ["fit", "load"]

_AS_FOUND = Reading()


def load(path: str | Path) -> Run:
    """Open a run's folder.

    A run whose fit did not end, because it was interrupted or failed, opens with a warning that says how to go on.

    Raises:
        RunFormatError: the folder is not a run, its files are broken, or its fit ended before anything was learned.
    """
    folder = Path(path)
    config = RunConfig.load(folder)
    weights, about = load_tensors(folder / BEST)
    try:
        model = config.data.build_with(config.model, weights)
    except (RunFormatError, ValueError, TypeError, AttributeError, IndexError, RuntimeError, OverflowError) as error:
        # A config that was changed by hand may ask for a model that cannot be built, in any of torch's own words.
        raise RunFormatError(
            f"{folder / CONFIG} and {folder / BEST} do not fit together: {as_written(error)}"
        ) from error
    if (why := unfinished(folder, config, about)) is not None:
        warnings.warn(why, stacklevel=2)
    return open_run(folder, config, model, refit=load_refit(folder, config))


@takes_options
def fit(
    source: Source,
    model: str | None = None,
    *,
    hidden: int | None = None,
    layers: int | None = None,
    window: int | None = None,
    dropout: float | None = None,
    tied: bool = False,
    layer_norm: bool | None = None,
    head: str = "gaussian",
    skip: bool = True,
    stable: bool = False,
    minutes: float | None = None,
    steps: int | None = None,
    batch: int = 32,
    learning_rate: float | None = None,
    weight_decay: float | None = None,
    clip: float = 1.0,
    clip_value: float | None = None,
    accumulate: int = 1,
    average: float | None = None,
    tbptt: int | tuple[int, int] | str | None = None,
    bptt: str = "truncated",
    memory: str | int | None = None,
    random_windows: bool = False,
    shuffle: bool = False,
    state_dropout: float = 0.0,
    learned_start: bool = False,
    patience: int | None = None,
    refit: bool | None = None,
    seed: int = 0,
    reading: Reading = _AS_FOUND,
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> Run:
    """Fit a model to data, score it on data it has not seen, and leave a run folder.

    Sequences are cut in time order: the last tenth is scored, the tenth before it (20,000 steps at most) chooses the
    checkpoint, the rest trains.

    Args:
        source: a file, a folder, the name of a built-in set, values in memory (NumPy, pandas), or data already read.
        model: ar, mlp, conv, rnn, gru or lstm; None takes gru, and conv for images.
        hidden: features a step; None takes 512 for rnn, gru and lstm on text, 256 for other networks on
            text and sound, 32 for series and what is labelled. Not for ar.
        layers: None takes as many as the window needs for conv, else 1.
        window: steps that ar, mlp and conv see, and that gradients go back through; None takes 64, or a tenth of a
            short series; for a linear ar the order of least BIC up to that. Not for images.
        dropout: share of features dropped in training; None takes 0.2 for networks of text and sound (0.3 where hidden
            too is left out and is 512), else 0.
        tied: the output weights are the embedding (symbols only).
        layer_norm: rnn, gru and lstm normalise what enters their gates; None does so on text.
        head: "gaussian" or "student", for real values; several columns are predicted jointly.
        skip: add to networks of real values the path of a linear AR, fitted first and kept stable, that follows levels
            which training never saw; the network learns what it leaves. Without it o_t = W h_t + b alone.
        stable: the roots of a linear ar are kept inside the unit circle, so that its forecasts cannot blow up.
        minutes: the budget in wall-clock time, 3 unless steps are given; with ``refit``, half of it for either fit.
        steps: the budget in steps of the optimiser, instead of minutes; the result then depends on the seed alone.
        batch: parallel rows of a stream, or examples a step.
        learning_rate: the peak, of AdamW; None takes 2e-2 for rnn, gru and lstm with layer norm, else 5e-3.
        weight_decay: of AdamW, on matrices; None takes 0.1 for rnn, gru and lstm with layer norm, else 0.01.
        clip: the norm to which longer gradients are scaled down.
        clip_value: the largest entry of the gradient, to which others are cut before; None for no bound.
        accumulate: batches whose gradients make one step together.
        average: the decay of a moving average of the weights, such as 0.999, which is validated and kept instead.
        tbptt: truncated backpropagation through time: k1, or (k1, k2) for the losses of every k1 steps sent back
            through the last k2 (also "16,128"); "auto" for a window chosen by what it loses of the gradient; None
            for the window.
        bptt: "full" for the exact gradient of the whole training part, one step an epoch.
        memory: bound of the full gradient, such as "256MB"; what does not fit is run again.
        random_windows: draw the lengths of windows, and scale the learning rate by them (AWD-LSTM).
        shuffle: draw the order of documents anew every epoch.
        state_dropout: the rate at which a row forgets its state before a window (symbols only).
        learned_start: rnn, gru and lstm start from a learned state.
        patience: validations on end, of twenty, without a better one, after which training stops; 0 for the whole
            budget. None takes 8 for series with a budget of minutes or of 400 steps and more, else 0.
        refit: after scoring, fit again to all of the data, for as many steps as validated best and from the same
            seed. The run keeps both: forecasts, samples and labels come from the new weights, scores from those that
            have not seen what is scored. None does so for series.
        seed: of initialisation, order and dropout.
        reading: how the source is read: columns, transform, encoding, ...
        out: the run's folder; None takes runs/SOURCE-MODEL.
        resume: go on with the run in ``out`` after an interruption; all but the budget and patience must be as it was.
        overwrite: replace the run in ``out``, once the data and the options have been found to be good.
        quiet: show no progress.

    Raises:
        DataError: the data cannot be used as it is.
        ArgumentError: an option has a value that cannot work.
        RunExistsError: ``out`` exists, and is neither resumed nor a run to overwrite.
        DivergedError: the loss became NaN or infinite.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = fit("sunspots", "ar", window=9, out=folder + "/sunspots")
    ...     round(run.score().errors["model"].mae)
    15
    """
    if resume and overwrite:
        raise ArgumentError("give resume to go on with the run, or overwrite to replace it, not both.")
    data = data_of(source, reading)
    # New data is to be read as the same kind, and for the same columns.
    reading = replace(reading, kind=kind_of(data), columns=data.columns if isinstance(data, Series) else ())
    transform = transform_of(data, reading.transform, window).transform
    chosen = choose_model(
        data,
        transform,
        model=model,
        hidden=hidden,
        layers=layers,
        window=window,
        dropout=dropout,
        tied=tied,
        layer_norm=layer_norm,
        head=head,
        skip=skip,
        stable=stable,
        learned_start=learned_start,
    )
    training = choose_training(
        data,
        chosen,
        steps=steps,
        minutes=minutes,
        batch=batch,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        clip=clip,
        clip_value=clip_value,
        accumulate=accumulate,
        average=average,
        tbptt=tbptt,
        bptt=bptt,
        memory=memory,
        random_windows=random_windows,
        shuffle=shuffle,
        state_dropout=state_dropout,
        patience=patience,
        seed=seed,
    )
    config = RunConfig(
        source=stored(str(source)) if isinstance(source, str | Path) else None,
        reading=reading,
        model=chosen,
        training=training,
        data=describe(data, transform, chosen.window),
        refit=refits(data, refit),
    )
    options = {"model": model, "hidden": hidden, "window": window, "layer_norm": layer_norm, "dropout": dropout}
    options["budget"] = steps if minutes is None else minutes
    unasked = [name for name, value in options.items() if value is None]
    folder = Path(out) if out is not None else Path("runs") / f"{Path(config.data.name).stem}-{config.model.name}"
    with torch.random.fork_rng(devices=[]), processes() as group:
        torch.manual_seed(seed)
        return _fit(data, config, folder, group, unasked, resume=resume, overwrite=overwrite, quiet=quiet)


def _fit(
    data: Data,
    config: RunConfig,
    folder: Path,
    group: Group,
    unasked: list[str],
    *,
    resume: bool,
    overwrite: bool,
    quiet: bool,
) -> Run:
    check_room(data, config)
    task = task_of(data, config, group)
    model = config.data.build(config.model)
    if group.rank:
        torch.manual_seed(config.training.seed + group.rank)  # the same weights, other dropout
    if resume:
        check_resumable(folder, config)
    elif group.leads:
        refuse_existing(folder, overwrite=overwrite)
    if isinstance(task.feed, StreamFeed):
        task.feed.check(model)
    solved = task.solve(model)  # may be refused, so before anything is written, or removed
    if group.leads:
        make_folder(folder)
        if not quiet:
            say_summary(data, task, unasked)
        if not resume:
            forget_results(folder)
        config.save(folder)
        task.save(folder)
        if solved:
            save_tensors(folder / BEST, weights_of(model), {})
    group.wait()
    if not solved:
        _train(task, model, config, folder, group, resume=resume and (folder / LAST).exists(), quiet=quiet)
    score = task.score(model) if group.leads else None
    run = open_run(folder, config, model, result=score)
    if score is not None:
        write_report(run, score)
    if config.refit:
        run.refit = refit_everything(task, config, folder, group, quiet=quiet)
    if score is not None:
        run.result = run.watched(score)
        write_json(folder / SCORE, run.result.to_dict())
    return run


def _train(
    task: Task, model: nn.Module, config: RunConfig, folder: Path, group: Group, *, resume: bool, quiet: bool
) -> None:
    """Train from the start, or from the last checkpoint."""
    training = _first(config)
    if group.leads and resume:
        saved = saved_progress(folder / LAST)
        keep_until(folder, saved.step)
        if not training.done(saved):
            forget_results(folder, but=(BEST, LAST, METRICS, SERIES))
    group.wait()
    title = f"{config.model.name} of {config.data.name}"
    reach = recorder_of(model, config)
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
        )


def _first(config: RunConfig) -> TrainingConfig:
    """The budget of the fit that is scored: half of the minutes, where a refit of as many steps is to follow."""
    training = config.training
    if not config.refit or training.steps is not None:
        return training
    return replace(training, minutes=training.minutes / 2)
