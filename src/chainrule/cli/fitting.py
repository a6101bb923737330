"""``chainrule fit``, ``compare`` and ``data``: from data to runs."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from chainrule._choices import counted
from chainrule.cli import options as o
from chainrule.cli.console import say, show
from chainrule.cli.tables import (
    backtest_table,
    builtins_table,
    class_table,
    comparison_table,
    errors_table,
    score_table,
)
from chainrule.data import export
from chainrule.errors import ArgumentError
from chainrule.models import MODELS
from chainrule.runs import ClassScore, Run, Score, compare, fit

__all__ = ["compare_command", "data_command", "fit_command", "show_score"]

_FEW = 30  # scored steps below which a score is mostly chance


def fit_command(
    data: o.Source,
    model: Annotated[
        str | None,
        Option(help=f"{', '.join(MODELS)}; gru, for images conv.", rich_help_panel="Model", show_default=False),
    ] = None,
    hidden: o.Hidden = None,
    layers: Annotated[
        int | None,
        Option(help="1; for conv as many as the window needs.", rich_help_panel="Model", show_default=False),
    ] = None,
    window: o.Window = None,
    dropout: Annotated[
        float | None,
        Option(
            help="Share of features dropped in training; 0.2 for text and sound (0.3 if 512 wide by default), else 0.",
            rich_help_panel="Model",
            show_default=False,
        ),
    ] = None,
    tied: Annotated[
        bool, Option("--tied", help="The output weights are the embedding (symbols).", rich_help_panel="Model")
    ] = False,
    layer_norm: o.LayerNorm = None,
    head: o.Head = "gaussian",
    skip: o.Skip = True,
    stable: o.Stable = False,
    minutes: o.Minutes = None,
    steps: o.Steps = None,
    batch: o.Batch = 32,
    learning_rate: o.Rate = None,
    weight_decay: o.WeightDecay = None,
    clip: o.Clip = 1.0,
    clip_value: o.ClipValue = None,
    accumulate: o.Accumulate = 1,
    average: o.Average = None,
    tbptt: o.TBPTT = None,
    bptt: o.BPTT = "truncated",
    memory: o.Memory = None,
    random_windows: o.RandomWindows = False,
    shuffle: o.Shuffle = False,
    state_dropout: o.StateDropout = 0.0,
    learned_start: o.LearnedStart = False,
    seed: o.Seed = 0,
    out: Annotated[Path | None, Option(help="The run's folder; runs/DATA-MODEL.", show_default=False)] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with the run in --out.")] = False,
    quiet: o.Quiet = False,
    kind: o.Kind = None,
    encoding: o.Encoding = "utf-8",
    unit: o.Unit = "characters",
    documents: o.Documents = "one",
    columns: o.Columns = None,
    date: o.Date = None,
    freq: o.Freq = None,
    transform: o.Transform = "auto",
    fill: o.Fill = None,
    season: o.Season = None,
    rate: o.SampleRate = None,
    labels: o.Labels = False,
) -> None:
    """Fit a model to DATA and score it on data it has not seen.

    Sequences are cut in time order: the last tenth is scored, the tenth before it (20,000 steps at most) chooses the
    checkpoint, the rest trains.
    """
    reading = o.reading_of(kind, encoding, unit, documents, columns, date, freq, transform, fill, season, rate, labels)
    run = fit(
        data,
        model,
        hidden=hidden,
        layers=layers,
        window=window,
        dropout=dropout,
        tied=tied,
        layer_norm=layer_norm,
        head=head,
        skip=skip,
        stable=stable,
        minutes=minutes,
        steps=steps,
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
        learned_start=learned_start,
        seed=seed,
        reading=reading,
        out=out,
        resume=resume,
        quiet=quiet,
    )
    if run.result is None:  # of several processes, one scores and tells
        return
    show_score(run, run.result)
    seen = run.receptive_field
    sees = f", which sees the last {counted(seen, 'step')}" if seen else ""
    figures = ", ".join(sorted(path.name for path in run.path.glob("*.png")))
    learned = counted(run.parameters, "parameter")
    say(f"{run.config.model.name} with {learned}{sees}. Run in {run.path}; figures: {figures}")


def show_score(run: Run, score: Score | ClassScore) -> None:
    """The tables of a score."""
    if isinstance(score, ClassScore):
        show(class_table(score))
        return
    show(score_table(score, run.config.model.name))
    if score.unseen:
        scored = counted(score.count, score.unit)
        say(f"note: training never saw {score.unseen:,} of the {scored} scored; what these get is a guess.")
    if score.count < _FEW:
        say(f"note: only {counted(score.count, score.unit)} scored; chance decides much of this.")
    if score.errors:
        show(errors_table(score, run.config.model.name))
    if score.ahead is not None:
        show(backtest_table(score.ahead, run.config.model.name))
    if score.free is not None:
        show(score.free)


def compare_command(
    data: o.Source,
    models: Annotated[str, Option(help="Names with commas between them.")] = ",".join(MODELS),
    hidden: o.Hidden = None,
    window: o.Window = None,
    head: o.Head = "gaussian",
    minutes: o.Minutes = None,
    steps: o.Steps = None,
    batch: o.Batch = 32,
    learning_rate: o.Rate = None,
    seed: o.Seed = 0,
    out: Annotated[Path | None, Option(help="A folder for the runs; runs/compare-DATA.", show_default=False)] = None,
    quiet: o.Quiet = False,
    kind: o.Kind = None,
    encoding: o.Encoding = "utf-8",
    unit: o.Unit = "characters",
    documents: o.Documents = "one",
    columns: o.Columns = None,
    date: o.Date = None,
    freq: o.Freq = None,
    transform: o.Transform = "auto",
    fill: o.Fill = None,
    season: o.Season = None,
    rate: o.SampleRate = None,
) -> None:
    """Fit several models to DATA and put them beside naive baselines, on the same unseen data.

    The budget is for each model. Nats gained over an i.i.d. baseline tell whether order matters in DATA.
    """
    reading = o.reading_of(kind, encoding, unit, documents, columns, date, freq, transform, fill, season, rate, False)
    comparison = compare(
        data,
        [name.strip() for name in models.split(",") if name.strip()],
        hidden=hidden,
        window=window,
        head=head,
        minutes=minutes,
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        seed=seed,
        reading=reading,
        out=out,
        quiet=quiet,
    )
    show(comparison_table(comparison))
    show(comparison.verdict())


def data_command(
    name: Annotated[str | None, Argument(metavar="NAME", help="A set to write to files.", show_default=False)] = None,
    out: Annotated[
        Path | None, Option(help="The file, for digits the folder, to write NAME to.", show_default=False)
    ] = None,
) -> None:
    """List the built-in data, with sources and licences; or write a set to files, in the form that fit reads."""
    if name is None and out is None:
        show(builtins_table())
    elif name is None or out is None:
        raise ArgumentError("give both a NAME and --out to write a set to files, or neither to list them.")
    else:
        export(name, out)
        say(f"{name} written to {out}")
