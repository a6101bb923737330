"""What ``chainrule sample`` draws, in the form of the run's data: text, a sound file, or rows of a table."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.cli.console import check_out, emit, say
from chainrule.data import write_wav
from chainrule.display import writing
from chainrule.errors import ArgumentError
from chainrule.runs import Run

__all__ = ["emit_sample"]

_SUFFIXES = {"text": ".txt", "sound": ".wav", "series": ".csv"}


def emit_sample(run: Run, prompt: str | None, out: Path | None, **how: Any) -> None:
    """Draw from a run, to a file or to standard output; ``how`` is as `Run.sample` has it.

    Raises:
        ArgumentError: the prompt or the file is not one for such data.
    """
    kind = _kind(run)
    if kind in _SUFFIXES:
        check_out("--out", out, _SUFFIXES[kind])
    if kind == "sound" and out is None:
        raise ArgumentError('a sample of sound cannot be printed: give `out="x.wav"`.')
    given = _prompt(run, kind, prompt)
    drawn = run.sample(prompt=given, **how)
    if kind == "series":
        emit(_csv(run.config.data.columns, drawn), out)
    elif kind == "sound":
        assert out is not None
        _write_sound(out, given, drawn, run.config.data.rate)
    else:
        whole = drawn if given is None else given + drawn
        emit(whole, out)
        if out is None:
            emit("\n", None)


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
    with writing(out):
        write_wav(out, whole, rate)
    say(f"{len(whole) / rate:.2f} s of sound written to {out}")


def _csv(columns: tuple[str, ...], values: NDArray[np.float64]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(values.tolist())
    return text.getvalue()
