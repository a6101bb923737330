"""One run of one entrant, in a fresh process with its share of the machine."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

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
    """What came of a job, or why it was not run; and the share of the machine that other processes took meanwhile."""

    job: Job
    outcome: Outcome | None
    reason: str | None
    others: float


def in_turn(jobs: Sequence[Job], threads: int) -> Iterator[Done]:
    """Do one job after the other.

    Raises:
        RuntimeError: an entrant was scored on other characters than its text's last tenth.
    """
    os.environ["OMP_NUM_THREADS"] = str(threads)
    missing: dict[str, str] = {}
    for job in jobs:
        others = Others()
        outcome: Outcome | None = None
        if job.entrant not in missing:
            try:
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
                    outcome = process.submit(_do, job, threads).result()
            except NotRun as reason:
                missing[job.entrant] = str(reason)
        if outcome is not None and outcome.scored != job.text.scored:
            raise RuntimeError(f"{job.entrant} scored {outcome.scored} characters, not the last {job.text.scored}")
        yield Done(job, outcome, missing.get(job.entrant), others.share())


def _do(job: Job, threads: int) -> Outcome:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    torch.set_num_threads(threads)
    return ENTRANTS[job.entrant].run(job.text, job.budget, job.seed)
