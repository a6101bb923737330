"""One engine's process, and the parent's handle on it.

A worker does what its pipe asks and sleeps in between: it takes processor time during its own turn alone.
"""

import gc
import importlib
import os
import subprocess
import sys
import time
import traceback
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

import numpy as np

from benchmarks.engines import Built, SkipPoint
from benchmarks.peers.memory import peak_bytes
from benchmarks.peers.points import AnyPoint, Array

__all__ = ["Worker", "WorkerError"]

_ASLEEP = 2e-4  # seconds of processor time in the time below: waking from a pipe takes less
_WATCH = 5e-3
_PATIENCE = 3.0


class WorkerError(Exception):
    """An engine could not do what it was asked; the message begins with its name."""


class Worker:
    """The parent's handle on a process that holds one point in one engine.

    The process may use ``threads`` processors and no more, which is also how XLA learns of the number.
    """

    def __init__(self, engine: str, point: AnyPoint, threads: int) -> None:
        self.engine = engine
        self._pipe, theirs = Pipe()
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers.worker", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=os.environ | dict.fromkeys(names, str(threads)),
        )
        theirs.close()
        self._pipe.send((engine, point, threads))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pipe.close()  # which ends the process, unless it hangs in a call
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def answer(self) -> Any:
        """Wait for the answer to what was sent."""
        try:
            good, value = self._pipe.recv()
        except EOFError:
            raise WorkerError(f"{self.engine}: its process ended, exit code {self._process.wait()}") from None
        if not good:
            raise WorkerError(f"{self.engine}: {value}")
        return value

    def ask(self, method: str, *arguments: object) -> Any:
        """Call a method of the worker's :class:`_Work`, and wait until its threads are asleep again."""
        self._pipe.send((method, *arguments))
        value = self.answer()
        self.wait_until_asleep()
        return value

    def wait_until_asleep(self) -> None:
        """Return when the process takes no more processor time: thread pools spin for a while after a call."""
        end = time.monotonic() + _PATIENCE
        clock = (~self._process.pid << 3) | 2  # Linux's clock of the processor time of that process
        while time.monotonic() < end:
            before = time.clock_gettime(clock)
            time.sleep(_WATCH)
            if time.clock_gettime(clock) - before < _ASLEEP:
                return
        raise WorkerError(f"{self.engine}: its threads still spin {_PATIENCE:.0f} s after a call")


class _Work:
    """What a worker can be asked."""

    def __init__(self, engine: str, point: AnyPoint, threads: int) -> None:
        self.built: Built = importlib.import_module(f"{point.package}.{engine}").build(point, threads)

    def results(self, way: str, calls: int) -> tuple[float, list[Array]]:
        """The seconds of the first of some calls, and what all return, copied: a call may write to the last one's."""
        took = 0.0
        arrays = []
        for i in range(calls):
            began = time.perf_counter()
            result = self.built.ways[way]()
            took = took if i else time.perf_counter() - began
            parts = result if isinstance(result, list | tuple) else [result]
            arrays += [_array(part) for part in parts]
        return took, arrays

    def calls_in(self, way: str, seconds: float) -> tuple[int, float]:
        """How many calls fill this time, at least one, and the seconds that each takes."""
        calls = 1
        while (each := self._seconds(way, calls)) * calls < seconds / 4:
            calls = max(2 * calls, int(seconds / 4 / max(each, 1e-9)))
        return max(1, round(seconds / each)), each

    def turn(self, way: str, warm: int, calls: int) -> float:
        """The seconds a call, after some that bring threads and caches back."""
        self._seconds(way, warm)
        return self._seconds(way, calls)

    def peak(self, way: str) -> int:
        return peak_bytes(self.built.memory or self.built.ways[way], self.built.release)

    def _seconds(self, way: str, calls: int) -> float:
        call = self.built.ways[way]
        gc.disable()
        began = time.perf_counter()
        for _ in range(calls):
            call()
        took = time.perf_counter() - began
        gc.enable()
        return took / max(calls, 1)


def _array(part: Any) -> Array:
    """A copy of a tensor or an array; of bfloat16, which NumPy has not, in float32."""
    part = part.detach() if hasattr(part, "detach") else part
    return np.asarray(part.float() if "bfloat16" in str(part.dtype) else part).copy()


def _serve(pipe: Connection) -> None:
    engine, point, threads = pipe.recv()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    try:
        work = _Work(engine, point, threads)
        pipe.send((True, (list(work.built.ways), work.built.notes)))
        while True:
            method, *arguments = pipe.recv()
            pipe.send((True, getattr(work, method)(*arguments)))
    except (EOFError, ConnectionError):  # the parent is done
        return
    except SkipPoint as reason:
        pipe.send((False, str(reason)))
    except Exception as error:
        traceback.print_exc()
        pipe.send((False, f"{type(error).__name__}: {error}"))


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
