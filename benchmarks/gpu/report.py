"""Every case checked, timed, printed and written."""

import importlib.metadata
import importlib.util
import json
import math
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

import chainrule
from benchmarks.gpu.cases import Case
from benchmarks.gpu.timing import FULL, QUICK, timed
from benchmarks.peers.results import Timing

__all__ = ["Row", "report", "the_gpu"]

_WIDTH = 46  # of what is compared
_COPIES = "RNN module weights are not part of single contiguous chunk"  # as torch warns at each call of its own


@dataclass(frozen=True)
class Row:
    """One case: the seconds of both, or the problem for which there are none."""

    table: str
    what: str
    precision: str
    ran: str = ""
    timings: dict[str, Timing] = field(default_factory=dict)
    problem: str | None = None

    @property
    def ratio(self) -> float:
        """How many times as fast as torch chainrule is."""
        return self.timings["torch"].median / self.timings["chainrule"].median

    def __str__(self) -> str:
        if self.problem is not None:
            return f"{self.what:<{_WIDTH}} no speed: {self.problem}"
        cells = (f"{each.median * 1e3:8.3f} ({each.spread:4.0%})" for each in self.timings.values())
        return f"{self.what:<{_WIDTH}}{''.join(cells)} {self.ratio:6.2f}x  {self.ran}"

    def to_dict(self) -> dict[str, Any]:
        about = {"table": self.table, "what": self.what, "precision": self.precision}
        if self.problem is not None:
            return about | {"problem": self.problem}
        timings = {name: timing.to_dict() for name, timing in self.timings.items()}
        return about | {"ran": self.ran, "ratio": self.ratio} | timings


def the_gpu() -> torch.device:
    """The first GPU.

    Raises:
        RuntimeError: there is none.
    """
    if not torch.cuda.is_available():
        raise RuntimeError("torch finds no CUDA device here; expected an NVIDIA GPU and a build of torch for CUDA.")
    return torch.device("cuda")


def report(cases: Iterable[Case], tell: Callable[[str], None], *, quick: bool, out: Path | None) -> list[Row]:
    """Measure one case after the other, telling each; write all of them."""
    began = time.monotonic()
    card = torch.cuda.get_device_name()
    versions = _versions()
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    tell(f"{card}; {told}. Milliseconds a call, median (distance between the quartiles).")
    rows: list[Row] = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_COPIES)
        for case in cases:
            if not rows or (rows[-1].table, rows[-1].precision) != (case.table, case.precision):
                tell(f"\n{case.table + ', ' + case.precision:<{_WIDTH}}{'torch':>15}{'chainrule':>15}   ratio  ran")
            rows.append(_row(case, quick))
            tell(str(rows[-1]))
    tell("\n".join(["\nTimes as fast as torch: geometric mean, and the worst", *_summary(rows)]))
    tell(f"\n{time.monotonic() - began:.0f} s")
    if out is not None:
        about: dict[str, Any] = {"card": card, "versions": versions}
        out.write_text(json.dumps(about | {"rows": [row.to_dict() for row in rows]}, indent=1))
    return rows


def _row(case: Case, quick: bool) -> Row:
    about = (case.table, case.what, case.precision)
    if (problem := case.problem()) is not None:
        return Row(*about, problem=problem)
    seen = chainrule.explain(case.chainrule.call)
    ran = "+".join(dict.fromkeys(call.backend for call in seen.calls)) or "torch.nn"
    return Row(*about, ran=ran, timings=timed(case.calls, QUICK if quick else FULL))


def _summary(rows: list[Row]) -> Iterable[str]:
    good = [row for row in rows if row.problem is None]
    for table, precision in dict.fromkeys((row.table, row.precision) for row in good):
        chosen = [row for row in good if (row.table, row.precision) == (table, precision)]
        mean = math.exp(sum(math.log(row.ratio) for row in chosen) / len(chosen))
        worst = min(chosen, key=lambda row: row.ratio)
        yield f"{table + ', ' + precision:<30}{mean:6.2f}x {worst.ratio:6.2f}x at {worst.what}"
    if len(good) < len(rows):
        yield f"{len(rows) - len(good)} of {len(rows)} have no speed."


def _versions() -> dict[str, str]:
    """Of the packages that compute; Triton comes with torch for CUDA alone."""
    found = {name: importlib.metadata.version(name) for name in ("chainrule", "torch")}
    if importlib.util.find_spec("triton") is not None:
        found["triton"] = importlib.metadata.version("triton")
    return found | {"cuDNN": str(torch.backends.cudnn.version())}
