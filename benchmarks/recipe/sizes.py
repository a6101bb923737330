"""``python -m benchmarks sizes``: which hidden size learns most of a text at equal cost.

The constants of src/chainrule/runs/fitting/width.py come from this; docs/recipe.md has the table.
"""

import json
import math
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from benchmarks.learning.command import about
from benchmarks.learning.texts import Text, read_text
from benchmarks.recipe.trial import Score, Trial
from benchmarks.recipe.variants import Variant, variant_of
from chainrule.errors import ChainruleError

__all__ = ["beside", "sizes"]

_WARM = 3  # steps before any is timed


@dataclass(frozen=True)
class Size:
    """A hidden size on so much of a text: its score, and what the rule goes by.

    Attributes:
        reads: characters read in training, for each weight of the recurrent layer.
        written: characters that the text has, for each weight.
    """

    hidden: int
    characters: int
    budget: int
    reads: float
    written: float
    score: Score


def sizes(
    text: Annotated[str, typer.Option(help="A file, or the name of a built-in text.")] = "english",
    widths: Annotated[str, typer.Option(help="Hidden sizes, separated by commas.")] = "128,192,256,384",
    budgets: Annotated[
        str, typer.Option(help="What so many steps of the first width take, separated by commas.")
    ] = "1000,3000,9000",
    lengths: Annotated[
        str, typer.Option(help="Characters of the text's beginning, separated by commas; 0 for all of it.")
    ] = "55000,0",
    variant: Annotated[str, typer.Option(help="What is trained, as `recipe` takes it.", metavar="VARIANT")] = "kept",
    timed: Annotated[int, typer.Option(help="Steps of each width that are timed.", min=1)] = 25,
    out: Annotated[Path | None, typer.Option("--json", help="Write all numbers to this file, as JSON.")] = None,
    threads: Annotated[int, typer.Option(help="Number of threads.", min=1)] = 1,
) -> None:
    """Hidden sizes at equal cost: their steps are timed first, and the wider ones then take fewer.

    What fits costs of H^2 + B^2 is told as B. Each size tells how many characters it read for each recurrent weight,
    and how many the text has.
    """
    if out is not None and not out.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {out.parent} for {out.name}.")
    torch.set_num_threads(threads)
    found: list[Size] = []
    try:
        on = read_text(text)
        chosen = variant_of(variant)
        hidden = _whole(widths)
        shortened = [_shortened(on, length) for length in _whole(lengths, least=0)]
        seconds = {H: _seconds(replace(chosen, hidden=H), on, timed) for H in hidden}
        typer.echo(_times(seconds))
        typer.echo(f"{'characters':>12}{'budget':>8}{'hidden':>8}{'steps':>8}{'judged':>9}{'reads':>8}{'written':>9}")
        for size in _trained(chosen, shortened, _whole(budgets), seconds):
            found.append(size)
            typer.echo(_row(size))
            if out is not None:  # each time, so that an interruption loses nothing
                facts = about(text=on.name, threads=threads, variant=variant, seconds=seconds)
                out.write_text(json.dumps(facts | {"sizes": [asdict(each) for each in found]}, indent=1))
    except ChainruleError as error:
        raise typer.BadParameter(str(error)) from error


def beside(seconds: dict[int, float]) -> float:
    """B where a step of hidden size H takes in proportion to H^2 + B^2, all relative errors counting alike.

    NaN where it does not grow with H.

    >>> round(beside({H: 3e-7 * (H**2 + 100**2) for H in (64, 128, 256)}))
    100
    """
    squares = np.square(list(seconds), dtype=float)
    if len(squares) < 2:
        return math.nan
    took = np.array(list(seconds.values()))
    slope, constant = np.polyfit(squares, took, 1, w=1 / took)
    return math.sqrt(constant / slope) if slope > 0 <= constant else math.nan


def _trained(variant: Variant, texts: list[Text], budgets: list[int], seconds: dict[int, float]) -> Iterator[Size]:
    per_first = next(iter(seconds.values()))
    for text in texts:
        for budget in budgets:
            for H, per_step in seconds.items():
                steps = max(1, round(budget * per_first / per_step))
                trial = Trial(replace(variant, hidden=H), text, steps)
                weights = trial.network.recurrent_weights
                reads = steps * variant.batch * variant.window / weights
                written = len(text.symbols) / weights
                yield Size(H, len(text.symbols), budget, reads, written, trial.run())


def _seconds(variant: Variant, text: Text, timed: int) -> float:
    """The median of so many steps."""
    trial = Trial(variant, text, _WARM + timed)
    took = []
    for _ in range(_WARM + timed):
        began = time.perf_counter()
        trial.step()
        took.append(time.perf_counter() - began)
    return statistics.median(took[_WARM:])


def _shortened(text: Text, length: int) -> Text:
    return text if length == 0 else replace(text, symbols=text.symbols[:length])


def _times(seconds: dict[int, float]) -> str:
    steps = ", ".join(f"{H}: {1e3 * took:.1f} ms" for H, took in seconds.items())
    return f"a step of each hidden size takes {steps}; B = {beside(seconds):.0f}"


def _row(size: Size) -> str:
    counts = f"{size.characters:>12,}{size.budget:>8}{size.hidden:>8}{size.score.steps:>8}"
    return f"{counts}{size.score.nats:>9.4f}{size.reads:>8.1f}{size.written:>9.2f}"


def _whole(told: str, least: int = 1) -> list[int]:
    try:
        numbers = [int(each) for each in told.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < least:
        raise typer.BadParameter(f"expected whole numbers of at least {least} with commas between them, got {told}.")
    return numbers
