"""One run of one entrant, in a fresh process with its share of the machine."""

import multiprocessing
import os
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

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
    os.environ["OMP_NUM_THREADS"] = str(threads)
    for job in jobs:
        others = Others()
        came: dict[str, Any] = {}
        try:
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
                came["outcome"] = process.submit(_do, job, threads).result()
        except NotRun as reason:
            came["not_run"] = str(reason)
        except Exception as error:
            traceback.print_exc()
            came["failed"] = f"{type(error).__name__}: {error}"
        yield Done(job, others.share(), **came)


def _do(job: Job, threads: int) -> Outcome:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    torch.set_num_threads(threads)
    outcome = ENTRANTS[job.entrant].run(job.text, job.budget, job.seed)
    if outcome.scored != job.text.scored:
        raise RuntimeError(f"{outcome.scored} characters were scored, not the last {job.text.scored} of the text")
    return outcome
