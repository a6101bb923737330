"""Recording how a fit goes, in metrics.jsonl, while it is shown."""

import json
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from chainrule._schema import check_record, parse
from chainrule.display import writing
from chainrule.lens import Record, Recorder
from chainrule.runs.folder.messages import say
from chainrule.runs.folder.progress_line import showing
from chainrule.training import Progress, Report, write_atomically

__all__ = ["METRICS", "keep_until", "read_metrics", "reporting"]

METRICS = "metrics.jsonl"
_RECORDS = 200  # in a budget


class _Recorder:
    """Writes metrics every 200th of the budget and at each validation; training losses are means since the last.

    The first record is of step 0, before which nothing was trained, where its weights were validated.

    Those with "joined" are of the last stage, when nothing is held out any more.

    A record is on the disk before the checkpoint that goes on from it is, as the loop reports before it saves.
    """

    def __init__(self, path: Path, reach: Recorder | None) -> None:
        self._path = path
        with writing(path):
            self._file = path.open("a", encoding="utf-8")
        self._reach = reach
        self._looks = 0
        self._written = 0
        self.looked_at = 0  # the step of the last look

    def __call__(self, progress: Progress) -> None:
        if self._reach is not None and len(self._reach.records) > self._looks:
            self._looks = len(self._reach.records)
            self.looked_at = progress.step
        if self._reach is not None:
            self._reach.progress(progress.spent)
        since = progress.spent - progress.recorded
        validated = progress.validated_step == progress.step
        ends = progress.spent >= progress.until
        if since <= 0 or (since < 1 / _RECORDS and not validated and not ends):
            return
        if self._file.tell() == 0 and progress.start is not None:
            self._write({"step": 0, "seconds": 0.0, "seen": 0, "loss": None} | _held_out(*progress.start))
        losses, steps = progress.unrecorded
        line: dict[str, Any] = {
            "step": progress.step,
            "seconds": round(progress.seconds, 3),
            "seen": progress.seen,
            "loss": losses / steps if steps else None,
            "gradient_norm": progress.gradient_norm,
            "per_second": round(progress.per_second),
        }
        if progress.window is not None:
            line["window"] = progress.window
        if validated:
            line |= _held_out(progress.validation, progress.beside, progress.alone)
        if progress.joined is not None:
            line["joined"] = True
        if progress.stopped:
            line["stopped"] = f"no improvement since step {progress.best_step}"
        if self._reach is not None and self._looks > self._written:
            self._written = self._looks
            line["reach"] = _looked(self._reach.records[-1])
        self._write(line)
        progress.recorded = progress.spent
        progress.unrecorded = (0.0, 0)

    def _write(self, line: Mapping[str, Any]) -> None:
        with writing(self._path):
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _held_out(validation: float | None, beside: float, alone: float | None) -> dict[str, float | None]:
    """What a record tells of a validation."""
    found = {"validation": validation, "beside": beside}
    return found if alone is None else found | {"alone": alone}


@contextmanager
def reporting(
    metrics: Path, title: str, unit: str, *, quiet: bool, reach: Recorder | None = None, leads: bool = True
) -> Iterator[Report]:
    """A report for the training loop that records into the file ``metrics`` and, unless quiet, shows on standard error.

    ``reach`` looks at the gradients meanwhile, and what it finds is recorded and shown too. Of several processes the
    one that ``leads`` reports for all.
    """
    if not leads:
        yield lambda progress: None
        return
    recorder = _Recorder(metrics, reach)
    try:
        with nullcontext() if reach is None else reach:
            if quiet:
                yield recorder
                return
            with showing(title, unit) as show:
                ended = ""

                def report(progress: Progress) -> None:
                    nonlocal ended
                    recorder(progress)
                    show(progress, _horizon(reach))
                    if progress.stopped:
                        ended = f"stopped at step {progress.step}: no improvement since step {progress.best_step}"
                    elif progress.joined is not None:
                        ended = _gone_on(progress)

                yield report
            if ended:
                say(ended)
            if reach is not None and reach.records:
                say(f"gradients at step {recorder.looked_at}: {reach.verdict}")
    finally:
        recorder.close()


def _gone_on(progress: Progress) -> str:
    """How the last stage began, for people; nothing where that was when it was due."""
    if not progress.stale or progress.joined is None or progress.until >= 1:
        return ""
    return (
        f"gone back to step {progress.best_step}, as nothing after it was better; then trained over everything for "
        f"{100 * (progress.until - progress.joined):.0f} % of the budget"
    )


def _looked(record: Record) -> dict[str, Any]:
    """A look as metrics.jsonl has it: four digits, and null for what is no number."""
    by_lag = [float(f"{value:.4g}") if math.isfinite(value) else None for value in record.by_lag.tolist()]
    saturated = {use.name: float(f"{use.low + use.high:.4g}") for use in record.gates}
    return {
        "horizon": record.horizon,
        "half": record.half,
        "gradient_by_lag": by_lag,
        "saturated": saturated,
        "part": record.part,
        "verdict": record.verdict,
    }


def _horizon(reach: Recorder | None) -> str:
    """The last horizon, for people; nothing before there is one."""
    if reach is None or not reach.records:
        return ""
    last = reach.records[-1]
    if last.verdict.startswith("exploding"):
        return f", {last.verdict.partition(':')[0]}"
    return f", horizon {last.horizon}" if last.horizon is not None else f", horizon >{len(last.by_lag) - 1}"


class _Looked(TypedDict):
    """What a record says of the gradients."""

    horizon: int | None
    gradient_by_lag: list[float | None]


class _Record(TypedDict):
    """What is read of a line of metrics.jsonl; what else it has is left as it is."""

    step: int
    loss: float | None
    validation: NotRequired[float]
    beside: NotRequired[float]
    alone: NotRequired[float]
    joined: NotRequired[bool]
    reach: NotRequired[_Looked]


def read_metrics(folder: Path, name: str = METRICS) -> list[dict[str, Any]]:
    """The records of metrics.jsonl; a last line that a kill cut short is left out, and so is, with a warning, any other
    that is no record.
    """
    path = folder / name
    records = list[dict[str, Any]]()
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            record = parse(line)
            check_record(_Record, record, "it")
            records.append(record)
        except ValueError as error:
            message = f"line {number} of {path} is left out, as it is no record of training: {error}"
            warnings.warn(message, UserWarning, stacklevel=2)
    return records


def keep_until(folder: Path, step: int, name: str = METRICS) -> None:
    """Drop the records after ``step``, from which a resumed run goes on."""
    kept = [record for record in read_metrics(folder, name) if record["step"] <= step]
    write_atomically(folder / name, "".join(json.dumps(record) + "\n" for record in kept).encode())
