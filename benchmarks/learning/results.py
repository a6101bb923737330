"""Means and spreads over the seeds of a text, and what follows from them."""

import math
import statistics
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from benchmarks.learning.budgets import Curve
from benchmarks.learning.entering import Outcome
from benchmarks.learning.entrants import ENTRANTS, OF_NINETY, TWENTY_LINES
from benchmarks.learning.jobs import Done
from benchmarks.learning.texts import Text

__all__ = ["Found", "OnText", "verdicts"]

_TEXT = "tiny_shakespeare"  # that the absolute targets are for, at a minute and a half
_NETWORK = 1.46
_DEFAULT = 1.42
_ADAPTIVE = 1.33
_BELOW = 0.05
_SOON = 35  # of ninety seconds


@dataclass
class Found:
    """The runs of one entrant, one a seed; why there are none; and what made some of them fail."""

    outcomes: list[Outcome] = field(default_factory=list)
    not_run: str | None = None
    failed: list[str] = field(default_factory=list)

    @property
    def nats(self) -> float:
        """Nats per character, the mean over the seeds."""
        return statistics.fmean(outcome.nats for outcome in self.outcomes)

    @property
    def spread(self) -> float:
        """The standard deviation over the seeds; NaN of a single one."""
        return _deviation([outcome.nats for outcome in self.outcomes])

    @property
    def seconds(self) -> float:
        return statistics.fmean(outcome.seconds for outcome in self.outcomes)

    @property
    def adaptive(self) -> float | None:
        """The mean where it learns from what it has scored; None of one that was not scored so."""
        found = [nats for outcome in self.outcomes for nats in outcome.adaptive.values()]
        return statistics.fmean(found) if found else None

    def curve(self) -> Curve:
        """Seconds and nats on the way and at the end, the means over the seeds, point by point."""
        whole = [[*outcome.curve, (outcome.seconds, outcome.nats)] for outcome in self.outcomes]
        shortest = min(map(len, whole))
        # Aligned at their ends: of a fit's checkpoints the first may be missing.
        points = np.mean([curve[len(curve) - shortest :] for curve in whole], axis=0)
        return [(float(seconds), float(nats)) for seconds, nats in points]

    def reaches(self, nats: float) -> float | None:
        """The seconds after which its mean curve is as low as ``nats``; None if it never is."""
        before = (0.0, math.inf)
        for seconds, reached in self.curve():
            if reached <= nats:
                share = 1.0 if math.isinf(before[1]) else (before[1] - nats) / (before[1] - reached)
                return before[0] + share * (seconds - before[0])
            before = (seconds, reached)
        return None


@dataclass
class OnText:
    """What all entrants learned of one text."""

    text: Text
    found: dict[str, Found] = field(default_factory=dict)
    others: float = 0.0

    def add(self, done: Done) -> None:
        """Take in what came of a job."""
        found = self.found.setdefault(done.job.entrant, Found())
        found.not_run = done.not_run
        if done.failed is not None:
            found.failed.append(done.failed)
        if done.outcome is not None:
            found.outcomes.append(done.outcome)
            self.others = max(self.others, done.others)

    def ran(self, name: str) -> Found | None:
        """An entrant's runs, if there are any."""
        found = self.found.get(name)
        return found if found is not None and found.outcomes else None

    def to_dict(self) -> dict[str, Any]:
        """Every number, as JSON-able values."""
        entrants = {
            name: {
                "label": ENTRANTS[name].label,
                "not_run": found.not_run,
                "failed": found.failed,
                "mean": found.nats if found.outcomes else None,
                "runs": [asdict(outcome) for outcome in found.outcomes],
            }
            for name, found in self.found.items()
        }
        about = {"name": self.text.name, **self.text.about(), "others": self.others}
        return about | {"entrants": entrants, "targets": verdicts(self)}


def verdicts(on: OnText) -> list[str]:
    """A line a target; those of which the run measured nothing are left out."""
    network = on.ran("chainrule-network")
    default = on.ran("chainrule")
    lines = []
    if on.text.name == _TEXT:
        if network is not None:
            lines.append(_at_most("network alone, frozen", _NETWORK, network.nats))
        if default is not None:
            lines.append(_at_most("defaults, frozen", _DEFAULT, default.nats))
        if default is not None and default.adaptive is not None:
            lines.append(_at_most("defaults, adaptive", _ADAPTIVE, default.adaptive))
    reference = on.ran(TWENTY_LINES)
    if reference is None:
        return lines
    if network is not None:
        below = reference.nats - network.nats
        lines.append(_line("network below twenty lines", f">= {_BELOW:g}", f"{below:+.4f}", below >= _BELOW))
    return lines + _soon(on, reference.nats)


def _soon(on: OnText, nats: float) -> list[str]:
    """How small a budget is enough for the twenty lines' final score."""
    tried = {of: on.ran(f"chainrule-{of}") for of in OF_NINETY} | {90: on.ran("chainrule")}
    runs = {of: found for of, found in tried.items() if found is not None}
    if not runs.keys() - {90}:
        return []
    reached = [of for of, found in runs.items() if found.nats <= nats]
    got = f"{reached[0]}/90" if reached else f"not in {max(runs)}/90"
    met = bool(reached) and reached[0] <= _SOON
    return [_line("their score, share of the time", f"<= {_SOON}/90", got, met)]


def _at_most(what: str, target: float, got: float) -> str:
    return _line(what, f"<= {target:g}", f"{got:.4f}", got <= target)


def _line(what: str, target: str, got: str, met: bool) -> str:
    return f"{'met' if met else 'NOT MET':<8}{what:<33}{target:<11}{got}"


def _deviation(values: list[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else math.nan
