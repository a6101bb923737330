"""One run of a list."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from chainrule.errors import ChainruleError
from chainrule.runs.folder.config import CONFIG, RunConfig
from chainrule.runs.folder.contents import COMPARISON, REFIT, SCORE, SERIES, UPDATED
from chainrule.runs.folder.metrics_log import METRICS
from chainrule.runs.kinds.building import count_parameters
from chainrule.runs.kinds.registry import KINDS
from chainrule.runs.listing.small_files import header_of, is_held, kind_of, last_records, losses_in
from chainrule.training import BEST, FINAL

__all__ = ["ListedRun", "listed_run"]

Status = Literal["finished", "training", "stopped", "broken", "comparison"]


@dataclass(frozen=True)
class ListedRun:
    """One run of a list. What is not known, as of a broken run, is None.

    Attributes:
        name: the path below the folder that was listed, with slashes.
        status: "training" while a fit writes to it, "stopped" where one ended early, "broken" where it cannot be read;
            "comparison" is a folder of the runs that were compared.
        kind, data, model: the kind of data, its name, and what was fitted to it.
        parameters: how many numbers the model has learned.
        unit: what the losses are in, such as nats per character.
        step, progress: how far training came, in steps and as a share of what was asked for.
        steps, minutes: what was asked for; the other one is None.
        validation: the loss of the weights on what chose them.
        best_step: the step that they are of, 0 where training improved on nothing.
        test: the loss of the test part; None of panels, which are scored otherwise.
        updated: when something was last written, in UTC.
        error: what is wrong with a broken one.
    """

    name: str
    status: Status
    kind: str | None = None
    data: str | None = None
    model: str | None = None
    parameters: int | None = None
    unit: str | None = None
    step: int | None = None
    progress: float | None = None
    steps: int | None = None
    minutes: float | None = None
    validation: float | None = None
    best_step: int | None = None
    test: float | None = None
    updated: datetime | None = None
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-able values; times as ISO 8601 has them."""
        updated = None if self.updated is None else self.updated.isoformat(timespec="seconds")
        return asdict(self) | {"updated": updated}


def listed_run(path: Path, name: str | None = None) -> ListedRun:
    """What is told of one run. No weights are read."""
    about = ListedRun(path.name if name is None else name, "broken", updated=_updated(path))
    try:
        if not (path / CONFIG).is_file() and (path / COMPARISON).is_file():
            return replace(about, status="comparison")
        config = RunConfig.load(path)
        return replace(about, **_of_config(config), **_of_metrics(path, config) | _of_files(path, config))
    except (ChainruleError, OSError) as error:
        return replace(about, error=str(error))


def _updated(path: Path) -> datetime | None:
    times = []
    for name in (CONFIG, SCORE, METRICS, COMPARISON):
        with suppress(OSError):
            times.append((path / name).stat().st_mtime)
    return datetime.fromtimestamp(max(times), UTC) if times else None


def _of_config(config: RunConfig) -> dict[str, Any]:
    return {
        "kind": kind_of(config),
        "data": config.data.name,
        "model": config.model.title,
        "unit": config.loss_unit,
        "steps": config.training.steps,
        "minutes": config.training.minutes if config.training.steps is None else None,
    }


def _of_metrics(path: Path, config: RunConfig) -> dict[str, Any]:
    """How far the fit is, by the last records of its metrics, and the newest validation loss."""
    found: dict[str, Any] = {}
    for record in last_records(path / METRICS):
        found["step"] = record["step"]
        if config.training.steps is not None or "seconds" in record:
            found["progress"] = min(1.0, config.training.spent(record["step"], record.get("seconds", 0.0)))
        if "validation" in record:
            found["validation"] = record["validation"]
    return found


def _of_files(path: Path, config: RunConfig) -> dict[str, Any]:
    """Whether it trains, has ended or was stopped; the score; the best checkpoint, whose header must be whole."""
    held = is_held(path)
    found: dict[str, Any] = {"status": "training" if held else "stopped"}
    shapes: Mapping[str, list[int]] = {}
    for file in (path / FINAL, path / BEST):  # the first of them is what is scored, the last was validated
        if file.is_file():
            about, of_file = header_of(file)
            shapes = shapes or of_file
            if isinstance(about.get("validation"), float):
                found["validation"] = about["validation"]
            if isinstance(about.get("best_step"), int) and about.get("start") is not None:
                found["best_step"] = about["best_step"]
    if (path / SCORE).is_file():
        found["test"] = losses_in(path / SCORE)[0]
        refits_after = config.refit and not KINDS[config.data.kind].goes_on
        if not held and (not refits_after or (path / REFIT).is_file()):
            _check_whole(path, config)
            found["status"] = "finished"
    return found | {"parameters": count_parameters(config.data, config.model, shapes)}


def _check_whole(path: Path, config: RunConfig) -> None:
    """Refuse a finished run without its weights or its data, or with files that were cut short, by their headers."""
    needed = [path / BEST, *([path / SERIES] if KINDS[config.data.kind].keeps else [])]
    others = [file for file in (path / REFIT, path / UPDATED) if file.is_file()]
    for file in (*needed, *others):
        header_of(file)
