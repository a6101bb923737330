"""The run's folder, before anything is written to it: new for a new run, and this run's to go on with."""

import json
from pathlib import Path

from chainrule.errors import ArgumentError, RunError, RunExistsError
from chainrule.runs.config import CONFIG, RunConfig

__all__ = ["check_resumable", "make_folder", "refuse_existing"]


def refuse_existing(folder: Path) -> None:
    """Refuse a folder that holds anything but what a kill may leave of a run's very first file.

    Raises:
        RunExistsError: it does, or it is a file.
    """
    if folder.is_dir() and all(path.name.endswith(".partial") for path in folder.iterdir()):
        return
    if folder.exists():
        or_resume = ", or go on with it with --resume" if (folder / CONFIG).is_file() else ""
        raise RunExistsError(
            f"{folder} exists, and a run overwrites nothing. Choose another folder with --out, remove this one"
            f"{or_resume}."
        )


def make_folder(folder: Path) -> None:
    """Make the folder, and those it is in.

    Raises:
        RunError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"the folder {folder} cannot be made: {error.strerror}. Choose another one with --out."
        ) from error


def check_resumable(folder: Path, config: RunConfig) -> None:
    """Check that the folder's run is the one that ``config`` asks to go on with, in all but its budget.

    Raises:
        RunFormatError: there is no run there.
        ArgumentError: it is of other data or other options.
    """
    before, now = (json.loads(json.dumps(c.to_dict())) for c in (RunConfig.load(folder), config))
    changed = [
        f"{name} was {before[part][name]!r} and is {value!r}"
        for part in ("reading", "model", "training")
        for name, value in now[part].items()
        if name not in ("steps", "minutes") and before[part][name] != value
    ]
    if before["source"] != now["source"]:
        changed.insert(0, f"the source was {before['source']} and is {now['source']}")
    elif before["data"]["digest"] != now["data"]["digest"] and not changed:
        changed.append("the data has changed since")
    if changed:
        raise ArgumentError(
            f"{folder} cannot go on with other data or options: {'; '.join(changed[:3])}. Repeat the command that "
            "began it, with --resume added; only --minutes and --steps may change."
        )
