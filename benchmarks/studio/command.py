"""``python -m benchmarks studio``."""

import importlib.util
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from benchmarks.learning.command import about
from benchmarks.peers.others import Others
from benchmarks.studio.pages import CHROMIUM, in_a_browser
from benchmarks.studio.runs import make_runs
from benchmarks.studio.serving import over_http
from benchmarks.studio.timings import table

__all__ = ["studio"]

_PACKAGES = ("chainrule", "torch", "starlette", "uvicorn", "playwright")


def studio(
    turns: Annotated[int, typer.Option(help="Starts of the server.", min=1)] = 7,
    moves: Annotated[int, typer.Option(help="Moves of the pointer on each page.", min=1)] = 50,
    out: Annotated[Path | None, typer.Option("--json", help="Write all numbers to this file, as JSON.")] = None,
) -> None:
    """The studio's answers over HTTP and the interactive pages in Chromium, beside their targets.

    Exits with 1 where a target is missed, which on a machine that does other things too says little.
    """
    if CHROMIUM is None or importlib.util.find_spec("playwright") is None:
        raise typer.BadParameter("needs Chromium, and Playwright, which pip install -e '.[dev]' brings.")
    others = Others()
    with TemporaryDirectory(prefix="chainrule-benchmark-") as name:
        folder = Path(name)
        make_runs(folder / "runs")
        timings = [*over_http(folder / "runs", turns), *in_a_browser(folder, turns, moves)]
    share = others.share()
    processors = len(os.sched_getaffinity(0))
    typer.echo(table(timings))
    typer.echo(f"On {processors} of {os.cpu_count()} processors; other processes took {share:.0%} of the machine.")
    if out is not None:
        facts = about(_PACKAGES, turns=turns, moves=moves, processors=processors, others=share)
        out.write_text(json.dumps(facts | {"timings": [timing.to_dict() for timing in timings]}, indent=1))
    if not all(timing.met for timing in timings):
        raise typer.Exit(1)
