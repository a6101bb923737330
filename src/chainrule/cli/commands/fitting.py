"""``chainrule fit`` and ``compare``: from data to runs."""

from pathlib import Path
from typing import Annotated, Any

from typer import Option

import chainrule
from chainrule._choices import counted
from chainrule.cli import options as o
from chainrule.cli.console import say, show
from chainrule.data import Reading
from chainrule.models import MODELS, ModelSettings
from chainrule.training import TrainingSettings

__all__ = ["compare_command", "fit_command"]


@o.with_settings(but=("unknown",), settings=ModelSettings, training=TrainingSettings, reading=Reading)
def fit_command(
    data: o.Source,
    model: o.Model = None,
    minutes: o.Minutes = None,
    steps: o.Steps = None,
    seed: o.Seed = None,
    out: Annotated[Path | None, Option(help="Folder of the run (default runs/DATA-MODEL).", show_default=False)] = None,
    resume: Annotated[bool, Option("--resume", help="Continue the run in --out.")] = False,
    overwrite: o.Overwrite = False,
    quiet: o.Quiet = False,
    device: o.Device = "auto",
    json: o.Json = False,
    *,
    settings: dict[str, Any],
    training: dict[str, Any],
    reading: dict[str, Any],
) -> None:
    """Fit a model to DATA and score it on data it has not seen.

    Sequences are split in time order: the last tenth is scored, a tenth (at most 20,000 steps) chooses the checkpoint,
    and the rest trains. Of text and sound, what chooses the checkpoint is spread over the rest and trains too for the
    last part of the budget. Options that do not apply to the model or to DATA are refused.
    """
    run = chainrule.fit(
        data,
        model,
        minutes=minutes,
        steps=steps,
        seed=seed,
        out=out,
        resume=resume,
        overwrite=overwrite,
        quiet=quiet,
        device=device,
        training=training,
        reading=reading,
        **settings,
    )
    if run.result is None:  # of several processes, one scores and tells
        return
    show(run.result, as_json=json)
    sees = "" if run.receptive_field is None else f", which sees {run.sees}"
    names = ", ".join(sorted(path.name for path in run.path.glob("*.png")))
    figures = f"; figures: {names}" if names else ""
    if run.refit is not None:
        say(f"forecasts and the like come from {run.refit}; the score is of weights that have not seen what is scored")
    learned = counted(run.parameters, "parameter")
    start = ", as they were at the start: no step of training was better" if run.best_step == 0 else ""
    say(f"{run.config.model.title} with {learned}{sees}{start}. Run in {run.path}{figures}")


@o.with_settings(but=("unknown", "labels", "group"), settings=ModelSettings, training=TrainingSettings, reading=Reading)
def compare_command(
    data: o.Source,
    models: Annotated[
        str | None,
        Option(
            help=f"Models, separated by commas: {', '.join(MODELS)} (default all that DATA takes).",
            rich_help_panel="Model",
            show_default=False,
        ),
    ] = None,
    minutes: o.Minutes = None,
    steps: o.Steps = None,
    seed: o.Seed = None,
    out: Annotated[
        Path | None, Option(help="Folder of the runs (default runs/compare-DATA).", show_default=False)
    ] = None,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace the comparison in --out.")] = False,
    ensemble: Annotated[
        int | None,
        Option(
            help="Of a panel, also score the mean of so many models, those of least validation loss.",
            show_default=False,
        ),
    ] = None,
    baselines: o.Baselines = None,
    quiet: o.Quiet = False,
    device: o.Device = "auto",
    json: o.Json = False,
    *,
    settings: dict[str, Any],
    training: dict[str, Any],
    reading: dict[str, Any],
) -> None:
    """Fit several models to DATA and compare them with naive baselines, on the same unseen data.

    The budget is for each model, and each takes the options that apply to it. The nats gained over an i.i.d. baseline
    tell whether order matters in DATA. Of a panel, the forecasts of all models along the test part are compared, and
    those of an ensemble; chainrule forecast with the folder of the comparison then forecasts by the ensemble.
    """
    comparison = chainrule.compare(
        data,
        None if models is None else [name for name in o.names_in(models) if name],
        minutes=minutes,
        steps=steps,
        seed=seed,
        out=out,
        overwrite=overwrite,
        quiet=quiet,
        device=device,
        training=training,
        reading=reading,
        ensemble=ensemble,
        baselines=None if baselines is None else o.names_in(baselines),
        **settings,
    )
    show(comparison, as_json=json)
