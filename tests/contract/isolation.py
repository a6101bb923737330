"""Processes of a test's own: what crashes or hangs in one fails its test, and no other."""

import os
import pickle
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence

__all__ = ["alone", "each_alone"]

SECONDS = 60


def alone(run: Callable[[], object]) -> None:
    """Run it in a fork of this process; AssertionError with what it raised, or how it died."""
    (failure,) = each_alone([run])
    assert not failure, failure


def each_alone(runs: Sequence[Callable[[], object]]) -> list[str]:
    """What each raised, or how it died; "" where neither.

    One fork does one after the other, as a fork takes longer than most of them; after one that dies there is another.
    """
    failures: list[str] = []
    while len(failures) < len(runs):
        child, reading = _fork(runs[len(failures) :])
        failures += _told(reading)
        _, status = os.waitpid(child, 0)
        if len(failures) < len(runs):
            failures.append(_end(os.waitstatus_to_exitcode(status)))
    return failures


def _fork(runs: Sequence[Callable[[], object]]) -> tuple[int, int]:
    reading, writing = os.pipe()
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks where there are threads
        child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    os.close(reading)
    for run in runs:
        os.write(writing, pickle.dumps(_failure(run)))
    os._exit(0)


def _failure(run: Callable[[], object]) -> str:
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            run()
    except BaseException as error:
        return "".join(traceback.format_exception_only(error)).strip() or type(error).__name__
    return ""


def _told(reading: int) -> list[str]:
    told = []
    with os.fdopen(reading, "rb") as pipe:
        while pipe.peek(1):
            told.append(pickle.load(pipe))  # noqa: S301
    return told


def _end(code: int) -> str:
    if code == -signal.SIGALRM:
        return f"hung for {SECONDS} s"
    return f"ended with {code}" if code >= 0 else f"died of {signal.Signals(-code).name}"
