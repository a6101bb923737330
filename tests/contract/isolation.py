"""Processes of a test's own: what crashes or hangs in one fails its test, and no other."""

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable

__all__ = ["alone"]

SECONDS = 60


def alone(run: Callable[[], object]) -> None:
    """Run it in a fork of this process; AssertionError with what it raised, or how it died."""
    failure = _result(*_fork(run))
    assert not failure, failure


def _fork(run: Callable[[], object]) -> tuple[int, int]:
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
        run()
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
