"""The list of runs, as a table and a figure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule._choices import counted, listed
from chainrule.display import BLUE, Cell, Shown, Table, title
from chainrule.errors import ArgumentError
from chainrule.runs.figures.bars import bars, bars_height
from chainrule.runs.folder.config import CONFIG
from chainrule.runs.listing.listed_run import ListedRun, listed_run
from chainrule.runs.listing.names import run_names
from chainrule.runs.watching.curves import KEEPS_START

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Runs", "list_runs"]


@dataclass(frozen=True, repr=False)
class Runs(Shown):
    """The runs in a folder, in the order of their names.

    >>> Runs(Path("runs"), (ListedRun("first", "stopped"), ListedRun("second", "training")))
    <Runs 2 runs in runs>
    """

    folder: Path
    listed: tuple[ListedRun, ...]

    def summary(self) -> str:
        return f"{counted(len(self.listed), 'run')} in {self.folder}"

    def table(self) -> Table:
        """A row for each run; below, what is wrong with those that are broken."""
        columns = ("run", "data", "model", "steps", "held out", "test", "status", "updated")
        rows = [_row(run) for run in self.listed]
        return Table(self.summary(), columns, rows, tuple(self._notes()), {"held out": ".4f", "test": ".4f"})

    def _notes(self) -> Iterator[str]:
        """What the losses are in, whose training was in vain, and what is wrong with those that are broken."""
        data: dict[str, list[str]] = {}  # by the unit
        for run in self.listed:
            if run.unit is not None and not (run.validation is None and run.test is None):
                data.setdefault(run.unit, []).append(str(run.data))
        units = [f"{unit} ({listed(dict.fromkeys(names), 3)})" for unit, names in data.items()]
        if units:
            yield f"Losses on held-out data and on the test part are in {', '.join(units)}."
        vain = [run.name for run in self.listed if run.best_step == 0 and run.status == "finished"]
        if vain:
            yield f"{listed(vain)}: {KEEPS_START}"
        yield from (f"{run.name}: {run.error}" for run in self.listed if run.error is not None)

    def to_dict(self) -> dict[str, Any]:
        """The folder and the runs; times as ISO 8601 has them."""
        return {"folder": str(self.folder), "runs": [run.to_dict() for run in self.listed]}

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
    updated = None if run.updated is None else _when(run.updated.astimezone())
    return (run.name, run.data, run.model, run.step, run.validation, run.test, run.status, updated)


def _when(moment: datetime) -> str:
    """The time of what is of today, the date of all else: both would take the room that names need."""
    return f"{moment:%H:%M}" if moment.date() == datetime.now().astimezone().date() else f"{moment:%Y-%m-%d}"


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
        raise ArgumentError(f"{root} is no folder. Name the one that holds the runs; fit makes one called runs.")
    if (root / CONFIG).is_file():
        return Runs(root, (listed_run(root),))
    found = (listed_run(root / name, name) for name in run_names(root))
    return Runs(root, tuple(run for run in found if run.status != "comparison"))
