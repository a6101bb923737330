"""Fitting: from a source of data and a choice of model to a run."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from chainrule._wording import takes_options
from chainrule.data import Labelled, Reading, Series, Symbols, Transform, read
from chainrule.errors import ArgumentError, ChainruleError, RunFormatError
from chainrule.models import ModelConfig, choose_transform, path_order, select_order
from chainrule.runs.config import CONFIG, RunConfig
from chainrule.runs.dataset import Data, DataConfig
from chainrule.runs.folder import check_resumable, make_folder, refuse_existing
from chainrule.runs.labelled import ClassifierRun, LabelledTask
from chainrule.runs.looking import recorder_of
from chainrule.runs.progress import keep_until, reporting
from chainrule.runs.report import write_report
from chainrule.runs.run import Run, Source
from chainrule.runs.series import SeriesRun, SeriesTask
from chainrule.runs.splits import split_in_time
from chainrule.runs.symbols import SymbolRun, SymbolTask
from chainrule.runs.task import Task
from chainrule.training import (
    BEST,
    LAST,
    Group,
    Progress,
    StreamFeed,
    TrainingConfig,
    TruncatedBPTT,
    bytes_of,
    load_tensors,
    load_weights,
    processes,
    save_tensors,
    saved_step,
    train,
    weights_of,
)

__all__ = ["fit", "load", "solved_exactly"]

_AS_FOUND = Reading()
_WINDOW = 64
# What layer norm keeps in bounds learns at a higher rate, and so fast that it is to be kept from learning by heart.
_NORMALISED_RATE, _NORMALISED_DECAY = 2e-2, 0.1
_RUNS: dict[str, type[SymbolRun] | type[SeriesRun] | type[ClassifierRun]] = {
    "symbols": SymbolRun,
    "series": SeriesRun,
    "images": ClassifierRun,
    "sound": ClassifierRun,
}


def load(path: str | Path) -> Run:
    """Open a run's folder.

    Raises:
        RunFormatError: the folder is not a run, or its files are broken.
    """
    folder = Path(path)
    config = RunConfig.load(folder)
    weights, _ = load_tensors(folder / BEST)
    try:
        model = config.data.build(config.model)
        load_weights(model, weights)
    except (RunFormatError, ValueError, TypeError, AttributeError, IndexError, RuntimeError) as error:
        # A config that was changed by hand may ask for a model that cannot be built, in any of torch's own words.
        told = error.message if isinstance(error, ChainruleError) else error
        raise RunFormatError(f"{folder / CONFIG} and {folder / BEST} do not fit together: {told}") from error
    return _RUNS[config.data.kind](folder, config, model)


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
    seed: int = 0,
    reading: Reading = _AS_FOUND,
    out: str | Path | None = None,
    resume: bool = False,
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
        minutes: the budget in wall-clock time, 3 unless steps are given.
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
        seed: of initialisation, order and dropout.
        reading: how the source is read: columns, transform, encoding, ...
        out: the run's folder; None takes runs/SOURCE-MODEL.
        resume: go on with the run in ``out`` after an interruption; everything but the budget must be as it was.
        quiet: show no progress.

    Raises:
        DataError: the data cannot be used as it is.
        ArgumentError: an option has a value that cannot work.
        RunExistsError: ``out`` exists, and ``resume`` is off.
        DivergedError: the loss became NaN or infinite.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = fit("sunspots", "ar", window=9, out=folder + "/sunspots")
    ...     round(run.score().errors["model"].mae)
    15
    """
    if minutes is not None and steps is not None:
        raise ArgumentError("give minutes or steps, not both: they are two budgets for the same run.")
    data = _data(source, reading)
    # New data is to be read as the same kind, and for the same columns.
    reading = replace(reading, kind=_kind(data), columns=data.columns if isinstance(data, Series) else ())
    images = isinstance(data, Labelled) and data.kind == "images"
    if images and window is not None:
        raise ArgumentError(f"window is {window}, but images have no steps. Leave it out.")
    if model == "ar" and hidden is not None:
        raise ArgumentError(f"hidden is {hidden}, but ar has no hidden features. Leave it out, or try mlp.")
    linear = solved_exactly(data, model or "gru", head)
    if linear and (steps is not None or minutes is not None):
        raise ArgumentError("a linear ar of real values is solved exactly, at once. Leave out minutes and steps.")
    of_gradients = {
        "--tbptt": tbptt is not None,
        "--bptt": bptt != "truncated",
        "--random-windows": random_windows,
        "--accumulate": accumulate != 1,
        "--clip-value": clip_value is not None,
        "--average": average is not None,
    }
    if linear and any(of_gradients.values()):
        asked = ", ".join(name for name, given in of_gradients.items() if given)
        raise ArgumentError(f"a linear ar of real values is solved exactly, without gradients. Leave out {asked}.")
    transform = _transform(data, reading.transform, window)
    window = _window(data, transform, linear=linear) if window is None else window
    layer_norm = _recurrent_on_text(data, model) if layer_norm is None else layer_norm
    if learning_rate is None:
        learning_rate = _NORMALISED_RATE if layer_norm else TrainingConfig.learning_rate
    if weight_decay is None:
        weight_decay = _NORMALISED_DECAY if layer_norm else TrainingConfig.weight_decay
    config = RunConfig(
        source=_stored(str(source)) if isinstance(source, str | Path) else None,
        reading=reading,
        model=ModelConfig(
            name=model or ("conv" if images else "gru"),
            hidden=_hidden(data, model) if hidden is None else hidden,
            layers=layers,
            window=window,
            dropout=_dropout(data, model, hidden) if dropout is None else dropout,
            tied=tied,
            layer_norm=layer_norm,
            head=head,
            skip=_path(data, transform, model) if skip else 0,
            stable=stable,
            learned_start=learned_start,
        ),
        training=TrainingConfig(
            steps=steps,
            minutes=3.0 if minutes is None else minutes,
            batch=batch,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            clip=clip,
            seed=seed,
            clip_value=clip_value,
            accumulate=accumulate,
            average=average,
            memory=None if memory is None else bytes_of(memory),
            random_windows=random_windows,
            shuffle=shuffle,
            state_dropout=state_dropout,
            **_through_time(tbptt, bptt),
        ),
        data=_describe(data, transform, window),
    )
    folder = Path(out) if out is not None else Path("runs") / f"{Path(config.data.name).stem}-{config.model.name}"
    with torch.random.fork_rng(devices=[]), processes() as group:
        torch.manual_seed(seed)
        return _fit(data, config, folder, group, resume=resume, quiet=quiet)


