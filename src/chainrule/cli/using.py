"""``chainrule score``, ``sample``, ``forecast``, ``backtest`` and ``classify``: what runs can be asked."""

import csv
import io
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from typer import Argument, Option

from chainrule._optional import require
from chainrule.cli import options as o
from chainrule.cli.console import check_out, emit, say, show
from chainrule.data import Series, Symbols, write_wav
from chainrule.errors import ArgumentError
from chainrule.runs import Run, load
from chainrule.runs.kinds.series.run import SeriesRun

__all__ = [
    "backtest_command",
    "classify_command",
    "forecast_command",
    "sample_command",
    "score_command",
    "update_command",
]


def score_command(
    run: o.RunFolder,
    data: o.NewSource = None,
    context: Annotated[
        int | None,
        Option(help="Also in blocks of so many symbols, each from a cold start.", show_default=False),
    ] = None,
    unknown: Annotated[
        str | None,
        Option(help="New characters in DATA: skip, or replace by a blank; else refused.", show_default=False),
    ] = None,
) -> None:
    """Score a run: the exact log-likelihood, per symbol or step, in nats and bits.

    Without DATA on the last tenth of the run's own data, beside baselines; with DATA on all of it. For real values also
    point and interval errors, one step ahead.

    State is carried through the whole of the data. --context 256 adds what a transformer with a window of 256 would be
    scored by: blocks of 256 symbols, each from a cold start that has read one symbol.

    DATA may have characters that the model does not know: --unknown skip leaves them out of the text, --unknown replace
    reads them as a blank and does not score them.
    """
    show(load(run).score(data, context=context, unknown=unknown))


def sample_command(
    run: o.RunFolder,
    prompt: Annotated[
        str | None, Option(help="Text to continue, or FILE:path to continue a file.", show_default=False)
    ] = None,
    after: Annotated[
        str | None, Option("--from", help="DATA to read first; only what follows is shown.", show_default=False)
    ] = None,
    length: Annotated[int, Option(help="Symbols or steps to draw.")] = 500,
    temperature: Annotated[float, Option(help="Below 1 sharper, above 1 flatter.")] = 1.0,
    top_k: Annotated[int | None, Option(help="Only the k likeliest symbols.", show_default=False)] = None,
    seed: o.DrawingSeed = 0,
    out: Annotated[
        Path | None, Option(help="A .txt, .wav or .csv file; else standard output.", show_default=False)
    ] = None,
) -> None:
    """Draw from a run: text, sound, or one possible future of a series."""
    opened = load(run)
    kind = _kind(opened)
    if kind in _SUFFIXES:
        check_out("--out", out, _SUFFIXES[kind])
    if kind == "sound" and out is None:
        raise ArgumentError("a sample of sound needs --out x.wav: it cannot be printed.")
    given = _prompt(opened, kind, prompt)
    drawn = opened.sample(length, prompt=given, temperature=temperature, top_k=top_k, seed=seed, data=after)
    if kind == "series":
        emit(_csv(opened.config.data.columns, drawn), out)
    elif kind == "sound":
        assert out is not None
        _write_sound(out, given, drawn, opened.config.data.rate)
    else:
        whole = drawn if given is None else given + drawn
        emit(whole, out)
        if out is None:
            emit("\n", None)


