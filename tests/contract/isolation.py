"""Processes of a test's own: what crashes or hangs in one fails its test, and no other."""

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable

__all__ = ["alone", "together"]

SECONDS = 60


def alone(run: Callable[[], object]) -> None:
    """Run it in a fork of this process; AssertionError with what it raised, or how it died."""
    together(lambda _: run(), 1)


def together(run: Callable[[int], object], count: int) -> None:
    """Run it in so many forks at once, each given its rank."""
    children = [_fork(run, rank) for rank in range(count)]
    failures = [_result(*child) for child in children]
    for rank, failure in enumerate(failures):
        assert not failure, f"process {rank}: {failure}"


def _fork(run: Callable[[int], object], rank: int) -> tuple[int, int]:
    reading, writing = os.pipe()
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks where there are threads
        child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    os.close(reading)
    signal.alarm(SECONDS)
    message = ""
    try:
        run(rank)
    except BaseException as error:
        lines = traceback.format_exception_only(error)
        message = "".join(lines).strip() or type(error).__name__
    with os.fdopen(writing, "w") as pipe:
        pipe.write(message)
    os._exit(0)


def _result(child: int, reading: int) -> str:
    with os.fdopen(reading) as pipe:
        message = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"hung for {SECONDS} s" if number == signal.SIGALRM else f"died of {signal.Signals(number).name}"
    return message
