"""One stream tells a page what changes: runs, the curves that it watches, fits."""

import json
import shutil
from pathlib import Path
from typing import Any

import anyio

from chainrule.runs.folder.metrics_log import METRICS
from chainrule.studio.events import Watch, stream
from chainrule.studio.jobs.runner import JobRunner
from tests.studio.conftest import Made
from tests.studio.test_jobs import wait
from tests.studio.test_metrics import line


def told(watch: Watch) -> list[tuple[str, Any]]:
    """The kinds and data of the events since."""
    events = []
    for event in watch.news():
        kind, data = event.strip().split("\n")
        events.append((kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events


def test_runs_that_come_change_and_go_are_told(runs: Path, made: Made, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    shutil.copytree(runs / "ar", folder / "first")
    watch = Watch(made(folder).studio, [])
    assert told(watch) == []
    shutil.copytree(runs / "ar", folder / "second")
    ((kind, about),) = told(watch)
    assert (kind, [run["name"] for run in about["runs"]], about["gone"]) == ("runs", ["second"], [])
    (folder / "second" / "score.json").unlink()
    ((_, about),) = told(watch)
    assert about["runs"][0]["status"] == "stopped"
    shutil.rmtree(folder / "second")
    assert told(watch) == [("runs", {"runs": [], "gone": ["second"]})]
    assert told(watch) == []


def test_curves_that_are_watched_are_told_as_they_grow(runs: Path, made: Made, tmp_path: Path) -> None:
    shutil.copytree(runs / "ar", tmp_path / "runs" / "x")
    path = tmp_path / "runs" / "x" / METRICS
    path.write_text(line(1))
    client = made(tmp_path / "runs")
    place = client.get("/api/metrics/x").json()["next"]
    fresh = Watch(client.studio, [("x", "")])
    watch = Watch(client.studio, [("x", place)])
    (about,) = [about for kind, about in told(fresh) if kind == "metrics"]
    assert (about["run"], about["reset"], about["curves"]["training"]["step"]) == ("x", True, [1.0])
    assert told(watch) == []
    with path.open("a") as file:
        file.write(line(2, validation=1.5))
    (about,) = [about for kind, about in told(watch) if kind == "metrics"]
    assert (about["reset"], about["curves"]["validation"]) == (False, {"step": [2.0], "seconds": [0.2], "value": [1.5]})
    assert about["next"] == client.get("/api/metrics/x").json()["next"]
    path.unlink()
    empty = Watch(client.studio, [("x", "")])
    assert [(kind, about["curves"]) for kind, about in told(empty)] == [("metrics", {})]
    assert told(empty) == []
    path.write_text(line(1))
    (about,) = [about for kind, about in told(watch) if kind == "metrics"]
    assert about["reset"]


def test_fits_are_told_line_by_line(made: Made, tmp_path: Path) -> None:
    studio = made(tmp_path / "runs").studio
    studio.jobs.close(keep=False)
    studio.jobs = JobRunner("print('one'); print('two')")
    watch = Watch(studio, [])
    started = studio.jobs.start("fit", "x", [])
    wait(lambda: started.state == "finished")
    events = told(watch)
    assert [(kind, about["line"], about["state"]) for kind, about in events] == [
        ("job", "one", "finished"),
        ("job", "two", "finished"),
    ]
    assert told(watch) == []


def test_a_stream_ends_with_the_studio(made: Made, tmp_path: Path) -> None:
    studio = made(tmp_path / "runs").studio

    async def heard() -> list[str]:
        found = []
        async for event in stream(Watch(studio, [])):
            found.append(event)
            studio.closing.set()
        return found

    assert anyio.run(heard) == [": begun\n\n"]
