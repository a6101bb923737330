"""``python -m benchmarks learning``."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.learning.budgets import Budget
from benchmarks.learning.entrants import ENTRANTS
from benchmarks.learning.figure import save_figure
from benchmarks.learning.jobs import Job, in_turn
from benchmarks.learning.results import OnText
from benchmarks.learning.tables import table
from benchmarks.learning.texts import Text, read_text
from chainrule.errors import ChainruleError

__all__ = ["about", "learning"]

_PACKAGES = ("chainrule", "torch", "numpy", "x-transformers")


def learning(
    minutes: Annotated[float, typer.Option(help="Minutes of training for each entrant.", min=1e-3)] = 1.5,
    seeds: Annotated[int, typer.Option(help="How often each is trained, from different seeds.", min=1)] = 3,
    texts: Annotated[
        str, typer.Option(help="Files, or names of built-in texts, separated by commas.", metavar="TEXTS")
    ] = "english",
    entrants: Annotated[str, typer.Option(help="Which entrants, separated by commas.")] = ",".join(ENTRANTS),
    out: Annotated[Path | None, typer.Option("--json", help="Write all numbers to this file, as JSON.")] = None,
    figure: Annotated[Path | None, typer.Option(help="Draw score against seconds to this file, a PNG.")] = None,
    threads: Annotated[int, typer.Option(help="Number of threads (and processors) for each entrant.", min=1)] = 2,
) -> None:
    """What is learned of a text in the same minutes.

    Entrants are torch's twenty lines, n-grams, a small transformer and chainrule's defaults. Each is trained from
    scratch on the first nine tenths of a text and scored on the last tenth, in nats per character. With three seeds a
    text takes an hour.
    """
    names = entrants.split(",")
    if unknown := [name for name in names if name not in ENTRANTS]:
        raise typer.BadParameter(f"{', '.join(unknown)} is not among {', '.join(ENTRANTS)}.")
    if threads > len(os.sched_getaffinity(0)):
        raise typer.BadParameter(f"--threads {threads}: this process may use {len(os.sched_getaffinity(0))}.")
    for path in (out, figure):
        if path is not None and not path.absolute().parent.is_dir():
            raise typer.BadParameter(f"there is no folder {path.parent} for {path.name}.")
    began = time.monotonic()
    facts = about(minutes=minutes, seeds=seeds, threads=threads)
    found = [OnText(_read(source)) for source in texts.split(",")]
    for on in found:
        jobs = [Job(name, on.text, seed, Budget(minutes)) for seed in range(seeds) for name in names]
        for n, done in enumerate(in_turn(jobs, threads), start=1):
            on.add(done)
            typer.echo(f"{n} of {len(jobs)}: {on.text.name}, {done}", err=True)
            if out is not None:  # each time, so that an interruption loses nothing
                out.write_text(json.dumps(facts | {"texts": [on.to_dict() for on in found]}, indent=1))
        typer.echo(table(on) + "\n")
    if figure is not None:
        save_figure(found, figure)
    typer.echo(f"{time.monotonic() - began:.0f} s")
    if any(each.failed for on in found for each in on.found.values()):
        raise typer.Exit(1)


def _read(source: str) -> Text:
    try:
        return read_text(source)
    except ChainruleError as error:
        raise typer.BadParameter(str(error)) from error


def about(packages: Sequence[str] = _PACKAGES, **asked: Any) -> dict[str, Any]:
    """When, where and by what it was measured."""
    names = [name for name in packages if importlib.util.find_spec(name.replace("-", "_")) is not None]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{_processor()}, {platform.system()}",
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "versions": {name: importlib.metadata.version(name) for name in names},
    } | asked


def _processor() -> str:
    """The processor's name, where Linux tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
