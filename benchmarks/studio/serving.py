"""A studio as a process of its own, and how long its answers take."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

from benchmarks.studio.runs import LONG, RECORDS, RUNS
from benchmarks.studio.timings import Timing

__all__ = ["over_http", "started"]

_LOOK = "/view/run-01?view=look&steps=64"


class Served:
    """A studio that answers, and the browser's part: a cookie."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._opener: OpenerDirector = build_opener(HTTPCookieProcessor(CookieJar()))
        self._opener.open(address).close()

    def seconds(self, path: str) -> float:
        """How long an answer takes, read to its end."""
        began = time.perf_counter()
        with self._opener.open(self._origin + path) as answer:
            answer.read()
        return time.perf_counter() - began


@contextmanager
def started(folder: Path) -> Iterator[str]:
    """The address of a studio that has just printed it."""
    command = [sys.executable, "-m", "chainrule", "studio", str(folder), "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def over_http(folder: Path, turns: int) -> Iterator[Timing]:
    """The list of the runs of a studio that has just started, a long run's curves, and a look."""
    listed = []
    curves = []
    look = []
    for _ in range(turns):
        with started(folder) as address:
            studio = Served(address)
            listed.append(studio.seconds("/api/runs"))
            curves.append(studio.seconds(f"/api/metrics/{LONG}"))
        with started(folder) as address:
            look.append(Served(address).seconds(_LOOK))
    yield Timing(f"list of {RUNS} runs", 0.5, tuple(listed))
    yield Timing(f"curves of a run of {RECORDS:,} records", 1.0, tuple(curves))
    yield Timing("first look at a run", None, tuple(look))
