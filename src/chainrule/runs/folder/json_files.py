"""JSON files of a run."""

import json
from pathlib import Path
from typing import Any

from chainrule._choices import counted
from chainrule._schema import parse
from chainrule.training import write_atomically

__all__ = ["read_json", "write_json"]

_MOST = 2**26  # bytes; an alphabet of every character there is takes a tenth of it


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON for people and programs to read."""
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, (text + "\n").encode())


def read_json(path: Path) -> Any:
    """What ``write_json`` wrote; a ValueError says what is wrong with it."""
    if path.stat().st_size > _MOST:
        raise ValueError(f"it has {counted(path.stat().st_size, 'byte')}, and at most {_MOST:,} can be a run's")
    return parse(path.read_bytes())
