"""A short run of every target, the same tries each time: own errors or a right answer, and nothing else."""

from pathlib import Path

import pytest

from tests.fuzz import seeds
from tests.fuzz.judge import bounded_memory
from tests.fuzz.run import one
from tests.fuzz.targets import NEED_RUNS, TARGETS
from tests.house.sampling import unless

_TRIES = dict.fromkeys(TARGETS, 150) | {
    "folders": 15,
    "resume": 5,
    "commands": 20,
    "pictures": 40,
    "xlsx": 25,
    "arrow": 75,
}
_LONG = {*NEED_RUNS, "arrow", "config", "csv", "npz", "xlsx"}


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz") / "runs"
    seeds.run_folders(folder, only=("text-gru", "series-ar", "series-average", "spoken-gru"))
    return folder


@pytest.mark.parametrize("name", [pytest.param(name, marks=unless(name not in _LONG)) for name in TARGETS])
def test_nothing_but_errors_of_our_own(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if name in NEED_RUNS:
        (tmp_path / "runs").symlink_to(request.getfixturevalue("runs"))
    draw = TARGETS[name](tmp_path)
    with bounded_memory():
        for k in range(_TRIES[name]):
            failure = one(draw, name, 0, k)
            assert failure is None, f"{failure}\npython -m tests.fuzz --target {name} --seed 0 --case {k}"
