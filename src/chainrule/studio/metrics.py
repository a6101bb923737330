"""The curves of a fit, from metrics.jsonl: each byte is read once, however often it is asked while the fit goes on."""

import json
import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.runs.folder.metrics_log import METRICS

__all__ = ["POINTS", "Curves", "MetricsFiles", "thinned"]

POINTS = 2000
_KEPT = 16  # files whose curves are held
_NAMES = {  # of curves, by their keys in a record
    "loss": "training",
    "validation": "validation",
    "alone": "alone",
    "gradient_norm": "gradient_norm",
    "per_second": "per_second",
    "window": "window",
}
_LOOKED = ("horizon", "half")  # of a record's "reach": null where it is beyond what was looked at

_Point = tuple[float, float, float]  # step, seconds, value
Points = NDArray[np.float64]  # (N, 3)
Curves = dict[str, Points]


class _MetricsFile:
    """What was read of one file, up to ``offset``; ``generation`` counts how often it began anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.generation = 0
        self.joined: int | None = None
        self._begin(None)

    def _begin(self, inode: int | None) -> None:
        self._inode = inode
        self._parts: dict[str, list[Points]] = {}
        self.offset = 0
        self.joined = None
        self.generation += 1

    def read_on(self) -> None:
        """Read the whole lines that came since; from the start where the file is another one, or shorter."""
        try:
            with self.path.open("rb") as file:
                status = self.path.stat()
                if status.st_ino != self._inode or status.st_size < self.offset:
                    self._begin(status.st_ino)
                file.seek(self.offset)
                new = file.read()
        except FileNotFoundError:
            if self._inode is not None:
                self._begin(None)
            return
        whole = new.rpartition(b"\n")[0]
        if not whole:
            return
        self.offset += len(whole) + 1
        records = list(_records(whole))
        for name, points in _points(records).items():
            self._parts.setdefault(name, []).append(np.array(points, dtype=np.float64))
        if self.joined is None:
            self.joined = next((record["step"] for record in records if "joined" in record), None)

    def curves(self) -> Curves:
        """All points so far, of each curve."""
        for parts in self._parts.values():
            parts[:] = [np.concatenate(parts)]
        return {name: parts[0] for name, parts in self._parts.items()}


class MetricsFiles:
    """The metrics of runs, by their folders; those last asked for are held."""

    def __init__(self) -> None:
        self._files: OrderedDict[Path, _MetricsFile] = OrderedDict()
        self._lock = Lock()

    def of(self, folder: Path) -> tuple[Curves, dict[str, Any]]:
        """All curves of a run, and where they end: the offset, the generation, and the step at which all data joined."""
        with self._lock:
            path = folder / METRICS
            file = self._files.pop(path, None) or _MetricsFile(path)
            self._files[path] = file
            while len(self._files) > _KEPT:
                self._files.popitem(last=False)
            file.read_on()
            return file.curves(), {"next": file.offset, "generation": file.generation, "joined": file.joined}


def _records(whole: bytes) -> Iterable[Mapping[str, Any]]:
    """The records of whole lines; what is no record is left out."""
    lines = whole.split(b"\n")
    try:
        found = json.loads(b"[" + b",".join(lines) + b"]")  # ten times as fast as line by line
    except (ValueError, RecursionError):
        found = list(_one_by_one(lines))
    return (record for record in found if isinstance(record, dict) and _is_number(record.get("step")))


def _one_by_one(lines: Iterable[bytes]) -> Iterator[Any]:
    for line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            continue


def _points(records: Iterable[Mapping[str, Any]]) -> dict[str, list[_Point]]:
    found: dict[str, list[_Point]] = {}
    for record in records:
        at = record["step"], _number_or_nan(record.get("seconds"))
        for key, name in _NAMES.items():
            value = record.get(key)
            if _is_number(value):
                found.setdefault(name, []).append((*at, value))
        looked = record.get("reach")
        if isinstance(looked, dict):
            for name in _LOOKED:
                found.setdefault(name, []).append((*at, _number_or_nan(looked.get(name))))
    return found


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < math.inf  # type: ignore[arg-type]


def _number_or_nan(value: Any) -> float:
    return value if _is_number(value) else math.nan


def thinned(points: Points, most: int) -> Points:
    """At most so many points: of each stretch of the curve the least and the greatest, and both ends.

    >>> curve = np.array([[step, step, step == 57] for step in range(100)], dtype=float)
    >>> thinned(curve, 10)[:, 2].max()
    1.0
    """
    count = len(points)
    if count <= most:
        return points
    values = np.where(np.isnan(points[:, 2]), -math.inf, points[:, 2])
    edges = np.linspace(0, count, max(1, (most - 2) // 2) + 1).astype(int)
    kept = {0, count - 1}
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        kept.add(begin + int(values[begin:end].argmin()))
        kept.add(begin + int(values[begin:end].argmax()))
    return points[sorted(kept)]


def in_columns(curves: Curves, most: int = POINTS) -> dict[str, dict[str, list[float | None]]]:
    """Curves as JSON has them, thinned."""
    return {name: _columns(thinned(points, most)) for name, points in curves.items()}


def _columns(points: Points) -> dict[str, list[float | None]]:
    listed = [[None if math.isnan(value) else value for value in column] for column in points.T.tolist()]
    return dict(zip(("step", "seconds", "value"), listed, strict=True))
