"""``python -m benchmarks recipe``: variants at equal steps."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.learning.command import about
from benchmarks.learning.texts import read_text
from benchmarks.recipe.tables import heading, row
from benchmarks.recipe.trial import Score, Trial
from benchmarks.recipe.variants import VARIANTS, Variant, variant_of
from chainrule.errors import ChainruleError

__all__ = ["recipe"]


def recipe(
    text: Annotated[str, typer.Option(help="A file, or the name of a built-in text.")] = "english",
    steps: Annotated[int, typer.Option(help="Steps of 32 rows of 64 characters; smaller ones are more.", min=1)] = 1350,
    seeds: Annotated[int, typer.Option(help="How often each is trained, from different seeds.", min=1)] = 1,
    variants: Annotated[
        str, typer.Option(help="Names, or settings as in kept+hidden=128, separated by commas.", metavar="VARIANTS")
    ] = ",".join(VARIANTS),
    out: Annotated[Path | None, typer.Option("--json", help="Write all numbers to this file, as JSON.")] = None,
    threads: Annotated[int, typer.Option(help="Number of threads.", min=1)] = 1,
) -> None:
    """How a recurrent network is best trained on a text: variants that read equally many of its characters.

    They learn from the first eight tenths of the text and are judged by the ninth; the last is not looked at.
    """
    if out is not None and not out.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {out.parent} for {out.name}.")
    torch.set_num_threads(threads)
    measured: list[dict[str, Any]] = []
    try:
        asked = {told: variant_of(told) for told in variants.split(",")}
        on = read_text(text)
        typer.echo(heading(on))
        for told, variant in asked.items():
            scores = [Trial(variant, on, _steps(variant, steps), seed).run() for seed in range(seeds)]
            typer.echo(row(told, scores))
            measured.append(_told(told, variant, scores))
            if out is not None:  # each time, so that an interruption loses nothing
                facts = about(text=on.name, threads=threads) | on.about()
                out.write_text(json.dumps(facts | {"variants": measured}, indent=1))
    except ChainruleError as error:
        raise typer.BadParameter(str(error)) from error


def _steps(variant: Variant, steps: int) -> int:
    """As many as read as much of the text as so many ``steps`` of the usual batch and window."""
    usual = Variant()
    return max(1, round(steps * usual.batch * usual.window / (variant.batch * variant.window)))


def _told(name: str, variant: Variant, scores: list[Score]) -> dict[str, Any]:
    return {"variant": name, "settings": asdict(variant), "trials": [asdict(score) for score in scores]}
