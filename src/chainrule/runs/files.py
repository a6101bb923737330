"""JSON files of a run."""

import json
from pathlib import Path
from typing import Any

from chainrule.training import write_atomically

__all__ = ["write_json"]


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON for people and programs to read."""
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, (text + "\n").encode())