def forecast_command(
    run: o.RunFolder,
    data: o.NewSource = None,
    horizon: Annotated[int, Option(help="Steps ahead.")] = 30,
    paths: Annotated[int, Option(help="Sampled futures.")] = 1000,
    quantiles: Annotated[str, Option(help="Levels with commas between them.")] = ".1,.5,.9",
    seed: o.DrawingSeed = 0,
    plot: Annotated[Path | None, Option(help="Draw the fan to this .png.", show_default=False)] = None,
    out: Annotated[Path | None, Option(help="Write every digit to this .csv.", show_default=False)] = None,
) -> None:
    """Forecast the steps after the end of the data, as quantiles of sampled futures.

    The end is that of the fitted file as it is now, or of new DATA that goes on from the run's own and may repeat it.
    """
    check_out("--plot", plot, ".png")
    check_out("--out", out, ".csv")
    try:
        levels = [float(level) for level in quantiles.split(",")]
    except ValueError:
        raise ArgumentError(f"--quantiles is {quantiles!r}; expected numbers like .1,.5,.9") from None
    opened = load(run)
    forecast = opened.forecast(horizon, paths=paths, quantiles=levels, seed=seed, data=data)
    if opened.refit is not None:
        say(f"{opened.config.model.name}, {opened.refit}")
    if out is None:
        show(forecast)
    else:
        emit(forecast.to_csv(), out)
        for remark in forecast.remarks():
            say(remark)
    if plot is not None:
        forecast.plot().savefig(plot)
        say(f"drawn to {plot}")


def update_command(run: o.RunFolder, data: o.NewData) -> None:
    """Keep what came since the fit with a run of a series: forecasts and samples then go on from its end.

    DATA goes on from the run's own data and may repeat it. Weights and scores stay as they are.
    """
    opened = load(run).update(data)
    assert isinstance(opened, SeriesRun)
    say(f"{run} goes on {opened.since}; its weights are as they were.")


def backtest_command(
    run: o.RunFolder,
    data: o.NewSource = None,
    horizon: Annotated[int, Option(help="Steps ahead of each forecast.")] = 30,
    paths: Annotated[int, Option(help="Sampled futures of each forecast.")] = 200,
    stride: Annotated[
        int | None, Option(help="Steps between origins; so many that at most 100 are left.", show_default=False)
    ] = None,
    seed: o.DrawingSeed = 0,
) -> None:
    """Score the forecasts that would have been made along the last tenth of the data, or along new DATA.

    MASE is the mean absolute error over that of the seasonal naive forecast in training; CRPS scores the whole
    distribution; the last columns say how often the 80 % and 95 % intervals held.
    """
    opened = load(run)
    progress = require("rich.progress")
    console = require("rich.console").Console(stderr=True)
    with progress.Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("backtest", total=1.0)
        result = opened.backtest(
            data,
            horizon=horizon,
            paths=paths,
            stride=stride,
            seed=seed,
            advance=lambda share: bar.update(task, completed=share),
        )
    show(result)


def classify_command(
    run: o.RunFolder,
    files: Annotated[list[Path], Argument(metavar="FILES", help="Images, or wav or flac files.", show_default=False)],
) -> None:
    """Label files: the likeliest class of each, with its probability."""
    show(load(run).classify(files))


_SUFFIXES = {"text": ".txt", "sound": ".wav", "series": ".csv"}


def _kind(run: Run) -> str:
    data = run.config.data
    if data.alphabet is not None:
        return "sound" if data.alphabet.kind == "mu-law" else "text"
    return "series" if data.transform is not None else "labels"


def _prompt(run: Run, kind: str, prompt: str | None) -> Any:
    """The prompt as the run takes it: text or bytes, a waveform, or values."""
    if prompt is None or kind == "labels":
        return None
    if prompt.startswith("FILE:"):
        data = run.read(prompt.removeprefix("FILE:"))
        if isinstance(data, Symbols):
            return data.alphabet.decode(np.concatenate(data.documents))
        assert isinstance(data, Series)
        return data.values
    if kind != "text":
        raise ArgumentError(f"--prompt is {prompt!r}; this run continues a file: give FILE:path.")
    alphabet = run.config.data.alphabet
    return prompt.encode("utf-8", "surrogateescape") if alphabet is not None and alphabet.kind == "bytes" else prompt


def _write_sound(out: Path, given: Any, drawn: NDArray[np.float32], rate: int | None) -> None:
    assert rate is not None
    whole = drawn if given is None else np.concatenate([given, drawn])
    write_wav(out, whole, rate)
    say(f"{len(whole) / rate:.2f} s of sound written to {out}")


def _csv(columns: tuple[str, ...], values: NDArray[np.float64]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(values.tolist())
    return text.getvalue()
