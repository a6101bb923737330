"""The list of runs: what is told of each, whatever state its folder is in."""

import json
import os
import shutil
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import chainrule
from chainrule.errors import ArgumentError
from chainrule.runs import Runs, list_runs
from chainrule.runs.listing.listed_run import ListedRun
from chainrule.training import saved_progress
from tests.conftest import draw_nothing
from tests.runs.cases import panel

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of each state but broken; none is changed."""
    root = tmp_path_factory.mktemp("runs")
    options: dict[str, Any] = {"quiet": True, "steps": 2, "hidden": 2, "window": 4}
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        chainrule.compare("sunspots", ["ar", "gru"], out=root / "both", **options)
        chainrule.fit(panel(2, 40), "gru", horizon=4, steps=2, hidden=2, quiet=True, out=root / "shops")
    shutil.copytree(root / "both" / "gru", root / "killed")
    (root / "killed" / "score.json").unlink()
    (root / ".hidden").mkdir()
    shutil.copy(root / "killed" / "config.json", root / ".hidden")
    (root / "notes").mkdir()
    return root


def states(found: Runs) -> dict[str, str]:
    return {run.name: run.status for run in found.listed}


def test_all_runs_are_listed_by_name_with_what_they_scored(whole: Path) -> None:
    found = list_runs(whole)
    assert states(found) == {"both/ar": "finished", "both/gru": "finished", "killed": "stopped", "shops": "finished"}
    ar, gru, killed, shops = found.listed
    score = json.loads((whole / "both" / "gru" / "score.json").read_text())
    assert (gru.model, gru.data, gru.unit, gru.step) == ("gru", "sunspots", "nats per step", 2)
    assert gru.test == score["nats"]
    assert ar.test is not None
    assert (killed.test, killed.validation) == (None, gru.validation)
    assert gru.validation is not None
    assert shops.test is None
    assert gru.updated is not None
    for text in ("both/gru", "sunspots", f"{gru.test:.4f}", "stopped"):
        assert text in str(found)
    assert json.loads(json.dumps(found.to_dict()))["runs"][1]["test"] == score["nats"]


def test_losses_have_their_units_and_names_stay_whole() -> None:
    long = f"compare-sunspots/{'x' * 30}"
    facts: dict[str, Any] = {"status": "finished", "validation": 2.0, "test": 2.5, "updated": datetime.now(UTC)}
    found = Runs(
        Path("runs"),
        (
            ListedRun(long, data="sunspots", model="gru", unit="nats per step", step=300, best_step=0, **facts),
            ListedRun("b", data="shops", model="gru", unit="scaled pinball loss", best_step=10, **facts),
        ),
    )
    lines = str(found).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert any(line.startswith(f"{long}  sunspots") for line in lines)
    said = " ".join(lines)
    assert "are in nats per step (sunspots), scaled pinball loss (shops)." in said
    assert f"{long}: training never improved" in said
    assert "b: training" not in said


def test_the_loss_of_the_weights_is_told_and_their_step(whole: Path) -> None:
    gru = next(run for run in list_runs(whole).listed if run.name == "both/gru")
    best = saved_progress(whole / "both" / "gru" / "best.safetensors")
    assert (gru.validation, gru.best_step) == (best.validation, best.best_step)
    assert gru.validation != best.best, "which has what counts beside it"


def test_a_run_by_itself_is_a_list_of_one(whole: Path) -> None:
    assert states(list_runs(whole / "killed")) == {"killed": "stopped"}


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config.json", "{}", "not a config that chainrule wrote"),
        ("config.json", None, "it has no config.json"),
        ("score.json", "[1]", "not a score that chainrule wrote"),
        ("score.json", "{", "not a score that chainrule wrote"),
        ("score.json", '{"nats": "low"}', "it.nats is 'low'"),
        ("score.json", '{"nats": true}', "it.nats is True"),
        ("score.json", f'{{"nats": 1{"0" * 400}}}', "it.nats is a"),
        ("score.json", '{"baselines_nats": [1]}', "it.baselines_nats is a list of 1"),
        ("score.json", f'{{"baselines_nats": {{"unigram": 1{"0" * 400}}}}}', "is a whole number of more than 63 bits"),
    ],
)
def test_broken_runs_say_what_is_wrong(whole: Path, tmp_path: Path, file: str, content: str | None, said: str) -> None:
    path = shutil.copytree(whole / "both" / "gru", tmp_path / "run") / file
    path.unlink()
    if content is not None:
        path.write_text(content)
    found = list_runs(tmp_path)
    (run,) = found.listed
    assert run.status == "broken"
    assert said in str(run.error)
    assert said in " ".join(str(found).split())


@pytest.mark.parametrize("file", ["best", "refit", "series", "updated"])
def test_a_finished_run_without_its_weights_or_data_is_broken(whole: Path, tmp_path: Path, file: str) -> None:
    path = shutil.copytree(whole / "shops", tmp_path / "run") / f"{file}.safetensors"
    path.write_bytes(b"")
    assert states(list_runs(tmp_path)) == {"run": "broken"}
    path.unlink()
    optional = {"updated": "finished", "refit": "stopped"}
    assert states(list_runs(tmp_path)) == {"run": optional.get(file, "broken")}


@pytest.mark.parametrize(
    "line",
    ["[1]", "{}", '{"step": true}', f'{{"step": 1{"0" * 400}}}', '{"step": 9, "seconds": "x"}', '{"step": 9', "\0"],
    ids=range(7),
)
def test_what_is_no_record_of_a_step_is_passed_by(whole: Path, tmp_path: Path, line: str) -> None:
    path = shutil.copytree(whole / "both" / "gru", tmp_path / "run") / "metrics.jsonl"
    with path.open("a") as file:
        file.write(line + "\n")
    assert list_runs(tmp_path).listed[0].step == 2


def test_a_run_that_is_written_to_is_training(whole: Path, tmp_path: Path) -> None:
    path = shutil.copytree(whole / "killed", tmp_path / "run")
    for holder, status in {
        f"{os.getpid()} {socket.gethostname()} now": "training",
        f"1 {socket.gethostname()}-elsewhere now": "training",
        f"{2**22 + 1} {socket.gethostname()} now": "stopped",
        "": "stopped",
    }.items():
        (path / ".lock").write_text(holder)
        assert states(list_runs(tmp_path)) == {"run": status}


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"nowhere is no folder\. Name the one that holds the runs"):
        list_runs(tmp_path / "nowhere")


def test_an_empty_folder_has_no_runs_and_nothing_to_draw(tmp_path: Path) -> None:
    found = list_runs(tmp_path)
    assert found.listed == ()
    assert not found.drawable
    assert "0 runs" in str(found)
    with pytest.raises(ArgumentError, match="has a score to draw"):
        found.plot()
