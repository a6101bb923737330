"""Many tries of one target, in processes of their own: what hangs, dies or takes too much memory is counted too."""

import ctypes
import os
import random as standard
import signal
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray
from pathlib import Path

import numpy as np
import torch

from tests.fuzz.judge import MEMORY, SECONDS, Failure, Try, bounded_memory, judge, resident

__all__ = ["Tally", "one", "tries"]

Target = Callable[[Path], Try]
_FORK = get_context("fork")


@dataclass
class Tally:
    """What the tries of a target came to."""

    tries: int = 0
    failures: list[tuple[int, Failure]] = field(default_factory=list)
    slowest: float = 0.0
    memory: int = 0


def one(draw: Try, name: str, seed: int, k: int) -> Failure | None:
    """Try number k, which depends on nothing but the target, the seed and k."""
    random = standard.Random(f"{name} {seed} {k}")
    torch.manual_seed(random.getrandbits(31))
    np.random.seed(random.getrandbits(31))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of making what is hostile
        case = draw(random)
    return judge(case)


def tries(target: Target, name: str, seed: int, folder: Path, *, seconds: float, most: int, first: int = 0) -> Tally:
    """Try until the time or the number is spent; a worker that hangs or dies is begun anew after its try."""
    tally = Tally()
    k = first
    end = time.monotonic() + seconds
    while time.monotonic() < end and k < first + most:
        k = _worker(target, name, seed, folder, tally, k, min(first + most, k + 20_000), end)
    tally.tries = k - first
    return tally


def _worker(target: Target, name: str, seed: int, folder: Path, tally: Tally, first: int, last: int, end: float) -> int:
    """The number of the try after those that one process made."""
    at = RawArray(ctypes.c_double, [first, time.monotonic() + 60])  # the try it is at, and when that began
    ours, theirs = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_work, args=(target, name, seed, folder, theirs, at, last, end))
    process.start()
    theirs.close()
    hangs = False
    try:
        while process.is_alive() or ours.poll():
            if ours.poll(0.2):
                message = ours.recv()
                if isinstance(message, int):
                    return message
                if isinstance(message, tuple) and message[0] == "tally":
                    tally.slowest, tally.memory = max(tally.slowest, message[1]), max(tally.memory, message[2])
                else:
                    tally.failures.append(message)
            elif hangs := time.monotonic() - at[1] > 2 * SECONDS:
                os.kill(process.pid or 0, signal.SIGKILL)
                break
    except EOFError:
        pass  # it died: what it died of is told below
    process.join()
    k = int(at[0])
    how = f"hangs for {2 * SECONDS:g} s" if hangs else f"dies with exit code {process.exitcode}"
    tally.failures.append((k, Failure(how, "repeat it to see what it was")))
    return k + 1


def _work(
    target: Target,
    name: str,
    seed: int,
    folder: Path,
    out: Connection,
    at: "ctypes.Array[ctypes.c_double]",
    *until: float,
) -> None:
    last, end = until
    os.setpgrp()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what libraries in C print there
    torch.set_num_threads(1)
    k = int(at[0])
    with tempfile.TemporaryDirectory(dir=folder) as own:
        os.chdir(own)
        (Path(own) / "runs").symlink_to(folder / "runs")
        draw = target(Path(own))
        base = resident()
        slowest = 0.0
        most = 0
        with bounded_memory():
            while k < last and time.monotonic() < end:
                at[0] = k
                at[1] = (began := time.monotonic())
                failure = one(draw, name, seed, k)
                slowest = max(slowest, time.monotonic() - began)
                if failure is not None:
                    out.send((k, failure))
                k += 1
                if (held := resident() - base) > most:
                    most = held
                    if most > MEMORY:
                        out.send((k - 1, Failure("takes more than 2 GB", "see the try")))
                        break
    out.send(("tally", slowest, most))
    out.send(k)
    out.close()
    os._exit(0)
