"""The folder of runs: names and what they lead to, and nothing outside of it."""

import os
import re
from pathlib import Path

from chainrule._choices import spelt
from chainrule.errors import ArgumentError, RunExistsError
from chainrule.runs.folder.config import CONFIG
from chainrule.runs.folder.contents import holds_nothing
from chainrule.runs.listing.names import DEEPEST, MARKS
from chainrule.studio.answers import missing

__all__ = ["RunsFolder"]

_LONGEST = 255  # bytes of a folder's name, as file systems have it
_STRANGE = re.compile(r"(^|/)[.-]|[\\:]")  # in a name: hidden, like an option, or not a name on every system


class RunsFolder:
    """A folder of runs. A run's name is its path below it, with slashes: ``prices`` or ``compared/gru``."""

    def __init__(self, root: Path) -> None:
        if root.exists() and not root.is_dir():
            raise ArgumentError(f"{root} is a file; expected the folder that runs are in.")
        if (root / CONFIG).is_file():
            raise ArgumentError(f"{root} is a run by itself. Give the folder that it is in: {root.parent}.")
        self.root = root.resolve()

    def run(self, name: str) -> Path:
        """The folder of a run.

        Raises:
            HTTPException: 404, there is none of this name within the folder.
        """
        path = self._within(name)
        if path is None or not path.is_dir() or not any((path / mark).exists() for mark in MARKS):
            raise missing(f"there is no run {name!r} in {self.root}.")
        for held in path.iterdir():
            if held.is_symlink() and not held.resolve().is_relative_to(self.root):
                raise missing(f"{held.name} of the run {name!r} is a link out of {self.root}, and is not followed.")
        return path

    def place(self, name: str) -> Path:
        """Where a new run may be written.

        Raises:
            ArgumentError: the name leads out of the folder, is none that a folder should have, or would not be listed.
            RunExistsError: something is there.
        """
        path = self._within(name)
        if path is None or not name.isprintable() or _STRANGE.search(name):
            raise ArgumentError(
                f"`out` is {spelt(name[:100])}; expected a name for a folder in {self.root}, such as prices-gru."
            )
        within = path.relative_to(self.root)
        if len(within.parts) > DEEPEST or any((self.root / each / CONFIG).exists() for each in within.parents):
            raise ArgumentError(f"`out` is {name!r}; expected no more than {DEEPEST} folders, none of them a run's.")
        if not holds_nothing(path):
            raise RunExistsError(f"{name} exists, and a run overwrites nothing. Choose another name.")
        return path

    def _within(self, name: str) -> Path | None:
        """The path of the name, links followed; None if it is outside."""
        parts = name.split("/")
        try:
            if any(part in ("", ".", "..") or len(os.fsencode(part)) > _LONGEST for part in parts):
                return None
            path = self.root.joinpath(*parts).resolve()
        except (OSError, ValueError, RuntimeError):  # too long in all; a zero or a surrogate; a circle of links
            return None
        return path if path.is_relative_to(self.root) and path != self.root else None
