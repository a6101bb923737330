"""Fits that the page starts: to their end, stopped, gone on with, refused, and what becomes of them with the studio."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chainrule._settings import settings_of
from chainrule.data import Reading
from chainrule.errors import ArgumentError
from chainrule.models import ModelSettings
from chainrule.studio.jobs.options import OPTIONS, arguments_of, described
from chainrule.studio.jobs.runner import Job, JobRunner
from chainrule.training import TrainingSettings
from tests.studio.conftest import Client, Made

PATIENCE = 120.0  # seconds, on a machine that does other things too


def wait(until: Callable[[], Any]) -> Any:
    """What a function returns once it is true."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if found := until():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


def job(client: Client) -> dict[str, Any]:
    """The newest job."""
    found: dict[str, Any] = client.get("/api/jobs").json()[0]
    return found


@pytest.mark.slow
def test_a_fit_is_started_stopped_and_gone_on_with_to_its_end(made: Made, tmp_path: Path) -> None:
    client = made(tmp_path / "runs")
    options = {"model": "gru", "hidden": 2, "window": 8, "steps": 8_000, "refit": False, "skip": False}
    asked = {"command": "fit", "data": "sunspots", "out": "new/spots", "options": options}
    answer = client.post("/api/jobs", json=asked)
    assert answer.status_code == 201
    started = answer.json()
    assert started["state"] == "running"
    assert started["shell"].startswith("chainrule fit builtin:sunspots --model=gru --hidden=2 ")
    again = client.post("/api/jobs", json=asked)
    assert again.status_code in (409, 422)
    assert "Choose another name" in again.json()["error"] or "choose another name" in again.json()["error"]
    (tmp_path / "runs").mkdir(exist_ok=True)
    wait(lambda: client.get("/api/metrics/new/spots").json().get("curves", {}).get("training"))
    assert client.get("/api/runs/new/spots").json()["status"] == "training"
    assert client.get("/view/new/spots?view=curves").status_code == 200
    client.post(f"/api/jobs/{started['id']}/stop")
    assert job(client)["state"] in ("stopping", "stopped")
    wait(lambda: job(client)["state"] == "stopped")
    entry = client.get("/api/runs/new/spots").json()
    assert (entry["status"], entry["step"] > 0) == ("stopped", True)
    resumed = client.post(
        "/api/jobs", json={"command": "resume", "run": "new/spots", "options": {"steps": entry["step"]}}
    )
    assert resumed.status_code == 201, resumed.text
    wait(lambda: job(client)["code"] is not None)
    assert (job(client)["state"], job(client)["command"]) == ("finished", "resume"), job(client)["log"]
    assert client.get("/api/runs/new/spots").json()["status"] == "finished"
    assert len(client.get("/api/jobs").json()) == 2


@pytest.fixture
def runner() -> Iterator[Callable[[str], JobRunner]]:
    """Makes runners of a program in the place of chainrule, which take no time to start; they are closed."""
    runners = []

    def make(program: str) -> JobRunner:
        runners.append(JobRunner(program))
        return runners[-1]

    yield make
    for each in runners:
        each.close(keep=False)


LONG = "import time; print('begun', flush=True); time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('begun', flush=True); time.sleep(600)"


def begun(runner: JobRunner, run: str = "x") -> Job:
    started = runner.start("fit", run, [])
    wait(lambda: "begun" in started.lines())
    return started


def test_a_fit_that_is_refused_tells_its_sentence(runner: Callable[[str], JobRunner]) -> None:
    refused = runner("import sys; print('a note', file=sys.stderr); sys.exit('error: there is no column x.')")
    started = refused.start("fit", "x", [])
    wait(lambda: started.state == "failed")
    about = started.to_dict()
    assert (about["error"], about["code"]) == ("there is no column x.", 1)
    assert about["log"] == ["a note", "error: there is no column x."]


