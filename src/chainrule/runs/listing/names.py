"""The names of the runs in a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from chainrule.runs.folder.config import CONFIG
from chainrule.runs.folder.contents import COMPARISON, LOCK, SCORE
from chainrule.runs.folder.metrics_log import METRICS
from chainrule.training import BEST

__all__ = ["DEEPEST", "MARKS", "run_names"]

MARKS = frozenset({CONFIG, COMPARISON, METRICS, SCORE, BEST, LOCK})
"""One of these makes a folder a run's, be it broken, or that of a comparison."""

DEEPEST = 4
"""Folders in one another that are looked into."""


def run_names(root: Path) -> Iterator[str]:
    """The paths below ``root`` of all runs and comparisons, with slashes, in order; links and hidden folders are passed
    by."""
    yield from _below(root, "", 1)


def _below(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    try:
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # it may not be read, or has just gone
        return
    for entry in found:
        if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
            continue
        path = folder / entry.name
        held = _listing(path)
        if held & MARKS:
            yield prefix + entry.name
        if depth < DEEPEST and CONFIG not in held:
            yield from _below(path, f"{prefix}{entry.name}/", depth + 1)


def _listing(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))
    except OSError:
        return set()
