"""Names lead to runs within the folder and nowhere else; a broken run is listed with its error, and the rest works."""

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from chainrule.errors import ArgumentError
from chainrule.studio.events import Watch
from chainrule.studio.folders import RunsFolder
from tests.studio.conftest import Client, Made

OUTSIDE = (
    "..",
    "../runs",
    "../../etc",
    "a/../../etc",
    "/etc",
    "//etc",
    "text/..",
    "text/../text",
    "./text",
    "text/",
    "..\\text",
    "C:\\text",
    "text\0",
    "x" * 5000,
    "\udc80",
    ".",
    "",
)
"""None of these is the name of a run."""


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", OUTSIDE, ids=ascii)
def test_no_name_leads_out_of_the_folder(client: Client, name: str) -> None:
    quoted = quote(name, safe="", errors="surrogateescape").replace(".", "%2e")  # or a client takes it for a step up
    for path in (
        f"/api/metrics/{quoted}",
        f"/view/{quoted}?view=curves",
        f"/view/text?view=compare&other={quoted}",
        f"/view/text?view=curves&upload={quoted}" if name else "/view/text?view=curves&upload=no",
        f"/view/text?view={quoted}",
        f"/view/text?view=score&checkpoint={quoted}" if name else "/view/text?view=score&checkpoint=no",
        f"/page/{quoted}",
        f"/interactive/{quoted}",
        f"/api/events?run={quoted}",
    ):
        answer = client.get(path)
        assert 400 <= answer.status_code < 500, path
        assert "root:" not in answer.text
    for asked in (
        {"command": "fit", "data": name, "out": "new"},
        {"command": "fit", "data": "sunspots", "out": name},
        {"command": "resume", "run": name},
    ):
        answer = client.post("/api/jobs", content=json.dumps(asked), headers={"Content-Type": "application/json"})
        assert answer.status_code in (404, 422), asked
        assert client.studio.jobs.all() == []
    assert client.post(f"/api/jobs/{quoted or 'no'}/stop").status_code == 404


@pytest.mark.sampled(0)
@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "가격 예측",
        "a\x1b[31m",
        "<script>",
        "50%",
        "q?x=1#y",
        "-dash",
        "back\\slash",
        "metrics",
        "both/metrics",
        "한" * 85,
    ],
)
def test_a_run_that_is_listed_can_be_opened_whatever_its_name(
    runs: Path, made: Made, tmp_path: Path, name: str
) -> None:
    shutil.copytree(runs / "ar", tmp_path / "runs" / name)
    client = made(tmp_path / "runs")
    assert [run["name"] for run in client.get("/api/runs").json()["runs"]] == [name]
    quoted = quote(name)
    assert client.get(f"/api/runs/{quoted}").json()["name"] == name
    assert client.get(f"/api/metrics/{quoted}").status_code == 200
    page = client.get(f"/view/{quoted}?view=score&download=1")
    assert page.status_code == 200
    assert "<script>" not in page.text.replace("</script>", "").split("<main")[1]


@pytest.mark.parametrize("name", [b"a\nb", b"bad\xff", b"\xed\xa0\x80"], ids=ascii)
def test_a_run_whose_name_no_address_can_have_is_listed_with_its_error(
    runs: Path, made: Made, tmp_path: Path, name: bytes
) -> None:
    folder = tmp_path / "runs"
    shutil.copytree(runs / "ar", folder / "whole")
    try:
        shutil.copytree(runs / "ar", folder / os.fsdecode(name))
    except OSError:
        pytest.skip("no folder of this file system has such a name")
    client = made(folder)
    watch = Watch(client.studio, [])
    strange, whole = sorted(client.get("/api/runs").json()["runs"], key=lambda run: run["status"])
    assert (strange["status"], "Rename it" in strange["error"], whole["name"]) == ("broken", True, "whole")
    assert strange["name"].isprintable()
    for path in (f"/api/runs/{quote(name)}", f"/api/metrics/{quote(name)}", f"/view/{quote(name)}?view=curves"):
        assert client.get(path).status_code == 404
    assert client.get("/view/whole?view=curves").status_code == 200
    assert watch.news() == []


