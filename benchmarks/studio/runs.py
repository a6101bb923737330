"""A folder of runs to be listed, and one run that has trained for very long."""

import json
import shutil
from pathlib import Path

from chainrule import fit

__all__ = ["LONG", "RECORDS", "RUNS", "make_runs"]

RUNS = 50
RECORDS = 100_000
LONG = "run-00"


def make_runs(folder: Path) -> None:
    """So many copies of a small fit, of which the first has a long file of metrics."""
    first = folder / LONG
    fit("sunspots", "gru", hidden=8, window=32, steps=20, out=first, quiet=True, figures=False)
    for number in range(1, RUNS):
        shutil.copytree(first, folder / f"run-{number:02}")
    with (first / "metrics.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(map(_record, range(1, RECORDS + 1)))


def _record(step: int) -> str:
    """A line as a fit writes it, every hundredth with a held-out loss."""
    loss = 1 + 2 / step + (step * 7919 % 1000) / 5000
    record = {"step": step, "seconds": step / 50, "loss": loss, "gradient_norm": loss / 3, "per_second": 1600.0 + loss}
    return json.dumps(record | ({"validation": loss} if step % 100 == 0 else {})) + "\n"
