"""``chainrule fit``, ``compare`` and ``data``: from data to runs."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from chainrule._choices import counted
from chainrule.cli import options as o
from chainrule.cli.console import say, show
from chainrule.data import builtins, export
from chainrule.display import Table
from chainrule.errors import ArgumentError
from chainrule.models import MODELS
from chainrule.runs import compare, fit

__all__ = ["compare_command", "data_command", "fit_command"]


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
    patience: o.Patience = None,
    refit: o.Refit = None,
    seed: o.Seed = 0,
    out: Annotated[Path | None, Option(help="The run's folder; runs/DATA-MODEL.", show_default=False)] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with the run in --out.")] = False,
    overwrite: o.Overwrite = False,
    quiet: o.Quiet = False,
    kind: o.Kind = None,
    encoding: o.Encoding = "utf-8",
    unit: o.Unit = "characters",
    documents: o.Documents = "one",
    columns: o.Columns = None,
    date: o.Date = None,
    freq: o.Freq = None,
    date_format: o.DateFormat = None,
    id: o.Id = None,
    series: o.OneSeries = None,
    header: o.Header = None,
    sheet: o.Sheet = None,
    thousands: o.Thousands = None,
    decimal: o.Decimal = None,
    transform: o.Transform = "auto",
    fill: o.Fill = None,
    season: o.Season = None,
    rate: o.SampleRate = None,
    labels: o.Labels = False,
    group: o.Group = None,
) -> None:
    """Fit a model to DATA and score it on data it has not seen.

    Sequences are cut in time order: the last tenth is scored, the tenth before it (20,000 steps at most) chooses the
    checkpoint, the rest trains.
    """
    reading = o.reading_of(
        kind=kind,
        encoding=encoding,
        unit=unit,
        documents=documents,
        columns=columns,
        date=date,
        date_format=date_format,
        id=id,
        series=series,
        header=header,
        sheet=sheet,
        thousands=thousands,
        decimal=decimal,
        freq=freq,
        transform=transform,
        fill=fill,
        season=season,
        rate=rate,
        labels=labels,
        group=group,
    )
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
        patience=patience,
        refit=refit,
        seed=seed,
        reading=reading,
        out=out,
        resume=resume,
        overwrite=overwrite,
        quiet=quiet,
    )
    if run.result is None:  # of several processes, one scores and tells
        return
    show(run.result)
    seen = run.receptive_field
    sees = f", which sees the last {counted(seen, 'step')}" if seen else ""
    figures = ", ".join(sorted(path.name for path in run.path.glob("*.png")))
    if run.refit is not None:
        say(f"forecasts and the like come from {run.refit}; the score is of weights that have not seen what is scored")
    learned = counted(run.parameters, "parameter")
    say(f"{run.config.model.name} with {learned}{sees}. Run in {run.path}; figures: {figures}")


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
    overwrite: Annotated[bool, Option("--overwrite", help="Replace the comparison in --out.")] = False,
    quiet: o.Quiet = False,
    kind: o.Kind = None,
    encoding: o.Encoding = "utf-8",
    unit: o.Unit = "characters",
    documents: o.Documents = "one",
    columns: o.Columns = None,
    date: o.Date = None,
    freq: o.Freq = None,
    date_format: o.DateFormat = None,
    id: o.Id = None,
    series: o.OneSeries = None,
    header: o.Header = None,
    sheet: o.Sheet = None,
    thousands: o.Thousands = None,
    decimal: o.Decimal = None,
    transform: o.Transform = "auto",
    fill: o.Fill = None,
    season: o.Season = None,
    rate: o.SampleRate = None,
) -> None:
    """Fit several models to DATA and put them beside naive baselines, on the same unseen data.

    The budget is for each model. Nats gained over an i.i.d. baseline tell whether order matters in DATA.
    """
    reading = o.reading_of(
        kind=kind,
        encoding=encoding,
        unit=unit,
        documents=documents,
        columns=columns,
        date=date,
        date_format=date_format,
        id=id,
        series=series,
        header=header,
        sheet=sheet,
        thousands=thousands,
        decimal=decimal,
        freq=freq,
        transform=transform,
        fill=fill,
        season=season,
        rate=rate,
        labels=False,
    )
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
        overwrite=overwrite,
        quiet=quiet,
    )
    show(comparison)


def data_command(
    name: Annotated[str | None, Argument(metavar="NAME", help="A set to write to files.", show_default=False)] = None,
    out: Annotated[
        Path | None, Option(help="The file, for digits the folder, to write NAME to.", show_default=False)
    ] = None,
) -> None:
    """List the built-in data, with sources and licences; or write a set to files, in the form that fit reads."""
    if name is None and out is None:
        rows = [(b.name, f"{b.description} ({b.kind}, {b.size})", f"{b.source}; {b.licence}") for b in builtins()]
        show(Table("", ("name", "what", "source and licence"), rows))
    elif name is None or out is None:
        raise ArgumentError("give both a NAME and --out to write a set to files, or neither to list them.")
    else:
        export(name, out)
        say(f"{name} written to {out}")
