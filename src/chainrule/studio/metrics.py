"""The curves of a fit, from metrics.jsonl: each byte is read once, however often it is asked while the fit goes on."""

import gc
import json
import math
import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import whole_in
from chainrule.runs.folder.metrics_log import METRICS

__all__ = ["POINTS", "Curves", "MetricsFiles", "MetricsReader", "in_columns", "thinned"]

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

_LARGEST = 1e300  # that a number can be

Points = NDArray[np.float64]  # (N, 3): step, seconds, value
Curves = dict[str, Points]


@dataclass(frozen=True)
class News:
    """What came since the last reading.

    Attributes:
        anew: whether the file is another one, or was cut, so that this is all that there is.
        curves: the new points.
        joined: the step from which what was held out trains too, if it is among them.
    """

    anew: bool
    curves: Curves
    joined: int | None


class MetricsReader:
    """Reads a file on from a ``place``, as another reader of it told it; from its start without one."""

    def __init__(self, path: Path, place: str = "") -> None:
        self._path = path
        inode, _, offset = place.partition("-")
        self._inode = whole_in(inode)
        self._offset = whole_in(offset) or 0

    @property
    def place(self) -> str:
        """Up to where it has read."""
        return "" if self._inode is None else f"{self._inode}-{self._offset}"

    def news(self) -> News:
        """The whole lines that came since."""
        anew = False
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._inode or status.st_size < self._offset:
                    anew = True
                    self._inode = status.st_ino
                    self._offset = 0
                file.seek(self._offset)
                new = file.read()
        except OSError:  # it is not there, or is no file; the list of runs tells what is wrong with it
            anew = self._inode is not None
            self._inode = None
            return News(anew, {}, None)
        whole, end, _ = new.rpartition(b"\n")
        self._offset += len(whole) + len(end)
        records = _records(whole) if whole else []
        joined = next((record["step"] for record in records if "joined" in record), None)
        return News(anew, _points(records), joined)


class _Known:
    """A reader, and all points that it has read."""

    def __init__(self, path: Path) -> None:
        self.reader = MetricsReader(path)
        self.curves: Curves = {}
        self.joined: int | None = None

    def read_on(self) -> None:
        news = self.reader.news()
        if news.anew:
            self.curves = {}
            self.joined = None
        for name, points in news.curves.items():
            known = self.curves.get(name)
            self.curves[name] = points if known is None else np.concatenate([known, points])
        self.joined = news.joined if self.joined is None else self.joined


class MetricsFiles:
    """The metrics of runs, by their folders; those last asked for are held."""

    def __init__(self) -> None:
        self._files: OrderedDict[Path, _Known] = OrderedDict()
        self._lock = Lock()

    def of(self, folder: Path) -> tuple[Curves, dict[str, Any]]:
        """All curves of a run; where they end, and the step from which what was held out trains too."""
        with self._lock:
            path = folder / METRICS
            known = self._files.pop(path, None) or _Known(path)
            self._files[path] = known
            while len(self._files) > _KEPT:
                self._files.popitem(last=False)
            known.read_on()
            return dict(known.curves), {"next": known.reader.place, "joined": known.joined}


def _records(whole: bytes) -> list[Mapping[str, Any]]:
    """The records of whole lines; what is no record is left out."""
    lines = whole.split(b"\n")
    try:
        with _uncollected():
            found = json.loads(b"[" + b",".join(lines) + b"]")  # ten times as fast as line by line
    except (ValueError, RecursionError):
        found = list(_one_by_one(lines))
    return [record for record in found if isinstance(record, dict) and _is_number(record.get("step"))]


@contextmanager
def _uncollected() -> Iterator[None]:
    """A while in which no garbage is looked for: many new objects, all of them kept, are looked at again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _one_by_one(lines: Iterable[bytes]) -> Iterator[Any]:
    for line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            continue


def _points(records: Sequence[Mapping[str, Any]]) -> Curves:
    """The points of every curve; those of looks also where they have no value, which lies beyond what was looked at."""
    at = _two_columns(records)
    found: Curves = {}
    for key, name in _NAMES.items():
        values = _column([record.get(key) for record in records])
        is_there = np.isfinite(values)
        if is_there.any():
            found[name] = np.column_stack([at[is_there], values[is_there]])
    looked = [record for record in records if _has_gradient(record.get("reach"))]
    if looked:
        at = _two_columns(looked)
        for name in _LOOKED:
            found[name] = np.column_stack([at, _column([record["reach"].get(name) for record in looked])])
    return found


def _has_gradient(reach: Any) -> bool:
    """Whether this is a look that a gradient entered: else no horizon is beyond what was looked at."""
    if not isinstance(reach, dict):
        return False
    norms = reach.get("gradient_by_lag")
    return not isinstance(norms, list) or (bool(norms) and _is_number(norms[0]) and norms[0] > 0)


def _two_columns(records: Sequence[Mapping[str, Any]]) -> Points:
    """Steps and seconds, (N, 2)."""
    return np.column_stack([_column([record.get(name) for record in records]) for name in ("step", "seconds")])


def _column(values: Sequence[Any]) -> Points:
    """Values (N,), NaN where they are no numbers."""
    try:
        column = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        column = np.empty(0)
    if column.shape != (len(values),):
        column = np.array([value if _is_number(value) else None for value in values], dtype=np.float64)
    return column


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < _LARGEST


def thinned(points: Points, most: int) -> Points:
    """At most so many points: of each stretch of the curve the least and the greatest, and both ends.

    >>> curve = np.array([[step, step, step == 57] for step in range(100)], dtype=float)
    >>> float(thinned(curve, 10)[:, 2].max())
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
