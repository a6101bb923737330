"""What the small files of a run's folder tell, and the headers of its large ones."""

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from chainrule._optional import require
from chainrule._schema import check_record, parse
from chainrule.errors import RunFormatError
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.contents import LOCK
from chainrule.runs.folder.json_files import read_json

__all__ = ["header_of", "is_held", "kind_of", "last_records", "losses_in"]

_TAIL = 2**14  # bytes of metrics.jsonl in which the last records are


def kind_of(config: RunConfig) -> str:
    """A kind of data as people tell kinds apart: symbols are a text or a sound, sounds with labels something else."""
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
        if sys.platform == "win32":
            return False  # what is held cannot be read there, and to signal a process would interrupt it
        os.kill(int(process), 0)
    except PermissionError:  # it is there, and another person's; or held, on Windows
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return True


class _Listed(TypedDict):
    """What is read of a line of metrics.jsonl."""

    step: int
    seconds: NotRequired[float]
    validation: NotRequired[float]


def last_records(path: Path) -> list[Mapping[str, Any]]:
    """The records of a step within the last bytes of a file of metrics; none of a line that is no such record."""
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
            record = parse(line)
            check_record(_Listed, record, "it")
        except ValueError:
            continue
        records.append(record)
    return records


class _Score(TypedDict):
    """What is read of score.json; what else it has is left as it is."""

    nats: NotRequired[float | None]
    baselines_nats: NotRequired[dict[str, float]]


def losses_in(path: Path) -> tuple[float | None, dict[str, float]]:
    """The loss of the test part in score.json, and those of the baselines; none of what has no losses in nats.

    Raises:
        RunFormatError: the file is broken.
    """
    if not path.is_file():
        return None, {}
    try:
        score = read_json(path)
        check_record(_Score, score, "it")
    except (ValueError, OSError) as error:
        raise RunFormatError(
            f"{path} is not a score that chainrule wrote: {str(error).rstrip('.')}. Restore it, or fit again."
        ) from error
    return score.get("nats"), score.get("baselines_nats", {})


def header_of(path: Path) -> tuple[Mapping[str, Any], dict[str, list[int]]]:
    """What a checkpoint tells of itself, and the shapes in it by their names, by its header alone.

    Raises:
        RunFormatError: the file is missing, is cut short, or is no checkpoint.
    """
    safetensors = require("safetensors")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            about = parse((file.metadata() or {})["chainrule"])
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError as error:
        raise RunFormatError(f"{path} is missing: the folder is not a complete run. Fit it again.") from error
    except (safetensors.SafetensorError, KeyError, ValueError, OSError) as error:
        raise RunFormatError(
            f"{path} cannot be read as a checkpoint of chainrule ({error}). It was cut short or changed; restore it "
            "from a copy, or fit again."
        ) from error
    return about if isinstance(about, Mapping) else {}, shapes
