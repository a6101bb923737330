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
from chainrule.cli.console import say, show, write
from chainrule.cli.fitting import show_score
from chainrule.cli.tables import backtest_table, classification_table, forecast_table
from chainrule.data import Series, Symbols, read, write_wav
from chainrule.errors import ArgumentError
from chainrule.runs import Run, load

__all__ = ["backtest_command", "classify_command", "forecast_command", "sample_command", "score_command"]


def score_command(run: o.RunFolder, data: o.NewSource = None) -> None:
    """Score a run: the exact log-likelihood, per symbol or step, in nats and bits.

    Without DATA on the last tenth of the run's own data, beside baselines; with DATA on all of it. For real values also
    point and interval errors, one step ahead.
    """
    opened = load(run)
    show_score(opened, opened.score(data))


def sample_command(
    run: o.RunFolder,
    prompt: Annotated[
        str | None, Option(help="Text to continue, or FILE:path to continue a file.", show_default=False)
    ] = None,
    length: Annotated[int, Option(help="Symbols or steps to draw.")] = 500,
    temperature: Annotated[float, Option(help="Below 1 sharper, above 1 flatter.")] = 1.0,
    top_k: Annotated[int | None, Option(help="Only the k likeliest symbols.", show_default=False)] = None,
    seed: o.Seed = 0,
    out: Annotated[
        Path | None, Option(help="A .txt, .wav or .csv file; else standard output.", show_default=False)
    ] = None,
) -> None:
    """Draw from a run: text, sound, or one possible future of a series."""
    opened = load(run)
    kind = _kind(opened)
    if out is not None and out.suffix.lower() != _SUFFIXES[kind]:
        raise ArgumentError(f"--out is {out}; a sample of {kind} is written to a {_SUFFIXES[kind]} file.")
    if kind == "sound" and out is None:
        raise ArgumentError("a sample of sound needs --out x.wav: it cannot be printed.")
    given = _prompt(opened, prompt)
    drawn = opened.sample(length, prompt=given, temperature=temperature, top_k=top_k, seed=seed)
    if kind == "sound":
        assert out is not None
        assert opened.config.data.rate is not None
        whole = drawn if given is None else np.concatenate([given, drawn])
        write_wav(out, whole, opened.config.data.rate)
        say(f"{len(whole) / opened.config.data.rate:.2f} s of sound written to {out}")
        return
    if kind == "series":
        _emit(_csv(opened.config.data.columns, drawn), out)
        return
    text = drawn.decode(errors="replace") if isinstance(drawn, bytes) else drawn
    before = given.decode(errors="replace") if isinstance(given, bytes) else given or ""
    _emit(before + text + ("" if out else "\n"), out)


def forecast_command(
    run: o.RunFolder,
    horizon: Annotated[int, Option(help="Steps ahead.")] = 30,
    paths: Annotated[int, Option(help="Sampled futures.")] = 1000,
    quantiles: Annotated[str, Option(help="Levels with commas between them.")] = ".1,.5,.9",
    seed: o.Seed = 0,
    plot: Annotated[Path | None, Option(help="Draw the fan to this .png.", show_default=False)] = None,
    out: Annotated[Path | None, Option(help="Write every digit to this .csv.", show_default=False)] = None,
) -> None:
    """Forecast the steps after the end of the data, as quantiles of sampled futures."""
    try:
        levels = [float(level) for level in quantiles.split(",")]
    except ValueError:
        raise ArgumentError(f"--quantiles is {quantiles!r}; expected numbers like .1,.5,.9") from None
    forecast = load(run).forecast(horizon, paths=paths, quantiles=levels, seed=seed)
    if out is None:
        show(forecast_table(forecast))
    else:
        _emit(forecast.to_csv(), out)
    if plot is not None:
        forecast.plot().savefig(plot)
        say(f"drawn to {plot}")


def backtest_command(
    run: o.RunFolder,
    data: o.NewSource = None,
    horizon: Annotated[int, Option(help="Steps ahead of each forecast.")] = 30,
    paths: Annotated[int, Option(help="Sampled futures of each forecast.")] = 200,
    stride: Annotated[
        int | None, Option(help="Steps between origins; as many as make 100 origins.", show_default=False)
    ] = None,
    seed: o.Seed = 0,
) -> None:
    """Score the forecasts that would have been made along the last tenth of the data, or along new DATA.

    MASE is the mean absolute error over that of the seasonal naive forecast in training; CRPS scores the whole
    distribution; the last columns say how often the 80 % and 95 % intervals held.
    """
    opened = load(run)
    progress, console = require("rich.progress"), require("rich.console").Console(stderr=True)
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
    show(backtest_table(result, opened.config.model.name))


def classify_command(
    run: o.RunFolder,
    files: Annotated[list[Path], Argument(metavar="FILES", help="Images, or wav or flac files.", show_default=False)],
) -> None:
    """Label files: the likeliest class of each, with its probability."""
    show(classification_table(load(run).classify(files)))


_SUFFIXES = {"text": ".txt", "sound": ".wav", "series": ".csv", "labels": ".txt"}


def _kind(run: Run) -> str:
    data = run.config.data
    if data.alphabet is not None:
        return "sound" if data.alphabet.kind == "mu-law" else "text"
    return "series" if data.transform is not None else "labels"


def _prompt(run: Run, prompt: str | None) -> Any:
    """The prompt as the run takes it: text or bytes, a waveform, or values."""
    if prompt is None:
        return None
    alphabet = run.config.data.alphabet
    if prompt.startswith("FILE:"):
        data = read(prompt.removeprefix("FILE:"), run.config.reading, alphabet=alphabet)
        if isinstance(data, Symbols):
            return data.alphabet.decode(np.concatenate(data.documents))
        return data.values if isinstance(data, Series) else None
    if _kind(run) != "text":
        raise ArgumentError(f"--prompt is {prompt!r}; this run continues a file: give FILE:path.")
    return prompt.encode() if alphabet is not None and alphabet.kind == "bytes" else prompt


def _csv(columns: tuple[str, ...], values: NDArray[np.float64]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(values.tolist())
    return text.getvalue()


def _emit(text: str, out: Path | None) -> None:
    """To the file, or to standard output."""
    if out is None:
        write(text)
    else:
        out.write_text(text, encoding="utf-8")
        say(f"written to {out}")
