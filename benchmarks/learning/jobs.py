"""One run of one entrant, in a fresh process with its share of the machine."""

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.alone import alone
from benchmarks.learning.budgets import Budget
from benchmarks.learning.entering import NotRun, Outcome
from benchmarks.learning.entrants import ENTRANTS
from benchmarks.learning.texts import Text
from benchmarks.peers.others import Others

__all__ = ["Done", "Job", "in_turn"]


@dataclass(frozen=True)
class Job:
    """An entrant, a text, a seed, and what may be spent."""

    entrant: str
    text: Text
    seed: int
    budget: Budget


@dataclass(frozen=True)
class Done:
    """What came of a job, or why nothing did; and the share of the machine that other processes took meanwhile."""

    job: Job
    others: float
    outcome: Outcome | None = None
    not_run: str | None = None
    failed: str | None = None

    def __str__(self) -> str:
        came = self.failed or self.not_run or (self.outcome and f"{self.outcome.nats:.4f}")
        return f"seed {self.job.seed}, {self.job.entrant}: {came}"


def in_turn(jobs: Sequence[Job], threads: int) -> Iterator[Done]:
    """Do one job after the other; one that fails is said to have failed, and the others go on."""
    for job in jobs:
        others = Others()
        came: dict[str, Any] = {}
        try:
            came["outcome"] = alone(_do, job, threads)
        except NotRun as reason:
            came["not_run"] = str(reason)
        except Exception as error:
            traceback.print_exc()
            came["failed"] = f"{type(error).__name__}: {error}"
        yield Done(job, others.share(), **came)


def _do(job: Job) -> Outcome:
    outcome = ENTRANTS[job.entrant].run(job.text, job.budget, job.seed)
    if outcome.scored != job.text.scored:
        raise RuntimeError(f"{outcome.scored} characters were scored, not the last {job.text.scored} of the text")
    return outcome
