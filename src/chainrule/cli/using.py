"""``chainrule score``, ``sample``, ``forecast``, ``backtest`` and ``classify``: what runs can be asked."""

import csv
import io
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from typer import Argument, Option

from chainrule._devices import named
from chainrule.cli import options as o
from chainrule.cli.console import check_out, emit, progress, say, show
from chainrule.data import write_wav
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
    device: o.LoadedOn = "auto",
) -> None:
    """Score a run by its exact log-likelihood, per symbol or step, in nats and bits.

    Without DATA, the last tenth of the run's own data is scored and compared with baselines; with DATA, all of it is
    scored. For real values, point and interval errors one step ahead are reported too.

    State is carried through all of the data. To compare with a transformer whose window is 256, --context 256 also
    scores blocks of 256 symbols, each from a cold start that has read one symbol.

    If DATA has characters that the model does not know, --unknown skip leaves them out of the text, and --unknown
    replace reads them as a blank and does not score them.

    With --adapt a copy of the model scores every symbol first and learns from it after: the weights of networks, the
    counts of n-grams, or both of a mixture. It has a table of its own, since a model that may learn from what it is
    scored on has an easier task than one that stays as it was fitted.
    """
    opened = _loaded(run, device)
    with progress("adapting") as advance:
        score = opened.score(data, context=context, unknown=unknown, adapt=adapt, advance=advance)
    show(score)


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
    opened = _loaded(run, "cpu" if device == "auto" else device)
    kind = _kind(opened)
    if kind in _SUFFIXES:
        check_out("--out", out, _SUFFIXES[kind])
    if kind == "sound" and out is None:
        raise ArgumentError('a sample of sound cannot be printed: give `out="x.wav"`.')
    given = _prompt(opened, kind, prompt)
    drawn = opened.sample(length, prompt=given, temperature=temperature, top_k=top_k, seed=seed, data=data)
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
    horizon: Annotated[int, Option(help="Number of steps to forecast.")] = 30,
    paths: Annotated[int, Option(help="Number of sampled paths.")] = 1000,
    quantiles: Annotated[str, Option(help="Quantile levels, separated by commas.")] = ".1,.5,.9",
    seed: o.DrawingSeed = 0,
    plot: Annotated[Path | None, Option(help="Plot the forecast to this .png file.", show_default=False)] = None,
    out: Annotated[
        Path | None, Option(help="Write the forecast in full precision to this .csv file.", show_default=False)
    ] = None,
    device: o.LoadedOn = "auto",
) -> None:
    """Forecast the steps after the end of the data, as quantiles of sampled paths.

    The forecast starts from the end of the fitted file as it is now, or of new DATA that continues the run's own data
    and may repeat it.
    """
    check_out("--plot", plot, ".png")
    check_out("--out", out, ".csv")
    try:
        levels = [float(level) for level in quantiles.split(",")]
    except ValueError:
        raise ArgumentError(f"`quantiles` is {quantiles!r}; expected numbers like .1,.5,.9") from None
    opened = _loaded(run, device)
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
    """Add new data to a run of a series, so that forecasts and samples continue from its end.

    DATA continues the run's own data and may repeat it. Weights and scores stay the same.
    """
    opened = load(run, device="cpu").update(data)
    assert isinstance(opened, SeriesRun)
    say(f"{run} goes on {opened.since}; its weights are as they were.")


def backtest_command(
    run: o.RunFolder,
    data: o.NewSource = None,
    horizon: Annotated[int, Option(help="Number of steps in each forecast.")] = 30,
    paths: Annotated[int, Option(help="Number of sampled paths per forecast.")] = 200,
    stride: Annotated[
        int | None,
        Option(help="Steps between forecasts (default as many as leave at most 100 of them).", show_default=False),
    ] = None,
    seed: o.DrawingSeed = 0,
    device: o.LoadedOn = "auto",
) -> None:
    """Score the forecasts that would have been made over the last tenth of the data, or over new DATA.

    MASE is the mean absolute error relative to that of the seasonal naive forecast on the training part, and CRPS
    scores the whole distribution. The last columns are the coverage of the 80 % and 95 % intervals.
    """
    opened = _loaded(run, device)
    with progress("backtest") as advance:
        result = opened.backtest(data, horizon=horizon, paths=paths, stride=stride, seed=seed, advance=advance)
    show(result)


def classify_command(
    run: o.RunFolder,
    files: Annotated[list[Path], Argument(metavar="FILES", help="Images, or .wav or .flac files.", show_default=False)],
    device: o.LoadedOn = "auto",
) -> None:
    """Classify files: the most likely class of each, with its probability."""
    show(_loaded(run, device).classify(files))


def _loaded(run: Path, device: str) -> Run:
    """The run on the device, which is told unless it is the CPU."""
    opened = load(run, device=device)
    if opened.device.type != "cpu":
        say(f"On {named(opened.device)}.")
    return opened


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
        data: Any = run.read(prompt.removeprefix("FILE:"))
        if kind == "series":
            return data.values
        return data.alphabet.decode(np.concatenate(data.documents))
    if kind != "text":
        raise ArgumentError(f"`prompt` is {prompt!r}, but this run continues a file: give FILE:path.")
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
