"""One thing done in a process of its own, with its share of the machine."""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import torch

__all__ = ["alone"]

A = TypeVar("A")
T = TypeVar("T")


def alone(do: Callable[[A], T], asked: A, threads: int) -> T:
    """What ``do(asked)`` returns or raises in a fresh process, on so many threads and processors."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_limited, do, asked, threads).result()


def _limited(do: Callable[[A], T], asked: A, threads: int) -> T:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    torch.set_num_threads(threads)
    return do(asked)
