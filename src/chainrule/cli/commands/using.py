"""``chainrule score``, ``sample`` and ``classify``: what runs can be asked."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

import chainrule
from chainrule.cli import options as o
from chainrule.cli.console import check_out, emit, progress, say, show
from chainrule.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from chainrule.display import Shown
    from chainrule.runs import Classification, Run

__all__ = ["classify_command", "loaded", "sample_command", "score_command"]


def score_command(
    run: o.RunFolder,
    data: o.NewSource = None,
    context: Annotated[
        int | None,
        Option(help="Also score in blocks of this many symbols, each from a cold start.", show_default=False),
    ] = None,
    unknown: Annotated[
        str | None,
        Option(
            help="Characters that the model does not know: skip or replace (default refuse them).", show_default=False
        ),
    ] = None,
    adapt: Annotated[
        str | None,
        Option(
            help="Also score a copy that learns from every symbol once it is scored: counts, weights or both.",
            show_default=False,
        ),
    ] = None,
    each: Annotated[
        bool,
        Option("--each", help="Show log p of every symbol, step or example in place of the score; and their sum."),
    ] = False,
    shuffled: Annotated[
        int | None,
        Option(
            help="Score the same data in so many random orders in place of the score: does order matter?",
            show_default=False,
        ),
    ] = None,
    seed: o.Seed = None,
    plot: Annotated[Path | None, Option(help="Plot the result to this .png file.", show_default=False)] = None,
    html: Annotated[
        Path | None, Option(help="Write a page with the figure to this .html file.", show_default=False)
    ] = None,
    device: o.LoadedOn = "auto",
    json: o.Json = False,
) -> None:
    """Score a run by its exact log-likelihood, per symbol or step, in nats and bits.

    Without DATA, the last tenth of the run's own data is scored and compared with baselines; with DATA, all of it is
    scored. For real values, point and interval errors one step ahead are reported too.

    State is carried through all of the data. To compare with a transformer whose window is 256, --context 256 also
    scores blocks of 256 symbols, each from a cold start that has read one symbol.

    If DATA has characters that the model does not know, --unknown skip leaves them out of the text, and --unknown
    replace reads them as a blank and does not score them.

    --each shows what the score is the sum of: in a terminal text has the colours of its surprise. --shuffled 19 scores
    the same symbols or steps in 19 random orders, or images and sounds with their pixels or samples in random order.

    With --adapt a copy of the model scores every symbol first and learns from it after: the weights of networks, the
    counts of n-grams, or both of a mixture. It has a table of its own, since a model that may learn from what it is
    scored on has an easier task than one that stays as it was fitted.
    """
    if each and shuffled is not None:
        raise ArgumentError("`each` and `shuffled` are two questions: ask one at a time.")
    if (each or shuffled is not None) and (context is not None or adapt is not None):
        raise ArgumentError("`context` and `adapt` are of the score: leave them out beside `each` and `shuffled`.")
    if seed is not None and shuffled is None:
        raise ArgumentError("`seed` draws the random orders of `shuffled`: leave it out of a score.")
    check_out("--plot", plot, ".png")
    check_out("--html", html, ".html")
    opened = loaded(run, device)
    result: Shown
    if each:
        result = opened.score_each(data, unknown=unknown)
    elif shuffled is not None:
        with progress("shuffling") as advance:
            result = opened.score_shuffled(data, times=shuffled, seed=seed or 0, unknown=unknown, advance=advance)
    else:
        with progress("adapting") as advance:
            result = opened.score(data, context=context, unknown=unknown, adapt=adapt, advance=advance)
    show(result, as_json=json)
    if isinstance(result, chainrule.runs.Each) and sys.stdout.isatty() and not json:
        show(result.strip())
    if plot is not None:
        result.plot().savefig(plot)
        say(f"drawn to {plot}")
    if html is not None:
        emit(result.to_html(), html)


def sample_command(
    run: o.RunFolder,
    prompt: Annotated[
        str | None, Option(help="Text to continue, or FILE:path to continue a file.", show_default=False)
    ] = None,
    data: Annotated[
        str | None, Option("--from", help="Data to read before sampling; it is not shown.", show_default=False)
    ] = None,
    length: Annotated[int, Option(help="Number of symbols or steps to sample.")] = 500,
    temperature: Annotated[float, Option(help="Sampling temperature; lower is less random.")] = 1.0,
    top_k: Annotated[int | None, Option(help="Sample from the k most likely symbols only.", show_default=False)] = None,
    seed: o.DrawingSeed = 0,
    out: Annotated[
        Path | None, Option(help="Output file: .txt, .wav or .csv (default standard output).", show_default=False)
    ] = None,
    device: o.LoadedOn = "auto",
) -> None:
    """Sample from a run: text, sound, or one possible future of a series.

    A sample is drawn step by step, which no GPU does faster: auto is the CPU here.
    """
    from chainrule.cli.sampling import emit_sample

    opened = loaded(run, "cpu" if device == "auto" else device)
    emit_sample(opened, prompt, out, length=length, temperature=temperature, top_k=top_k, seed=seed, data=data)


def classify_command(
    run: o.RunFolder,
    files: Annotated[list[Path], Argument(metavar="FILES", help="Images, or .wav or .flac files.", show_default=False)],
    device: o.LoadedOn = "auto",
    json: o.Json = False,
) -> None:
    """Classify files: the most likely class of each, with its probability.

    Files that cannot be read are told at the end, and the others are classified all the same.
    """
    opened = loaded(run, device)
    classified: list[Classification] = []
    refused: list[DataError] = []
    for file in files:
        try:
            classified += opened.classify(file)
        except DataError as error:
            refused.append(error)
    if classified:
        show(chainrule.runs.Classifications(classified), as_json=json)
    if refused:
        *others, last = refused
        for other in others:
            say(f"error: {other}", style="bold red")
        raise last


def loaded(run: Path, device: str) -> "Run":
    """The run on the device, which is told unless it is the CPU."""
    opened = chainrule.load(run, device=device)
    if opened.device.type != "cpu":
        say(f"On {opened.place}.")
    return opened
