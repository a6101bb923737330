"""``python -m benchmarks COMMAND``: what it measures, ``--help`` tells."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.claims.nets import NETS
from benchmarks.forecasting.command import forecasting
from benchmarks.learning.command import learning
from benchmarks.peers import convolutions
from benchmarks.peers.measuring import FULL, QUICK, measure, sgemm_rates
from benchmarks.peers.points import CELLS, TASKS, AnyPoint, Shape, grid
from benchmarks.peers.results import Result
from benchmarks.peers.tables import cost_table, heading, quietness, row, summary
from benchmarks.peers.targets import verdicts
from benchmarks.recipe.recipe import recipe
from benchmarks.recipe.sizes import sizes
from benchmarks.studio.command import studio

if TYPE_CHECKING:
    import torch

    from benchmarks.claims import Claim
    from benchmarks.gpu.cases import Case

app = typer.Typer(add_completion=False, help=__doc__)

_PACKAGES = ("torch", "jax", "onnx", "onnxruntime")


@app.callback()
def _group() -> None:
    """Measure the speed of chainrule and of its peers, and what they learn in the same time."""


@app.command("recurrent")
def recurrent(
    quick: Annotated[
        bool, typer.Option("--quick", help="The four small shapes, with fewer and shorter turns.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--json", help="Write all numbers to this file, as JSON.")] = None,
    threads: Annotated[int, typer.Option(help="Number of threads (and processors) for each engine.")] = 2,
    tasks: Annotated[str, typer.Option(help="Which tasks, separated by commas; all by default.")] = "",
    cells: Annotated[str, typer.Option(help="Which cells, separated by commas; all by default.")] = "",
    shapes: Annotated[str, typer.Option(help="Steps x batch x inputs x hidden, as in 128x32x64x128,64x1x8x8.")] = "",
    device: Annotated[str, typer.Option(help="cpu, or cuda, beside torch alone.")] = "cpu",
) -> None:
    """RNN, GRU and LSTM beside torch.nn, JAX and ONNX Runtime.

    Tasks on the CPU: training, a training step; bfloat16, the same with products of bfloat16; forward, the forward
    pass; stream, one streamed step from Python; options, the cost of chainrule's options. On a GPU: training, forward,
    options (beside torch's layer without them) and swap, stacks of layers before and after it.
    """
    if _is_cuda(device):
        from benchmarks.gpu import recurrent as on_gpu

        of_cells = _some(cells, on_gpu.CELLS)
        _report_gpu(
            lambda gpu: on_gpu.cases(_some(tasks, on_gpu.TASKS), of_cells, _shapes(shapes), quick=quick, device=gpu),
            quick,
            out,
        )
        return
    chosen = grid(_some(tasks, TASKS), _some(cells, CELLS), _shapes(shapes), quick=quick)
    _run(chosen, threads, quick, out, verdicts, _PACKAGES)


@app.command("convolution")
def convolution(
    quick: Annotated[bool, typer.Option("--quick", help="Two shapes of each kind, fewer and shorter turns.")] = False,
    out: Annotated[Path | None, typer.Option("--json", help="Write all numbers to this file, as JSON.")] = None,
    threads: Annotated[int, typer.Option(help="Number of threads (and processors) for each engine.")] = 2,
    tasks: Annotated[str, typer.Option(help="Which tasks, separated by commas; all by default.")] = "",
    device: Annotated[str, typer.Option(help="cpu, or cuda, beside torch alone.")] = "cpu",
) -> None:
    """Convolution in one to three dimensions beside torch and JAX.

    Tasks on the CPU: training, forward and backward; bfloat16, the same with products of bfloat16; forward alone;
    model, a training step of eight dilated causal layers beside torch; stream, one more step of those layers, streamed,
    beside torch's recomputation of their window. On a GPU: training, forward, causal (with states and resets), causal
    forward, and swap, nets before and after it.
    """
    if _is_cuda(device):
        from benchmarks.gpu import convolution as on_gpu

        _report_gpu(lambda gpu: on_gpu.cases(_some(tasks, on_gpu.TASKS), quick=quick, device=gpu), quick, out)
        return
    chosen = convolutions.grid(_some(tasks, convolutions.TASKS), quick=quick)
    _run(chosen, threads, quick, out, convolutions.verdicts, ("torch", "jax"))


@app.command("through_time")
def through_time(
    quick: Annotated[bool, typer.Option("--quick", help="Shorter sequences and fewer turns.")] = False,
    out: Annotated[Path | None, typer.Option("--json", help="Write all claims to this file, as JSON.")] = None,
    threads: Annotated[int, typer.Option(help="Number of threads (and processors) for each engine.")] = 2,
) -> None:
    """Exact gradients in bounded memory, memory-mapped streams, truncated BPTT and the training loop's own cost."""
    from benchmarks.claims.through_time import claims

    _report(claims(quick=quick), threads, out)


@app.command("lens")
def lens(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer turns.")] = False,
    out: Annotated[Path | None, typer.Option("--json", help="Write all claims to this file, as JSON.")] = None,
    threads: Annotated[int, typer.Option(help="Number of threads (and processors) for each engine.")] = 2,
) -> None:
    """The gradient map over all pairs of steps, and inspecting gradients during training."""
    from benchmarks.claims.lens import claims

    _report(claims(quick=quick), threads, out)


@app.command("swap")
def swap(
    quick: Annotated[bool, typer.Option("--quick", help="Shorter turns.")] = False,
    out: Annotated[Path | None, typer.Option("--json", help="Write all claims to this file, as JSON.")] = None,
    threads: Annotated[int, typer.Option(help="Number of threads (and processors) for each engine.")] = 2,
    nets: Annotated[str, typer.Option(help="Which networks, separated by commas.")] = ",".join(NETS),
) -> None:
    """Networks from timm, torchaudio and others before and after `swap`: training and inference, formats, dtypes."""
    from benchmarks.claims.swap import claims

    _report(claims(_some(nets, tuple(NETS)), quick=quick), threads, out)


for command in (learning, forecasting, recipe, sizes, studio):
    app.command(command.__name__)(command)


def _report(claims: "Iterator[Claim]", threads: int, out: Path | None) -> None:
    """Measure one claim after the other; print each, and write all of them."""
    import torch

    _check_machine(threads, ("torch",))
    torch.set_num_threads(threads)
    began = time.monotonic()
    found = []
    for claim in claims:
        found.append(claim)
        verdict = "met" if claim.met else "MISSED"
        typer.echo(f"{claim.what:<42} {claim.measured}\n{'':<42} target {claim.target}: {verdict}")
    typer.echo(f"\n{time.monotonic() - began:.0f} s")
    if out is not None:
        out.write_text(json.dumps([claim._asdict() for claim in found], indent=1))


def _run(
    points: Sequence[AnyPoint],
    threads: int,
    quick: bool,
    out: Path | None,
    judge: Callable[[list[Result], Mapping[str, float]], list[str]],
    packages: tuple[str, ...],
) -> None:
    """Measure the points, and print and write what came of it."""
    _check_machine(threads, packages)
    began = time.monotonic()
    rates = sgemm_rates(threads)
    told = ", ".join(f"{name} {rate / 1e9:.0f}" for name, rate in rates.items())
    typer.echo(f"{_processor()}, {threads} threads. Limits, GFLOP/s of a large product: {told}.")
    exact, rounded = ([rate for name, rate in rates.items() if ("bfloat16" in name) == low] for low in (False, True))
    limits = {"float32": max(exact), "bfloat16": max(rounded)}
    typer.echo("Ratio: times as fast as the fastest peer. Spread: between the quartiles.")
    results = _measure_all(points, threads, quick, limits)
    typer.echo("\n".join([cost_table(results), summary(results)]))
    typer.echo("\n".join(["\nTargets (on two threads), over the points of this run", *judge(results, limits)]))
    typer.echo(f"\n{time.monotonic() - began:.0f} s. {quietness(results)}")
    if out is not None:
        about = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": _processor(),
            "versions": {name: importlib.metadata.version(name) for name in ("chainrule", *packages)},
            "threads": threads,
            "sgemm": rates,
        }
        out.write_text(json.dumps(about | {"points": [result.to_dict() for result in results]}, indent=1))


