"""The runs in a folder: what each is of, how far it is and what it scored, by its small files alone."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from chainrule._choices import counted
from chainrule.display import BLUE, Cell, Shown, Table, title
from chainrule.errors import ArgumentError, ChainruleError, RunFormatError
from chainrule.runs.figures.bars import bars, bars_height
from chainrule.runs.folder.config import CONFIG, RunConfig
from chainrule.runs.folder.contents import COMPARISON, LOCK, REFIT, SCORE
from chainrule.runs.folder.json_files import read_json
from chainrule.runs.folder.metrics_log import METRICS, read_metrics
from chainrule.runs.kinds.registry import KINDS
from chainrule.training import BEST

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ListedRun", "Runs", "is_held", "list_runs", "listed_run"]

_MARKS = {CONFIG, METRICS, SCORE, BEST}  # one of these makes a folder a run's, be it broken
_DEEPEST = 4
Status = Literal["finished", "training", "stopped", "broken"]


@dataclass(frozen=True)
class ListedRun:
    """One run of a list. What is not known, as of a broken run, is None.

    Attributes:
        name: the path below the folder that was listed, with slashes.
        status: "training" while a fit writes to it, "stopped" where one ended early, "broken" where it cannot be read.
        data, model, unit: what it was fitted to, what was fitted, and what one of the scored units is called.
        step, seconds: how far training came.
        validation: the least loss on what chooses the weights, in nats per unit.
        test: the score, in nats per unit of the test part.
        updated: when something was last written, in UTC.
        error: what is wrong with a broken one.
    """

    name: str
    status: Status
    data: str | None = None
    model: str | None = None
    unit: str | None = None
    step: int | None = None
    seconds: float | None = None
    validation: float | None = None
    test: float | None = None
    updated: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, repr=False)
class Runs(Shown):
    """The runs in a folder, in the order of their names."""

    folder: Path
    listed: tuple[ListedRun, ...]

    def summary(self) -> str:
        return f"{counted(len(self.listed), 'run')} in {self.folder}"

    def table(self) -> Table:
        """A row for each run; below, what is wrong with those that are broken."""
        columns = ("run", "data", "model", "steps", "held out", "test", "status", "updated")
        notes = [f"{run.name}: {run.error}" for run in self.listed if run.error is not None]
        if any(run.test is not None for run in self.listed):
            notes.insert(0, "Losses on held-out data and on the test part are in nats per character, step or example.")
        return Table(
            self.summary(),
            columns,
            [_row(run) for run in self.listed],
            tuple(notes),
            {"held out": ".4f", "test": ".4f"},
        )

    def to_dict(self) -> dict[str, Any]:
        """The folder and the runs; times as ISO 8601 has them."""
        runs = [asdict(run) | {"updated": run.updated and run.updated.isoformat()} for run in self.listed]
        return {"folder": str(self.folder), "runs": runs}

    @property
    def drawable(self) -> bool:
        """Whether any of them has been scored."""
        return any(run.test is not None for run in self.listed)

    @property
    def figure_height(self) -> float:
        return bars_height(sum(run.test is not None for run in self.listed))

    def draw_on(self, ax: "Axes") -> None:
        """The scores as bars, where there are any. Those of other data do not compare."""
        scored = [run for run in self.listed if run.test is not None]
        if not scored:
            raise ArgumentError(f"no run in {self.folder} has a score to draw. Fit one first.")
        scored.reverse()
        bars(ax, [run.name for run in scored], [run.test or 0.0 for run in scored], "{:.3f}", [BLUE] * len(scored))
        title(ax, "Nats per character, step or example of the test part")


def _row(run: ListedRun) -> tuple[Cell, ...]:
    """A row of the table, blank in what is not known."""
    updated = None if run.updated is None else f"{run.updated.astimezone():%Y-%m-%d %H:%M}"
    return (run.name, run.data, run.model, run.step, run.validation, run.test, run.status, updated)


def list_runs(folder: str | Path = "runs") -> Runs:
    """The runs in a folder and the folders in it, those of comparisons too; hidden folders and links are passed by.

    No weights are read. A run that is broken is listed with what is wrong with it.

    Raises:
        ArgumentError: there is no such folder.

    >>> import chainrule, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = chainrule.fit("sunspots", "ar", window=3, out=folder + "/first", quiet=True)
    ...     found = list_runs(folder)
    >>> [(run.name, run.data, run.model, run.status) for run in found.listed]
    [('first', 'sunspots', 'ar', 'finished')]
    """
    root = Path(folder)
    if not root.is_dir():
        raise ArgumentError(f"{root} is no folder. Name the one that holds the runs; fit makes `runs` by itself.")
    if (root / CONFIG).is_file():
        return Runs(root, (listed_run(root),))
    return Runs(root, tuple(replace(listed_run(root / name), name=name) for name in _names(root, "", 1)))


def listed_run(path: Path) -> ListedRun:
    """What is told of one run."""
    about = ListedRun(path.name, "broken", updated=_updated(path))
    try:
        config = RunConfig.load(path)
        about = replace(about, data=config.data.name, model=config.model.title, unit=config.data.unit)
        about = replace(about, **_progress(path))
        return replace(about, status=_status(path, config), test=_test(path))
    except (ChainruleError, OSError) as error:
        return replace(about, error=str(error))


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


def _names(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    """The names of all runs below a folder, in order."""
    entries: list[os.DirEntry[str]] = []
    with suppress(OSError):  # it may not be read, or has just gone
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
            continue
        path = folder / entry.name
        if any((path / mark).is_file() for mark in _MARKS):
            yield prefix + entry.name
        elif depth < _DEEPEST:
            yield from _names(path, f"{prefix}{entry.name}/", depth + 1)


def _updated(path: Path) -> datetime | None:
    times = []
    for name in (*_MARKS, COMPARISON):
        with suppress(OSError):
            times.append((path / name).stat().st_mtime)
    return datetime.fromtimestamp(max(times), UTC) if times else None


def _progress(path: Path) -> dict[str, Any]:
    """How far training came, and the least loss on held-out data."""
    records = read_metrics(path)
    losses = [record["validation"] for record in records if "validation" in record]
    last = records[-1] if records else {}
    return {"step": last.get("step"), "seconds": last.get("seconds"), "validation": min(losses, default=None)}


def _status(path: Path, config: RunConfig) -> Status:
    if is_held(path):
        return "training"
    refits_after = config.refit and not KINDS[config.data.kind].goes_on
    is_whole = (path / SCORE).is_file() and (not refits_after or (path / REFIT).is_file())
    return "finished" if is_whole else "stopped"


def _test(path: Path) -> float | None:
    """The score; None where there is none yet."""
    if not (path / SCORE).is_file():
        return None
    try:
        score = read_json(path / SCORE)
        nats = score.get("nats")
    except (ValueError, AttributeError) as error:
        raise RunFormatError(f"{path / SCORE} is not a score that chainrule wrote: {error}.") from error
    return float(nats) if isinstance(nats, int | float) else None
