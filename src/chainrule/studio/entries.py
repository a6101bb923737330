"""What is told of each run: for the list of all of them, and of one by itself."""

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from chainrule._optional import require
from chainrule._schema import parse
from chainrule.errors import ChainruleError, RunFormatError
from chainrule.runs.folder.config import CONFIG, RunConfig
from chainrule.runs.folder.contents import COMPARISON, LOCK, REFIT, SCORE
from chainrule.runs.folder.json_files import read_json
from chainrule.runs.folder.metrics_log import METRICS
from chainrule.runs.kinds.building import count_parameters
from chainrule.runs.kinds.registry import KINDS
from chainrule.studio.folders import RunsFolder
from chainrule.training import BEST, FINAL

__all__ = ["Entries", "is_held", "kind_of", "losses_in"]

_TAIL = 2**14  # bytes of metrics.jsonl in which the last records are


class Entries:
    """The list of runs. What was read is kept as long as the files are as they were."""

    def __init__(self, folder: RunsFolder) -> None:
        self.folder = folder
        self._known: dict[str, tuple[Any, dict[str, Any]]] = {}
        self._lock = Lock()

    def all(self) -> list[dict[str, Any]]:
        """An entry for every run, in the order of their names."""
        with self._lock:
            names = list(self.folder.names())
            for gone in self._known.keys() - set(names):
                del self._known[gone]
            return [self.entry(name) for name in names]

    def entry(self, name: str) -> dict[str, Any]:
        """What is told of one run in the list."""
        path = self.folder.root / name
        stamp = tuple(_stamp(path / file) for file in (CONFIG, SCORE, METRICS, BEST, FINAL, REFIT, LOCK, COMPARISON))
        held = is_held(path)
        known = self._known.get(name)
        if known is not None and known[0] == (stamp, held):
            return known[1]
        found = self._read(name, path, held=held)
        self._known[name] = ((stamp, held), found)
        return found

    def _read(self, name: str, path: Path, *, held: bool) -> dict[str, Any]:
        parent = name.rpartition("/")[0]
        about: dict[str, Any] = dict.fromkeys(
            ("kind", "model", "data", "error", "step", "steps", "minutes", "progress", "validation", "test", "unit")
        )
        about |= {"name": name, "status": "broken", "parameters": None, "updated": _updated(path)}
        about["comparison"] = parent if parent and (self.folder.root / parent / COMPARISON).is_file() else None
        try:
            if not (path / CONFIG).is_file() and (path / COMPARISON).is_file():
                return about | {"status": "comparison"}
            config = RunConfig.load(path)
            return about | _of_config(config) | _of_metrics(path, config) | _of_files(path, config, held=held)
        except (ChainruleError, OSError) as error:
            return about | {"error": str(error)}


def kind_of(config: RunConfig) -> str:
    """What the studio calls a kind of data: symbols are a text or a sound, sounds with labels something else."""
    alphabet = config.data.alphabet
    if alphabet is not None:
        return "sound" if alphabet.kind == "mu-law" else "text"
    return "labelled sound" if config.data.kind == "sound" else config.data.kind


def is_held(path: Path) -> bool:
    """Whether a fit writes to the folder now. The lock itself is left alone: to try it could get in a fit's way."""
    try:
        process, host, _ = (path / LOCK).read_text().split(" ", 2)
        if host != socket.gethostname():
            return True  # of another machine it cannot be told
        os.kill(int(process), 0)
    except PermissionError:  # it is there, and another person's
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return True


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _updated(path: Path) -> str | None:
    """When something was last written, in UTC."""
    times = [stamp[0] for file in (CONFIG, SCORE, METRICS, COMPARISON) if (stamp := _stamp(path / file)) is not None]
    return datetime.fromtimestamp(max(times) / 1e9, UTC).isoformat(timespec="seconds") if times else None


def _of_config(config: RunConfig) -> dict[str, Any]:
    return {
        "kind": kind_of(config),
        "model": config.model.title,
        "data": config.data.name,
        "steps": config.training.steps,
        "minutes": config.training.minutes if config.training.steps is None else None,
        "unit": config.loss_unit,
    }


def _of_metrics(path: Path, config: RunConfig) -> dict[str, Any]:
    """How far the fit is, by the last records of its metrics, and the least validation loss so far."""
    found: dict[str, Any] = {"step": None, "progress": None, "validation": None}
    for record in _last_records(path / METRICS):
        if not isinstance(record, Mapping) or not isinstance(record.get("step"), int):
            continue
        seconds = record.get("seconds")
        found["step"] = record["step"]
        if config.training.steps is not None or isinstance(seconds, int | float):
            found["progress"] = min(1.0, config.training.spent(record["step"], seconds or 0.0))
        if isinstance(record.get("validation"), float):
            found["validation"] = record["validation"]
    return found


def _last_records(path: Path) -> list[Any]:
    """The whole lines within the last bytes of a file; none of what is no JSON."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - _TAIL))
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return []
    records = []
    for line in lines[1:-1] if end > _TAIL else lines[:-1]:
        try:
            records.append(parse(line))
        except ValueError:
            continue
    return records


def _of_files(path: Path, config: RunConfig, *, held: bool) -> dict[str, Any]:
    """Whether it trains, has ended or was stopped; the score; the best checkpoint, whose header must be whole."""
    found: dict[str, Any] = {"status": "training" if held else "stopped"}
    shapes: Mapping[str, list[int]] = {}
    for file in (path / BEST, path / FINAL):  # the last of them is what is scored
        if file.is_file():
            about, shapes = header_of(file)
            if isinstance(about.get("best"), float):
                found["validation"] = about["best"]
    if (path / SCORE).is_file():
        found["test"] = losses_in(path / SCORE)[0]
        refits_after = config.refit and not KINDS[config.data.kind].goes_on
        if not held and (not refits_after or (path / REFIT).is_file()):
            found["status"] = "finished"
    return found | {"parameters": count_parameters(config.data, config.model, shapes)}


def losses_in(path: Path) -> tuple[float | None, dict[str, float]]:
    """The loss of the test part in score.json, and those of the baselines; none of what has no losses in nats.

    Raises:
        RunFormatError: the file is broken.
    """
    if not path.is_file():
        return None, {}
    try:
        score = read_json(path)
        nats = score.get("nats")
        baselines = score.get("baselines_nats", {})
        return nats, {str(name): float(value) for name, value in baselines.items()}
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise RunFormatError(
            f"{path} is not a score that chainrule wrote: {error}. Restore it, or fit again."
        ) from error


def header_of(path: Path) -> tuple[Mapping[str, Any], dict[str, list[int]]]:
    """What a checkpoint tells of itself, and the shapes in it by their names, by its header alone.

    Raises:
        RunFormatError: the file is cut short, or is no checkpoint.
    """
    safetensors = require("safetensors")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            about = parse((file.metadata() or {})["chainrule"])
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (safetensors.SafetensorError, KeyError, ValueError, OSError) as error:
        raise RunFormatError(
            f"{path} cannot be read as a checkpoint of chainrule ({error}). It was cut short or changed; restore it "
            "from a copy, or fit again."
        ) from error
    return about if isinstance(about, Mapping) else {}, shapes
