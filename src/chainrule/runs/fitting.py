"""Fitting: from a source of data and a choice of model to a run."""

import json
from dataclasses import replace
from pathlib import Path

import torch

from chainrule.data import Labelled, Reading, Series, Symbols, read
from chainrule.errors import ArgumentError, RunExistsError
from chainrule.models import ModelConfig
from chainrule.runs.config import DataConfig, RunConfig
from chainrule.runs.labelled import ClassifierRun, LabelledTask
from chainrule.runs.progress import keep_until, reporting
from chainrule.runs.report import write_report
from chainrule.runs.run import Data, Run, Source
from chainrule.runs.series import SeriesRun, SeriesTask
from chainrule.runs.symbols import SymbolRun, SymbolTask
from chainrule.runs.task import Task
from chainrule.training import (
    BEST,
    LAST,
    TrainingConfig,
    load_tensors,
    load_weights,
    save_tensors,
    train,
    weights_of,
)

__all__ = ["fit", "load"]

_AS_FOUND = Reading()
_WINDOW = 64
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
    model = config.data.build(config.model)
    weights, _ = load_tensors(folder / BEST)
    load_weights(model, weights)
    return _RUNS[config.data.kind](folder, config, model)


def fit(
    source: Source,
    model: str | None = None,
    *,
    hidden: int | None = None,
    layers: int | None = None,
    window: int | None = None,
    dropout: float = 0.0,
    tied: bool = False,
    head: str = "gaussian",
    minutes: float | None = None,
    steps: int | None = None,
    batch: int = 32,
    learning_rate: float = 2e-3,
    weight_decay: float = 0.01,
    clip: float = 1.0,
    seed: int = 0,
    reading: Reading = _AS_FOUND,
    out: str | Path | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> Run:
    """Fit a model to data, score it on data it has not seen, and leave a run folder.

    Sequences are cut in time order: eight tenths train, one chooses the checkpoint, the last one is the score's.

    Args:
        source: a file, a folder, the name of a built-in set, or data already read.
        model: ar, mlp, conv, rnn, gru or lstm; None takes gru, and conv for images.
        hidden: features a step; None takes 256, and 32 for images.
        layers: None takes as many as the window needs for conv, else 1.
        window: steps that ar, mlp and conv see, and that gradients go back through; None takes 64, or a tenth of a
            short series.
        dropout: share of features dropped in training.
        tied: the output weights are the embedding (symbols only).
        head: "gaussian" or "student", for real values.
        minutes: the budget in wall-clock time, 3 unless steps are given.
        steps: the budget in steps of the optimiser, instead of minutes; the result then depends on the seed alone.
        batch: parallel rows of a stream, or examples a step.
        learning_rate: the peak, of AdamW.
        weight_decay: of AdamW, on matrices.
        clip: the norm to which longer gradients are scaled down.
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
    17
    """
    if minutes is not None and steps is not None:
        raise ArgumentError("give minutes or steps, not both: they are two budgets for the same run.")
    data = source if isinstance(source, Symbols | Series | Labelled) else read(source, reading)
    if isinstance(data, Series):
        reading = replace(reading, columns=data.columns)  # so that new data is read for the same ones
    images = isinstance(data, Labelled) and data.kind == "images"
    config = RunConfig(
        source=None if source is data else _stored(str(source)),
        reading=reading,
        model=ModelConfig(
            name=model or ("conv" if images else "gru"),
            hidden=(32 if images else 256) if hidden is None else hidden,
            layers=layers,
            window=_window(data) if window is None else window,
            dropout=dropout,
            tied=tied,
            head=head,
        ),
        training=TrainingConfig(
            steps, 3.0 if minutes is None else minutes, batch, learning_rate, weight_decay, clip, seed
        ),
        data=_describe(data, reading),
    )
    folder = Path(out) if out is not None else Path("runs") / f"{Path(config.data.name).stem}-{config.model.name}"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _fit(data, config, folder, resume=resume, quiet=quiet)


def _fit(data: Data, config: RunConfig, folder: Path, *, resume: bool, quiet: bool) -> Run:
    task = _task(data, config)
    model = config.data.build(config.model)
    _open(folder, config, resume=resume)
    task.save(folder)
    if task.solve(model):
        save_tensors(folder / BEST, weights_of(model), {})
    else:
        if resume:
            keep_until(folder, load_tensors(folder / LAST)[1]["step"])
        title = f"{config.model.name} of {config.data.name}"
        with reporting(folder, title, config.data.unit, quiet=quiet) as report:
            train(model, task.feed, lambda: task.validate(model), config.training, folder, report, resume=resume)
    score = task.score(model)
    run = _RUNS[config.data.kind](folder, config, model, score)
    write_report(run, score)
    return run


def _task(data: Data, config: RunConfig) -> Task:
    if isinstance(data, Symbols):
        return SymbolTask(data, config)
    return SeriesTask(data, config) if isinstance(data, Series) else LabelledTask(data, config)


def _describe(data: Data, reading: Reading) -> DataConfig:
    if isinstance(data, Symbols):
        return SymbolTask.describe(data)
    return SeriesTask.describe(data, reading.transform) if isinstance(data, Series) else LabelledTask.describe(data)


def _window(data: Data) -> int:
    return max(1, min(_WINDOW, len(data.values) // 10)) if isinstance(data, Series) else _WINDOW


def _stored(source: str) -> str:
    """The source as the config keeps it: a built-in name as it is, a path so that it is found from any folder."""
    path = Path(source)
    return str(path.resolve()) if path.exists() else source


def _open(folder: Path, config: RunConfig, *, resume: bool) -> None:
    """Make the run's folder, or with ``resume`` check that it is this run's."""
    if not resume:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunExistsError(
                f"{folder} exists, and a run is never overwritten. Choose another folder with --out, "
                "remove this one, or go on with it with --resume."
            )
        folder.mkdir(parents=True, exist_ok=True)
        config.save(folder)
        return
    before = RunConfig.load(folder).to_dict()
    now = json.loads(json.dumps(config.to_dict()))
    changed = [
        f"{name} was {before[part][name]!r} and is {value!r}"
        for part in ("reading", "model", "training", "data")
        for name, value in now[part].items()
        if name not in ("steps", "minutes") and json.loads(json.dumps(before[part][name])) != value
    ]
    if before["source"] != now["source"]:
        changed.insert(0, f"the source was {before['source']} and is {now['source']}")
    if changed:
        raise ArgumentError(
            f"{folder} cannot go on with other options: {'; '.join(changed[:3])}. Repeat the command that began it, "
            "with --resume added; only --minutes and --steps may change."
        )
    config.save(folder)
