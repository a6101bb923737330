"""``python -m benchmarks forecasting``."""

import json
import os
from pathlib import Path
from typing import Annotated

import torch
import typer

from benchmarks.forecasting.entering import Asked
from benchmarks.forecasting.entrants import PEERS, Entrant, chainrule_entrant
from benchmarks.forecasting.jobs import done
from benchmarks.forecasting.results import OnSet
from benchmarks.forecasting.sets import SETS, read_set, without_end
from benchmarks.forecasting.tables import table
from benchmarks.learning.command import about

__all__ = ["forecasting"]

_PACKAGES = ("chainrule", "torch", "numpy", "statsmodels", "neuralforecast", "darts")


def forecasting(
    files: Annotated[list[str], typer.Argument(help=f"SET=FILE, where SET is one of {', '.join(SETS)}.")],
    minutes: Annotated[float, typer.Option(help="Minutes of each fit, of chainrule's with its refit.")] = 10.0,
    models: Annotated[str, typer.Option(help="Models, or models with settings: lstm,lstm+average=0.99.")] = "lstm",
    peers: Annotated[str, typer.Option(help="Peers, separated by commas; '' for none.")] = ",".join(PEERS),
    baselines: Annotated[str, typer.Option(help="Baselines, separated by commas.")] = "naive,seasonal naive,theta",
    earlier: Annotated[
        int,
        typer.Option(help="Forecast so many horizons earlier: to choose by, without a look at the end.", min=0),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    threads: Annotated[int, typer.Option(help="Number of threads (and processors) of each fit.", min=1)] = 2,
    out: Annotated[Path | None, typer.Option("--json", help="Write all numbers to this file, as JSON.")] = None,
) -> None:
    """Forecast the last steps of every series, which no fit has seen.

    Each model, and each peer that is installed, is fitted from scratch to what is before them, in a process of its
    own. Metrics are means over each series first; MASE is scaled as the set's publications do, which used other test
    parts.
    """
    sources = [_source(each) for each in files]
    named = [name for name in peers.split(",") if name]
    if unknown := [name for name in named if name not in PEERS]:
        raise typer.BadParameter(f"{', '.join(unknown)} is not among {', '.join(PEERS)}.")
    if threads > len(os.sched_getaffinity(0)):
        raise typer.BadParameter(f"--threads {threads}: this process may use {len(os.sched_getaffinity(0))}.")
    if out is not None and not out.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {out.parent} for {out.name}.")
    torch.set_num_threads(threads)
    facts = about(_PACKAGES, minutes=minutes, earlier=earlier, seed=seed, threads=threads)
    told = []
    for name, path in sources:
        horizon = SETS[name].horizon
        panel = without_end(read_set(name, path), earlier * horizon)
        on = OnSet(name, SETS[name], panel, baselines=tuple(baselines.split(",")))
        asked = Asked(without_end(panel, horizon), horizon, minutes, seed)
        of_models = [chainrule_entrant(model) for model in models.split(",")]
        _enter(of_models, [PEERS[peer] for peer in named], on, asked, threads)
        score = on.score()
        typer.echo(table(on, score) + "\n")
        told.append(on.to_dict(score))
        if out is not None:  # each time, so that an interruption loses nothing
            out.write_text(json.dumps(facts | {"sets": told}, indent=1))
    if any(entrant.get("failed") for on in told for entrant in on["entrants"].values()):
        raise typer.Exit(1)


def _source(given: str) -> tuple[str, Path]:
    """The name of a set, and its file."""
    name, _, path = given.partition("=")
    if name not in SETS or not Path(path).is_file():
        raise typer.BadParameter(f"{given!r} is not SET=FILE with a SET of {', '.join(SETS)} and a FILE there is.")
    return name, Path(path)


def _enter(models: list[Entrant], peers: list[Entrant], on: OnSet, asked: Asked, threads: int) -> None:
    """Fit one after the other."""
    for found, entrants in ((on.models, models), (on.peers, peers)):
        for entrant in entrants:
            typer.echo(f"{on.name}: {entrant.label}", err=True)
            found[entrant.label] = done(entrant, asked, threads)
