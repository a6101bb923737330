"""The run's folder: what it may hold before a fit writes to it, and whether a fit has ended there."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from chainrule.errors import ArgumentError, RunError, RunExistsError, RunFormatError
from chainrule.runs.folder.config import ASKED, CONFIG, RunConfig
from chainrule.runs.folder.device import RAN_ON
from chainrule.runs.folder.metrics_log import METRICS
from chainrule.training import BEST, FINAL, FINAL_LAST, LAST, PARTIAL

__all__ = [
    "COMPARISON",
    "LOCK",
    "REFIT",
    "REFIT_LAST",
    "REFIT_METRICS",
    "SCORE",
    "SERIES",
    "UPDATED",
    "check_resumable",
    "forget_results",
    "holds_nothing",
    "is_run",
    "is_unfinished",
    "make_folder",
    "refuse_existing",
    "unfinished",
]

COMPARISON = "comparison.json"  # of the folder that holds several runs
LOCK = ".lock"
SCORE = "score.json"
SERIES = "series.safetensors"
UPDATED = "updated.safetensors"
REFIT = "refit.safetensors"
REFIT_LAST = "refit-last.safetensors"
REFIT_METRICS = "refit.jsonl"
_RESULTS: tuple[str, ...] = (BEST, LAST, FINAL, FINAL_LAST, METRICS)
_RESULTS += (REFIT, REFIT_LAST, REFIT_METRICS, SCORE, SERIES, UPDATED, RAN_ON)
_RESULTS += ("loss.png", "reach.png", "forecast.png", "confusion.png")


def is_run(folder: Path) -> bool:
    """Whether a fit made the folder, be it broken since."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and {"format", "model", "training", "data"} <= config.keys()


def is_unfinished(path: Path) -> bool:
    """Whether a kill left the file half written."""
    return path.name.startswith(".") and path.name.endswith(PARTIAL)


def _names(folder: Path) -> list[str]:
    """What the folder holds, but for what writing needs meanwhile; nothing of what is no folder."""
    if not folder.is_dir():
        return []
    return [path.name for path in folder.iterdir() if not is_unfinished(path) and path.name != LOCK]


def holds_nothing(folder: Path) -> bool:
    """Whether there is no such folder, or nothing in it."""
    return not folder.exists() or (folder.is_dir() and not _names(folder))


def refuse_existing(folder: Path, *, overwrite: bool = False) -> None:
    """Refuse a folder that holds anything but a run to overwrite, or one that was left before it had any weights.

    Raises:
        RunExistsError: it does, or it is a file.
    """
    if holds_nothing(folder):
        return
    names = _names(folder)
    if not is_run(folder) and folder.resolve() == Path.cwd():
        raise RunExistsError(
            f"{folder} is the folder that you are in, and holds other files. Name one for the run with `out`, such as "
            "runs/first."
        )
    if is_run(folder):
        if overwrite or (BEST not in names and {*names} <= {ASKED, CONFIG, *_RESULTS}):
            return
        remedy = "continue it with `resume=True`, or replace it with `overwrite=True`"
    elif overwrite:
        remedy = "or remove this one: it is not a run's folder, and only a run's is overwritten"
    else:
        remedy = "or remove this one"
    raise RunExistsError(f"{folder} exists, and a run overwrites nothing. Choose another folder with `out`, {remedy}.")


def make_folder(folder: Path) -> None:
    """Make the folder, and those it is in.

    Raises:
        RunError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        above = next((each for each in folder.parents if each.exists()), folder)
        why = f"{above} takes no folders ({error.strerror})" if above.is_dir() else f"{above} is a file"
        raise RunError(f"the folder {folder} cannot be made: {why}. Choose another one with `out`.") from error


def forget_results(folder: Path, *, but: Collection[str] = ()) -> None:
    """Remove what a fit and ``update`` left in the folder but its config, and no other file.

    The config tells that this is a run's folder; so it is still there when a kill leaves the removal half done.
    """
    for path in folder.iterdir():
        if path.name in {*_RESULTS} - {*but}:
            path.unlink()


def unfinished(folder: Path, config: RunConfig, best: dict[str, Any], *, refits_after: bool) -> str | None:
    """What a fit that did not end has left undone, in words; None for one that did.

    ``best`` is what the file of its weights tells, and ``refits_after`` whether a refit comes after scoring.

    Raises:
        RunFormatError: it ended before it learned anything.
    """
    on = "Repeat the fit that began it, with `resume=True` added."
    if not (folder / SCORE).is_file():
        if best.get("step") == 0:
            raise RunFormatError(f"the fit of {folder} did not end, and its weights have not learned anything. {on}")
        step = f", of step {best['step']}" if "step" in best else ""
        return f"the fit of {folder} did not end: its weights are the best so far{step}, and not scored. {on}"
    if refits_after and not (folder / REFIT).is_file():
        return f"the fit of {folder} did not end: its weights are not fitted again to all of the data yet. {on}"
    return None


def check_resumable(folder: Path, config: RunConfig) -> None:
    """Check that the folder's run is the one that ``config`` asks to go on with, in all but its budget.

    Raises:
        RunFormatError: there is no run there.
        ArgumentError: it is of other data or other options.
    """
    before, now = (json.loads(json.dumps(c.to_dict())) for c in (RunConfig.load(folder), config))
    changed = [
        f"`{name}` was {before[part][name]!r} and is {value!r}"
        for part in ("reading", "model", "training")
        for name, value in now[part].items()
        if name not in ("steps", "minutes", "patience") and before[part][name] != value
    ]
    if before["refit"] != now["refit"]:
        changed.append(f"`refit` was {before['refit']} and is {now['refit']}")
    if before["source"] != now["source"]:
        changed.insert(0, f"the source was {before['source']} and is {now['source']}")
    elif before["data"]["digest"] != now["data"]["digest"] and not changed:
        changed.append("the data has changed since")
    if changed:
        raise ArgumentError(
            f"{folder} cannot go on with other data or options: {'; '.join(changed[:3])}. Repeat the fit that "
            "began it, with `resume=True` added; only `minutes`, `steps` and `patience` may change."
        )
