"""Showing and recording how a fit goes: a bar on a terminal, plain lines elsewhere, metrics.jsonl always."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chainrule._optional import require
from chainrule.training import Progress, Report, write_atomically

__all__ = ["keep_until", "read_metrics", "reporting"]

METRICS = "metrics.jsonl"
_RECORDS = 200  # in a budget
_LINES = 10
_TITLE = 24  # letters, so that numbers fit beside it in 80 columns


class _Recorder:
    """Writes metrics every 200th of the budget and at each validation; training losses are means since the last."""

    def __init__(self, path: Path, spent: float) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._losses: list[float] = []
        self._spent = spent

    def __call__(self, progress: Progress) -> None:
        if progress.loss is not None:
            self._losses.append(progress.loss)
        validated = progress.validated_step == progress.step
        if not validated and progress.spent - self._spent < 1 / _RECORDS:
            return
        line = {
            "step": progress.step,
            "seconds": round(progress.seconds, 3),
            "seen": progress.seen,
            "loss": sum(self._losses) / len(self._losses) if self._losses else None,
            "gradient_norm": progress.gradient_norm,
            "per_second": round(progress.per_second),
        }
        if progress.window is not None:
            line["window"] = progress.window
        if validated:
            line["validation"] = progress.validation
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        self._losses.clear()
        self._spent = progress.spent

    def close(self) -> None:
        self._file.close()


@contextmanager
def reporting(folder: Path, title: str, unit: str, *, quiet: bool, spent: float = -1.0) -> Iterator[Report]:
    """A report for the training loop that records into ``folder`` and, unless quiet, shows on standard error.

    ``spent`` is the share of the budget at the last record, of which a resumed run's next ones are counted.
    """
    recorder = _Recorder(folder / METRICS, spent)
    try:
        if quiet:
            yield recorder
            return
        with _bar(title, unit) if sys.stderr.isatty() else _lines(title, unit) as show:

            def report(progress: Progress) -> None:
                recorder(progress)
                show(progress)

            yield report
    finally:
        recorder.close()


@contextmanager
def _bar(title: str, unit: str) -> Iterator[Report]:
    rich, console = require("rich.progress"), require("rich.console").Console(stderr=True)
    # On a narrow terminal the bar shrinks and then the title is cut; the numbers stay whole.
    whole, cut = (require("rich.table").Column(no_wrap=True, overflow=how) for how in ("crop", "ellipsis"))
    columns = [
        rich.TextColumn("{task.description}", markup=False, table_column=cut),
        rich.BarColumn(bar_width=16),
        rich.TaskProgressColumn(),
        rich.TextColumn("{task.fields[numbers]}", markup=False, table_column=whole),
    ]
    with rich.Progress(*columns, console=console) as bar:
        task = bar.add_task(title[:_TITLE], total=1.0, numbers="")

        def show(progress: Progress) -> None:
            bar.update(task, completed=min(progress.spent, 1.0), numbers=_numbers(progress, unit))

        yield show


@contextmanager
def _lines(title: str, unit: str) -> Iterator[Report]:
    shown = 0.0

    def show(progress: Progress) -> None:
        nonlocal shown
        if progress.spent - shown >= 1 / _LINES or progress.spent >= 1:
            shown = progress.spent
            sys.stderr.write(f"{title} {min(progress.spent, 1):4.0%}  {_numbers(progress, unit)}\n")
            sys.stderr.flush()

    yield show


def _numbers(progress: Progress, unit: str) -> str:
    left = progress.seconds * (1 / progress.spent - 1) if 0 < progress.spent < 1 else 0.0
    held_out = f" held out {progress.validation:.3f}" if progress.validation is not None else ""
    loss = f"loss {progress.loss:.3f}" if progress.loss is not None else ""
    return f"{loss}{held_out}, {_si(progress.per_second)} {unit}s/s, {_clock(left)} left"


def _si(number: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The records of metrics.jsonl; a last line that a kill cut short is left out."""
    path = folder / METRICS
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def keep_until(folder: Path, step: int) -> int:
    """Drop the records after ``step``, from which a resumed run goes on; the step of the last one kept, or 0."""
    kept = [record for record in read_metrics(folder) if record["step"] <= step]
    write_atomically(folder / METRICS, "".join(json.dumps(record) + "\n" for record in kept).encode())
    return kept[-1]["step"] if kept else 0
