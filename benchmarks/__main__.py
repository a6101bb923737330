"""``python -m benchmarks recurrent [--quick] [--json out.json]``."""

import json
import math
import platform
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from benchmarks import recurrent
from benchmarks.timing import sgemm_rate

app = typer.Typer(add_completion=False, help=__doc__)


@app.callback()
def _group() -> None:
    """Speed beside the peers, in one run."""


@app.command("recurrent")
def recurrent_command(
    quick: Annotated[bool, typer.Option("--quick", help="The four small shapes, fewer turns.")] = False,
    out: Annotated[Path | None, typer.Option("--json", help="Write every number to this file.")] = None,
    threads: Annotated[int, typer.Option(help="Of every candidate.")] = 2,
) -> None:
    """RNN, GRU and LSTM beside torch.nn, JAX and ONNX Runtime: a training step and the forward pass."""
    console = Console(highlight=False, soft_wrap=True)
    torch.set_num_threads(threads)
    limit = sgemm_rate()
    console.print(f"{threads} threads; SGEMM {limit / 1e9:.0f} GFLOP/s; ms, median (spread between quartiles)")
    shapes = recurrent.QUICK if quick else recurrent.SHAPES
    points = recurrent.run(
        shapes, turns=5 if quick else 15, threads=threads, report=lambda point: _line(console, point, limit)
    )
    _summary(console, points)
    if out is not None:
        about = {"machine": platform.processor(), "torch": torch.__version__, "threads": threads, "sgemm": limit}
        out.write_text(json.dumps({**about, "points": [point.to_dict() for point in points]}, indent=1))


def _line(console: Console, point: recurrent.Point, limit: float) -> None:
    if point.disagreement:
        console.print(f"{point.task:<9}{point.cell:<9}{point.shape:<17} no speed: {point.disagreement}")
        return
    times = "  ".join(f"{name} {t.median * 1e3:.3g} ({t.spread:.0%})" for name, t in point.timings.items())
    share = point.flops / point.timings["chainrule"].median / limit
    console.print(f"{point.task:<9}{point.cell:<9}{point.shape:<17}{point.ratio:5.2f}x {share:4.0%} of SGEMM  {times}")


def _summary(console: Console, points: list[recurrent.Point]) -> None:
    """Geometric mean and worst point of the ratios to the fastest peer."""
    for task in dict.fromkeys(point.task for point in points):
        for cell in dict.fromkeys(point.cell for point in points):
            chosen = [p for p in points if (p.task, p.cell) == (task, cell) and not math.isnan(p.ratio)]
            if chosen:
                mean = math.exp(sum(math.log(p.ratio) for p in chosen) / len(chosen))
                worst = min(chosen, key=lambda p: p.ratio)
                console.print(
                    f"{task:<9}{cell:<9} geometric mean {mean:.2f}x, worst {worst.ratio:.2f}x at {worst.shape}"
                )


app()
