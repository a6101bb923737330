"""The workflow of the wheels: pinned actions, no more rights than needed, the versions that pyproject.toml names."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/wheels.yml").read_text())
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]


def test_actions_are_pinned() -> None:
    used = [step["uses"] for _, step in STEPS if "uses" in step]
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", action)] == []


def test_only_what_publishes_may_do_more_than_read() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert {name: job["permissions"] for name, job in JOBS.items() if "permissions" in job} == {
        "publish": {"id-token": "write"}
    }
    publish = JOBS["publish"]
    assert set(publish["needs"]) == JOBS.keys() - {"publish"}
    assert "refs/tags/v" in publish["if"]
    assert "secrets" not in str(WORKFLOW)


def test_no_command_contains_what_others_write() -> None:
    assert [step["run"] for _, step in STEPS if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("name", [name for name, job in JOBS.items() if "strategy" in job])
def test_it_runs_where_wheels_are_for(name: str) -> None:
    matrix = JOBS[name]["strategy"]["matrix"]
    machines = {*matrix["os"], *(row["os"] for row in matrix.get("include", ()))}
    assert {machine.partition("-")[0] for machine in machines} == {"ubuntu", "macos", "windows"}
    assert any(machine.endswith("-arm") for machine in machines)


def test_the_pythons_are_those_that_the_project_names() -> None:
    classifiers = [line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if "Python :: 3." in line]
    assert JOBS["installed"]["strategy"]["matrix"]["python"] == classifiers
    assert PROJECT["project"]["requires-python"] == f">={classifiers[0]}"
    assert PROJECT["tool"]["scikit-build"]["wheel"]["py-api"] == "cp312"
    assert PROJECT["tool"]["cibuildwheel"]["build"] == ["cp311-*", "cp312-*"]


def test_the_oldest_torch_is_the_one_that_is_required() -> None:
    (floor,) = [line for line in PROJECT["project"]["dependencies"] if line.startswith("torch")]
    assert floor == f"torch>={JOBS['installed']['strategy']['matrix']['torch'][0]}"
