"""The list of runs, as the page has it."""

import re
from pathlib import Path
from threading import Lock
from typing import Any

from chainrule._choices import spelt
from chainrule.runs.folder.config import CONFIG
from chainrule.runs.folder.contents import COMPARISON, LOCK, REFIT, SCORE
from chainrule.runs.folder.metrics_log import METRICS
from chainrule.runs.listing.listed_run import ListedRun, listed_run
from chainrule.runs.listing.names import run_names
from chainrule.runs.listing.small_files import is_held
from chainrule.studio.folders import RunsFolder
from chainrule.training import BEST, FINAL

__all__ = ["Entries"]


_NO_ADDRESS = re.compile("[\n\ud800-\udfff]")  # in a name: line ends, and what is no UTF-8


class Entries:
    """The list of runs. What was read is kept as long as the files are as they were."""

    def __init__(self, folder: RunsFolder) -> None:
        self.folder = folder
        self._known: dict[str, tuple[Any, dict[str, Any]]] = {}
        self._lock = Lock()

    def all(self) -> list[dict[str, Any]]:
        """An entry for every run, in the order of their names."""
        with self._lock:
            names = list(run_names(self.folder.root))
            for gone in self._known.keys() - set(names):
                del self._known[gone]
            return [self._entry(name) for name in names]

    def entry(self, name: str) -> dict[str, Any]:
        """What is told of one run in the list."""
        with self._lock:
            return self._entry(name)

    def _entry(self, name: str) -> dict[str, Any]:
        if _NO_ADDRESS.search(name):
            error = f"the folder {spelt(name)} has a name that no address leads to: a line end or no UTF-8. Rename it."
            return ListedRun(spelt(name), "broken", error=error).to_dict() | {"comparison": None}
        path = self.folder.root / name
        stamps = [_stamp(path / file) for file in (CONFIG, SCORE, METRICS, BEST, FINAL, REFIT, LOCK, COMPARISON)]
        state = (stamps, is_held(path))
        known = self._known.get(name)
        if known is not None and known[0] == state:
            return known[1]
        found = listed_run(path, name).to_dict() | {"comparison": self._comparison(name)}
        self._known[name] = (state, found)
        return found

    def _comparison(self, name: str) -> str | None:
        """The comparison that the run is of."""
        parent = name.rpartition("/")[0]
        return parent if parent and (self.folder.root / parent / COMPARISON).is_file() else None


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