def _fit(data: Data, config: RunConfig, folder: Path, group: Group, *, resume: bool, quiet: bool) -> Run:
    task = _task(data, config, group)
    model = config.data.build(config.model)
    if group.rank:
        torch.manual_seed(config.training.seed + group.rank)  # the same weights, other dropout
    if resume:
        check_resumable(folder, config)
    elif group.leads:
        refuse_existing(folder)
    if isinstance(task.feed, StreamFeed):
        task.feed.check(model)
    solved = task.solve(model)  # may be refused, so before anything is written
    if group.leads:
        make_folder(folder)
        config.save(folder)
        task.save(folder)
        if solved:
            save_tensors(folder / BEST, weights_of(model), {})
    group.wait()
    if not solved:
        _train(task, model, config, folder, group, resume=resume and (folder / LAST).exists(), quiet=quiet)
    score = task.score(model) if group.leads else None
    run = _RUNS[config.data.kind](folder, config, model, score)
    if score is not None:
        write_report(run, score)
    return run


def _train(
    task: Task, model: nn.Module, config: RunConfig, folder: Path, group: Group, *, resume: bool, quiet: bool
) -> None:
    """Train from the start, or from the last checkpoint."""
    recorded = keep_until(folder, saved_step(folder)) if resume and group.leads else 0
    spent = config.training.spent(recorded, 0.0) if recorded else -1.0
    title = f"{config.model.name} of {config.data.name}"
    reach = recorder_of(model, config)
    of_rank_0 = reporting(folder, title, config.data.unit, quiet=quiet, spent=spent, reach=reach)
    shown = of_rank_0 if group.leads else nullcontext(_silent)
    with shown as report:
        train(
            *(model, task.feed, lambda: task.validate(model), config.training, folder, report),
            resume=resume,
            group=group,
        )


def _silent(progress: Progress) -> None:
    """What the processes report that rank 0 reports for."""


