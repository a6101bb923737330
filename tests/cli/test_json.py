"""--json: every command that prints tables has it, and then prints nothing but JSON of the same numbers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image

from chainrule.cli.app import app
from tests.cli.conftest import COMMANDS, Command

pytestmark = pytest.mark.usefixtures("without_figures")

WITHOUT_TABLES = {"sample", "studio", "update"}
LINES = (
    "fit {runs}/noise.csv --model ar --window 3 --out fitted --quiet",
    "score {runs}/series",
    "score {runs}/text --each",
    "score {runs}/digits",
    "forecast {runs}/series --horizon 3 --paths 20",
    "backtest {runs}/series --horizon 3 --paths 20",
    "compare {runs}/noise.csv --models ar --window 3 --out compared --quiet",
    "classify {runs}/digits image.png",
    "look {runs}/text --steps 6",
    "look conv --input 28x28 --kernel 3x3",
    "look conv --x 1,0,-1,2,4 --w 1,2,3",
    "data",
    "runs {runs}",
    "doctor --seconds 0",
)


def test_every_command_that_prints_tables_is_here() -> None:
    assert {line.split()[0] for line in LINES} == {*COMMANDS} - WITHOUT_TABLES
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    having = {name for name, command in commands.items() if "--json" in (o for p in command.params for o in p.opts)}
    assert having == {*COMMANDS} - WITHOUT_TABLES


@pytest.mark.parametrize("line", LINES)
def test_json_is_all_that_is_printed(line: str, command: Command, runs: Path, here: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(here / "image.png")
    result = command(f"{line.format(runs=runs)} --json")
    assert result.exit_code == 0, result.stderr
    values: Any = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no number of JSON"))
    assert values


def test_the_numbers_are_those_of_the_file(command: Command, runs: Path) -> None:
    values = json.loads(command(f"score {runs}/series --json").stdout)
    assert values["nats"] == json.loads((runs / "series" / "score.json").read_text())["nats"]
    (series,) = [run for run in json.loads(command(f"runs {runs} --json").stdout)["runs"] if run["name"] == "series"]
    assert series["test"] == values["nats"]


def test_a_forecast_may_go_to_a_file_as_well(command: Command, runs: Path, here: Path) -> None:
    result = command(f"forecast {runs}/series --horizon 2 --paths 20 --out ahead.csv --json")
    assert json.loads(result.stdout)
    assert (here / "ahead.csv").read_text().count("\n") == 3