def _measure_all(points: Sequence[AnyPoint], threads: int, quick: bool, limits: Mapping[str, float]) -> list[Result]:
    results: list[Result] = []
    for n, point in enumerate(points, start=1):
        if not results or results[-1].point[:2] != point[:2]:
            typer.echo(heading(point))
        progress = f"{n} of {len(points)}: {point}"
        _show(progress)
        results.append(measure(point, threads, QUICK if quick else FULL))
        _show(" " * len(progress))
        typer.echo(row(results[-1], limits))
    return results


def _processor() -> str:
    """Its model, and whether it multiplies bfloat16."""
    about = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(":")[2].strip() for line in about.splitlines() if line.startswith("model name")), "")
    known = [name for name in ("avx512_bf16", "amx_bf16") if name in about]
    return " with ".join([model or platform.machine(), *known])


def _show(progress: str) -> None:
    """A line on the terminal that the next one overwrites."""
    if sys.stderr.isatty():
        typer.echo(progress + "\r", nl=False, err=True)


def _is_cuda(device: str) -> bool:
    if device not in ("cpu", "cuda"):
        raise typer.BadParameter(f"--device is cpu or cuda, got {device}.")
    return device == "cuda"


def _report_gpu(cases: "Callable[[torch.device], Iterator[Case]]", quick: bool, out: Path | None) -> None:
    """Measure the cases on the first GPU."""
    from benchmarks.gpu.report import report, the_gpu

    try:
        gpu = the_gpu()
    except RuntimeError as error:
        raise typer.BadParameter(f"--device cuda: {error}") from error
    report(cases(gpu), typer.echo, quick=quick, out=out)


def _some(names: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Those named, all where none is."""
    chosen = tuple(names.split(",")) if names else known
    if unknown := [name for name in chosen if name not in known]:
        raise typer.BadParameter(f"{', '.join(unknown)} is not among {', '.join(known)}.")
    return chosen


def _shapes(text: str) -> tuple[Shape, ...]:
    try:
        found = tuple(Shape(*map(int, shape.split("x"))) for shape in text.split(",") if shape)
    except (TypeError, ValueError):
        raise typer.BadParameter(f"a shape is four numbers such as 128x32x64x128, got {text}.") from None
    if any(size < 1 for shape in found for size in shape):
        raise typer.BadParameter(f"the numbers of a shape are at least 1, got {text}.")
    return found


def _check_machine(threads: int, packages: tuple[str, ...]) -> None:
    if not sys.platform.startswith("linux"):
        raise typer.BadParameter(f"the worker processes are watched through Linux's /proc; this is {sys.platform}.")
    if not 1 <= threads <= len(os.sched_getaffinity(0)):
        raise typer.BadParameter(f"--threads {threads}: this process may use {len(os.sched_getaffinity(0))}.")
    if missing := [name for name in packages if importlib.util.find_spec(name) is None]:
        raise typer.BadParameter(f"{', '.join(missing)} not installed: pip install -e '.[bench]' brings the peers.")


if __name__ == "__main__":
    app()