def _through_time(tbptt: int | tuple[int, int] | str | None, bptt: str) -> dict[str, Any]:
    """The part of TrainingConfig that says how far gradients go back."""
    if tbptt is None:
        return {"bptt": bptt}
    if bptt != "truncated":
        raise ArgumentError(f"tbptt is {tbptt!r} and bptt is {bptt!r}: give one of them, a window or the whole.")
    if tbptt == "auto":
        return {"bptt": "auto"}
    lengths = tbptt.split(",") if isinstance(tbptt, str) else tbptt if isinstance(tbptt, tuple) else (tbptt,)
    try:
        found = TruncatedBPTT(*(int(k) if isinstance(k, str) else k for k in lengths))
    except (TypeError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(
            f"tbptt is {tbptt!r}; expected steps such as 64, a pair k1,k2 such as 16,128, or 'auto'."
        ) from error
    return {"bptt": "truncated", "k1": found.k1, "k2": found.k2}


def _data(source: Source, reading: Reading) -> Data:
    if not isinstance(source, Symbols | Series | Labelled):
        return read(source, reading)
    applies = replace(_AS_FOUND, transform=reading.transform) if isinstance(source, Series) else _AS_FOUND
    if reading != applies:
        raise ArgumentError(
            f"{source.name} is read already, so that of a reading only the transform of a series can apply: "
            "leave the rest out, or give the source itself."
        )
    return source


def _task(data: Data, config: RunConfig, group: Group) -> Task:
    if isinstance(data, Symbols):
        return SymbolTask(data, config, group)
    return SeriesTask(data, config, group) if isinstance(data, Series) else LabelledTask(data, config, group)


def _describe(data: Data, transform: str, window: int) -> DataConfig:
    if isinstance(data, Symbols):
        return SymbolTask.describe(data)
    if isinstance(data, Series):
        return SeriesTask.describe(data, transform, window)
    return LabelledTask.describe(data)


def solved_exactly(data: Data, model: str, head: str) -> bool:
    """Whether the model is fitted in closed form, without a budget."""
    return isinstance(data, Series) and model == "ar" and head == "gaussian"


def _kind(data: Data) -> str:
    """The kind of reading that the data came from."""
    if isinstance(data, Series):
        return "table"
    if isinstance(data, Labelled):
        return data.kind
    return "text" if data.rate is None else "sound"


def _transform(data: Data, asked: str, window: int | None) -> str:
    """The transform of a series: the one asked for, or the one that the training part speaks for."""
    if asked != "auto" or not isinstance(data, Series):
        return asked
    train = split_in_time(len(data.values), window or 1, data.name, "step")[0]
    return choose_transform(data.values[:train], data.season, positive=bool((data.values > 0).all())).transform


def _path(data: Data, transform: str, model: str | None) -> int:
    """Taps of the linear path past a network."""
    if not isinstance(data, Series) or model == "ar":
        return ModelConfig.skip
    train = data.values[: split_in_time(len(data.values), 1, data.name, "step")[0]]
    return path_order(Transform.fit(transform, train), torch.from_numpy(train), data.season)


def _window(data: Data, transform: str, *, linear: bool) -> int:
    """The window where none is given: 64, or a tenth of a short series; at most that, by BIC, for a linear AR."""
    if not isinstance(data, Series):
        return _WINDOW
    most = max(1, min(_WINDOW, len(data.values) // 10))
    if not linear:
        return most
    train = data.values[: split_in_time(len(data.values), 1, data.name, "step")[0]]
    return select_order(Transform.fit(transform, train).apply(torch.from_numpy(train)), most)


def _hidden(data: Data, model: str | None) -> int:
    """In a minute or two a wide network learns more of a text than a narrow one that sees three times as much of it."""
    if _recurrent_on_text(data, model):
        return 512
    return 256 if isinstance(data, Symbols) else 32


def _dropout(data: Data, model: str | None, hidden: int | None) -> float:
    """Networks see a text many times over within minutes, and learn it by heart; series they are slower to."""
    if hidden is None and _recurrent_on_text(data, model):
        return 0.3
    return 0.2 if isinstance(data, Symbols) and model != "ar" else 0.0


def _recurrent_on_text(data: Data, model: str | None) -> bool:
    return isinstance(data, Symbols) and data.rate is None and model in (None, "rnn", "gru", "lstm")


def _stored(source: str) -> str:
    """The source as the config keeps it: a built-in name as it is, a path so that it is found from any folder."""
    path = Path(source)
    return str(path.resolve()) if path.exists() else source.removeprefix("builtin:")
