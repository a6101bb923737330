"""What changes, as one stream of server-sent events: runs, the curves of those that are watched, jobs."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from anyio import to_thread

from chainrule.runs.folder.metrics_log import METRICS
from chainrule.studio.metrics import POINTS, MetricsReader, in_columns
from chainrule.studio.state import Studio

__all__ = ["Watch", "stream"]

_PAUSE = 0.3  # seconds between two looks at the disk, or
_REST = 15  # times what a look takes, if that is more: of hundreds of runs, looks would take the processor from a fit
_SILENCE = 15.0  # seconds after which a comment shows that the stream lives


class Watch:
    """What one page has been told already; ``watched`` are the names of runs and the places to read on from.

    Raises:
        HTTPException: 404, there is no such run.
    """

    def __init__(self, studio: Studio, watched: Sequence[tuple[str, str]]) -> None:
        self.studio = studio
        self._runs = {entry["name"]: entry for entry in studio.entries.all()}
        self._readers = {name: MetricsReader(studio.folder.run(name) / METRICS, place) for name, place in watched}
        self._waiting = {name for name, place in watched if place == ""}  # to be told that there is nothing, too
        self._jobs = {job.key: job.about() for job in studio.jobs.all()}
        self._logs = {job.key: job.lines_since(0)[1] for job in studio.jobs.all()}

    def news(self) -> list[str]:
        """The events of what changed since."""
        return [_event(kind, value) for kind, value in (*self._of_runs(), *self._of_metrics(), *self._of_jobs())]

    def _of_runs(self) -> Iterator[tuple[str, Any]]:
        before = self._runs
        self._runs = {entry["name"]: entry for entry in self.studio.entries.all()}
        changed = [entry for name, entry in self._runs.items() if before.get(name) != entry]
        gone = sorted(before.keys() - self._runs.keys())
        if changed or gone:
            yield "runs", {"runs": changed, "gone": gone}

    def _of_metrics(self) -> Iterator[tuple[str, Any]]:
        for name, reader in self._readers.items():
            place = reader.place
            news = reader.news()
            if news.anew or reader.place != place or name in self._waiting:
                self._waiting.discard(name)
                about = {"run": name, "reset": news.anew, "next": reader.place, "joined": news.joined}
                yield "metrics", {**about, "curves": in_columns(news.curves, POINTS)}

    def _of_jobs(self) -> Iterator[tuple[str, Any]]:
        for job in self.studio.jobs.all():
            about = job.about()
            lines, self._logs[job.key] = job.lines_since(self._logs.get(job.key, 0))
            if lines or about != self._jobs.get(job.key):
                self._jobs[job.key] = about
                told: list[str | None] = [*lines] or [None]
                yield from (("job", {**about, "line": line}) for line in told)


async def stream(watch: Watch) -> AsyncIterator[str]:
    """Events until the page or the studio is closed."""
    spoken = time.monotonic()
    yield ": begun\n\n"
    while not watch.studio.closing.is_set():
        began = time.monotonic()
        events = await to_thread.run_sync(watch.news)
        took = time.monotonic() - began
        if not events and time.monotonic() - spoken > _SILENCE:
            events = [": still here\n\n"]
        for event in events:
            spoken = time.monotonic()
            yield event
        await asyncio.sleep(max(_PAUSE, _REST * took))


def _event(kind: str, value: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(value, allow_nan=False)}\n\n"