def test_links_that_lead_out_are_not_followed(runs: Path, made: Made, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    shutil.copytree(runs / "ar", folder / "real")
    (folder / "away").symlink_to(runs / "text")
    (folder / "circle").symlink_to(folder / "circle")
    (folder / "within").symlink_to(folder / "real")
    shutil.copytree(runs / "ar", folder / "half")
    (folder / "half" / "score.json").unlink()
    (folder / "half" / "score.json").symlink_to(runs / "text" / "score.json")
    client = made(folder)
    assert [run["name"] for run in client.get("/api/runs").json()["runs"]] == ["half", "real"]
    statuses = {
        name: client.get(f"/api/runs/{name}").status_code for name in ("real", "within", "away", "circle", "half")
    }
    assert statuses == {"real": 200, "within": 200, "away": 404, "circle": 404, "half": 404}
    assert "is a link out of" in client.get("/view/half?view=score").text


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


BROKEN: dict[str, Callable[[Path], object]] = {
    "config cut short": lambda run: cut(run / "config.json"),
    "config of nothing": write("config.json", ""),
    "config of another program": write("config.json", '{"architectures": ["x"]}'),
    "config of another format": write("config.json", '{"format": 99}'),
    "config is a list": write("config.json", "[]"),
    "config nested too deeply": write("config.json", "[" * 100_000),
    "config is missing": lambda run: (run / "config.json").unlink(),
    "config is a folder": lambda run: make_folder(run / "config.json"),
    "weights cut short": lambda run: cut(run / "best.safetensors"),
    "weights are text": write("best.safetensors", "weights"),
    "score cut short": lambda run: cut(run / "score.json"),
    "score is a list": write("score.json", "[1]"),
    "score is huge": write("score.json", f'{{"baselines_nats": {{"unigram": 1{"0" * 400}}}}}'),
    "metrics are a folder": lambda run: (run / "metrics.jsonl").mkdir(),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_run_is_listed_with_its_error_and_the_rest_works(
    runs: Path, made: Made, tmp_path: Path, how: str
) -> None:
    folder = tmp_path / "runs"
    shutil.copytree(runs / "ar", folder / "broken")
    shutil.copytree(runs / "ar", folder / "whole")
    BROKEN[how](folder / "broken")
    client = made(folder)
    broken, whole = client.get("/api/runs").json()["runs"]
    assert (broken["name"], broken["status"], whole["status"]) == ("broken", "broken", "finished")
    assert len(broken["error"]) > 40
    assert broken["name"] in broken["error"]
    assert client.get("/api/runs/broken").json()["views"] == []
    assert client.get("/view/broken?view=score").status_code in (200, 409)  # a score is computed anew
    assert client.get("/api/metrics/broken").json()["curves"] == {}
    assert client.get("/api/runs/whole").status_code == 200
    (told,) = Watch(client.studio, [("broken", "")]).news()
    assert '"curves": {}' in told


def test_a_file_in_the_place_of_a_folder_is_no_run(made: Made, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "file").write_text("{}")
    (tmp_path / "runs" / "empty").mkdir()
    client = made(tmp_path / "runs")
    assert client.get("/api/runs").json()["runs"] == []
    assert client.get("/api/runs/file").status_code == 404
    assert client.get("/api/runs/empty").status_code == 404
    with pytest.raises(ArgumentError, match="is a file; expected the folder that runs are in"):
        RunsFolder(tmp_path / "runs" / "file")


def test_a_folder_that_is_a_run_says_where_to_look(runs: Path) -> None:
    with pytest.raises(ArgumentError, match="is a run by itself"):
        RunsFolder(runs / "ar")


def test_a_folder_that_is_not_there_has_no_runs_yet(made: Made, tmp_path: Path) -> None:
    assert made(tmp_path / "later").get("/api/runs").json()["runs"] == []


def test_the_list_tells_of_every_run(client: Client) -> None:
    runs = {run["name"]: run for run in client.get("/api/runs").json()["runs"]}
    kinds = {name: run["kind"] for name, run in runs.items()}
    assert kinds == {
        "ar": "series",
        "calls": "labelled sound",
        "compared": None,
        "compared panel": None,
        "compared/ar": "series",
        "compared/gru": "series",
        "images": "images",
        "nested/series": "series",
        "ngram": "text",
        "panel": "panel",
        "sound": "sound",
        "text": "text",
    }
    statuses = {name: run["status"] for name, run in runs.items() if run["status"] != "finished"}
    assert statuses == {"compared": "comparison", "compared panel": "comparison"}
    assert runs["compared/ar"]["comparison"] == "compared"
    score = json.loads((client.studio.folder.root / "text" / "score.json").read_text())
    text = runs["text"]
    assert text["test"] == score["nats"]
    assert (text["step"], text["steps"], text["progress"], text["unit"]) == (6, 6, 1.0, "nats per character")
    assert text["parameters"] == client.studio.answers.opened.run(client.studio.folder.run("text"), None).parameters
    assert client.get("/api/runs/text").json()["baselines"] == score["baselines_nats"]


def test_a_run_trains_while_its_fit_lives(runs: Path, made: Made, tmp_path: Path) -> None:
    shutil.copytree(runs / "nested/series", tmp_path / "runs" / "x")
    client = made(tmp_path / "runs")
    lock = tmp_path / "runs" / "x" / ".lock"

    def status() -> str:
        found: str = client.get("/api/runs").json()["runs"][0]["status"]
        return found

    lock.write_text(f"{os.getpid()} {socket.gethostname()} 2026-01-01 00:00:00")
    assert status() == "training"
    lock.write_text(f"4999999 {socket.gethostname()} 2026-01-01 00:00:00")  # of a process that was killed
    assert status() == "finished"
    lock.unlink()
    (tmp_path / "runs" / "x" / "score.json").unlink()
    assert status() == "stopped"