def test_a_fit_that_does_not_stop_is_killed(
    runner: Callable[[str], JobRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = runner(DEAF)
    started = begun(deaf)
    started.stop()
    assert [each.state for each in deaf.all()] == ["stopping"]
    monkeypatch.setattr("chainrule.studio.jobs.runner._GRACE", 0.0)
    deaf.all()
    wait(lambda: started.state == "stopped")
    assert started.process.returncode == -9


def test_fits_that_do_not_stop_are_waited_for_together(
    runner: Callable[[str], JobRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = runner(DEAF)
    fits = [begun(deaf, f"run {k}") for k in range(3)]
    waited = []
    plain = subprocess.Popen.wait

    def noted(process: subprocess.Popen[bytes], timeout: float) -> int:
        waited.append(timeout)
        return plain(process, timeout)

    with monkeypatch.context() as patch:
        patch.setattr("chainrule.studio.jobs.runner._GRACE", 0.2)
        patch.setattr(subprocess.Popen, "wait", noted)
        deaf.close(keep=False)
    assert sum(waited) <= 0.2
    assert [fit.process.wait() for fit in fits] == [-9] * 3


def test_a_fit_can_be_stopped_where_the_studio_ignores_interrupts(runner: Callable[[str], JobRunner]) -> None:
    """As one does that a script has started in its background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        started = begun(runner(LONG))
    finally:
        signal.signal(signal.SIGINT, before)
    started.stop()
    wait(lambda: started.state == "stopped")
    assert started.process.returncode != -signal.SIGKILL


def test_the_end_of_the_studio_stops_fits_or_keeps_them(runner: Callable[[str], JobRunner]) -> None:
    stopped = runner(LONG)
    first = begun(stopped)
    stopped.close(keep=False)
    assert first.process.returncode is not None
    kept = runner(LONG)
    second = begun(kept)
    kept.close(keep=True)
    assert second.process.poll() is None
    second.process.kill()
    second.process.wait()


def test_no_more_fits_run_at_once_than_a_machine_bears(runner: Callable[[str], JobRunner]) -> None:
    several = runner(LONG)
    for k in range(4):
        several.start("fit", f"run {k}", [])
    with pytest.raises(ArgumentError, match="4 fits run already"):
        several.start("fit", "another", [])


def test_one_run_is_written_by_one_fit(runner: Callable[[str], JobRunner]) -> None:
    one = runner(LONG)
    one.start("fit", "x", [])
    with pytest.raises(ArgumentError, match="a fit of x runs already"):
        one.start("resume", "x", [])


def test_a_long_log_is_told_by_its_end(runner: Callable[[str], JobRunner]) -> None:
    started = runner("for k in range(50_000): print(f'line {k}')").start("fit", "x", [])
    wait(lambda: started.state == "finished")
    lines = started.lines()
    assert lines[-1] == "line 49999"
    assert len(lines) < 10_000


ASKED: dict[str, Any] = {"command": "fit", "data": "sunspots", "out": "new"}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b'{"command": NaN}', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        ([], "expected an object"),
        ("fit", "expected an object"),
        ({}, "`command` is None"),
        ({"command": ["fit"]}, "`command` is"),
        ({"command": "rm"}, "expected one of fit, resume"),
        (ASKED | {"extra": 1}, "a field is 'extra'"),
        (ASKED | {"data": 3}, "`data` is 3"),
        (ASKED | {"data": None}, "`data` is None"),
        (ASKED | {"data": "nothing.csv"}, "`data` is 'nothing.csv'"),
        (ASKED | {"data": "sunspot"}, "Did you mean 'sunspots'"),
        (ASKED | {"data": "--out=x"}, "`data` is '--out=x'"),
        (ASKED | {"out": 3}, "`out` is 3"),
        (ASKED | {"out": ""}, "`out` is ''"),
        (ASKED | {"out": "-x"}, "`out` is '-x'"),
        (ASKED | {"out": ".hidden"}, "`out` is '.hidden'"),
        (ASKED | {"out": "a\nb"}, "`out` is"),
        (ASKED | {"out": "C:\\x"}, "`out` is 'C:"),
        (ASKED | {"out": "x" * 300}, "expected a name for a folder"),
        (ASKED | {"out": "a/b/c/d/e"}, "no more than 4 folders"),
        (ASKED | {"options": 3}, "`options` is 3"),
        (ASKED | {"options": {"colour": 1}}, "there is no option `colour`"),
        (ASKED | {"options": {"out": "/tmp/x"}}, "there is no option `out`"),
        (ASKED | {"options": {"hidden": "8"}}, "`hidden` is '8'"),
        (ASKED | {"options": {"hidden": 1.5}}, "`hidden` is 1.5"),
        (ASKED | {"options": {"hidden": True}}, "`hidden` is True"),
        (ASKED | {"options": {"model": "lstn"}}, "Did you mean 'lstm'"),
        (ASKED | {"options": {"skip": 1}}, "`skip` is 1"),
        (ASKED | {"options": {"columns": {"a": 1}}}, "`columns` is"),
        (ASKED | {"options": {"encoding": "x" * 9999}}, "2,000 characters at most"),
        ({"command": "resume", "run": 3}, "`run` is 3"),
    ],
    ids=ascii,
)
def test_what_is_no_fit_is_refused_before_anything_starts(made: Made, tmp_path: Path, asked: Any, says: str) -> None:
    client = made(tmp_path / "runs")
    content = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    answer = client.post("/api/jobs", content=content)
    assert answer.status_code == 422
    assert says in answer.json()["error"]
    assert client.studio.jobs.all() == []
    assert not (tmp_path / "runs").exists()


def test_what_cannot_be_gone_on_with_says_why(client: Client) -> None:
    def refused(run: str, **options: Any) -> tuple[int, str]:
        answer = client.post("/api/jobs", json={"command": "resume", "run": run, "options": options})
        return answer.status_code, answer.json()["error"]

    assert refused("nothing")[0] == 404
    status, says = refused("panel")
    assert (status, "data in memory" in says) == (409, True)
    status, says = refused("text", hidden=3)
    assert (status, "expected one of minutes, steps, patience" in says) == (422, True)
    assert client.get("/api/jobs").json() == []
    assert client.post("/api/jobs/nothing/stop").status_code == 404


def test_every_setting_is_an_option_with_its_help() -> None:
    settings = {**settings_of(ModelSettings), **settings_of(TrainingSettings), **settings_of(Reading)}
    assert OPTIONS.keys() == settings.keys() - {"unknown"} | {"model", "minutes", "steps", "seed", "device"}
    options = {each["name"]: each for each in described()}
    for name, setting in settings.items():
        if name != "unknown":
            assert options[name]["help"].startswith(setting.help)
            assert bool(options[name]["choices"]) == bool(options[name]["type"] == "choice")
    assert [each["group"] for each in described()] == sorted(
        (each["group"] for each in described()), key=["Model", "Training", "Reading the data"].index
    )


def test_values_become_flags_that_no_value_can_leave() -> None:
    values = {
        "hidden": 3,
        "minutes": 0.5,
        "stable": True,
        "tied": False,
        "skip": False,
        "tbptt": [16, 128],
        "columns": ["a", "Price, USD", "--out=x"],
        "encoding": "--out=x",
        "decimal": ",",
        "order": None,
        "memory": 1000,
    }
    assert arguments_of(values) == [
        "--hidden=3",
        "--minutes=0.5",
        "--stable",
        "--no-skip",
        "--tbptt=16,128",
        '--columns=a,"Price, USD",--out=x',
        "--encoding=--out=x",
        "--decimal=,",
        "--memory=1000",
    ]


def test_data_are_listed_and_found_below_their_folder_alone(made: Made, tmp_path: Path) -> None:
    for name in ("prices.csv", "deep/er/words.txt", "loss.png", "run/config.json", "run/words.txt", ".hidden.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "link.csv").symlink_to("/etc/passwd")
    client = made(tmp_path / "runs")
    about = client.get("/api/data").json()
    assert about["files"] == ["deep/er/words.txt", "prices.csv"]
    assert {"sunspots", "english"} <= {each["name"] for each in about["builtin"]}
    data = client.studio.data
    assert data.source("prices.csv") == str(tmp_path / "prices.csv")
    assert data.source("deep") == str(tmp_path / "deep")
    assert data.source("english") == "builtin:english"
    for name in ("link.csv", "../x", "/etc/passwd", "", ".", "a\0"):
        with pytest.raises(ArgumentError, match="`data` is"):
            data.source(name)
