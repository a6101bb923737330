"""``python -m benchmarks recipe`` and ``sizes``."""

import json
import math
from pathlib import Path

import pytest
from benchmarks.__main__ import app
from benchmarks.recipe.sizes import beside
from typer.testing import CliRunner

from tests.benchmarks.recipe.cases import SMALL


def a_file(folder: Path) -> str:
    path = folder / "hamlet.txt"
    path.write_text("to be or not to be, that is the question. " * 40)
    return str(path)


def test_recipe_trains_variants_as_long_and_tells_their_means(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    asked = ["--variants", f"{SMALL}+batch=16,kept+{SMALL}+batch=32", "--steps", "1", "--seeds", "2"]
    result = CliRunner().invoke(app, ["recipe", "--text", a_file(tmp_path), *asked, "--json", str(out)])
    assert result.exit_code == 0, result.output
    told = json.loads(out.read_text())
    assert told["text"] == "hamlet"
    plain, kept = told["variants"]
    assert [trial["steps"] for trial in plain["trials"]] == [8, 8]
    assert [trial["steps"] for trial in kept["trials"]] == [4, 4]
    assert kept["settings"]["optimiser"] == "muon"
    first, second = (trial["nats"] for trial in plain["trials"])
    assert first != second
    assert f"{(first + second) / 2:.4f} ±" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_sizes_cost_as_much_as_one_another(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    asked = ["--widths", "4,96", "--budgets", "5,10", "--lengths", "800,0", "--variant", "batch=4", "--timed", "3"]
    result = CliRunner().invoke(app, ["sizes", "--text", a_file(tmp_path), *asked, "--json", str(out)])
    assert result.exit_code == 0, result.output
    told = json.loads(out.read_text())
    assert [(each["characters"], each["budget"], each["hidden"]) for each in told["sizes"]] == [
        (characters, budget, hidden) for characters in (800, 1680) for budget in (5, 10) for hidden in (4, 96)
    ]
    for each in told["sizes"]:
        cost = each["score"]["steps"] * told["seconds"][str(each["hidden"])]
        assert cost == pytest.approx(each["budget"] * told["seconds"]["4"], abs=told["seconds"]["96"])
        assert f"{each['score']['nats']:.4f}" in result.stdout


def test_beside_is_of_what_grows_with_the_square() -> None:
    assert beside({H: 2e-6 * (H**2 + 132**2) for H in (128, 256, 384)}) == pytest.approx(132)
    assert math.isnan(beside({128: 1.0, 256: 0.5}))
    assert math.isnan(beside({128: 1.0}))


def test_what_cannot_be_run_is_said_first(tmp_path: Path) -> None:
    for arguments, said in (
        (["recipe", "--text", str(tmp_path / "none.txt")], "none.txt"),
        (["recipe", "--variants", "kept+dropot=1"], "no setting dropot"),
        (["recipe", "--json", str(tmp_path / "no" / "out.json")], "no folder"),
        (["sizes", "--text", str(tmp_path / "none.txt")], "none.txt"),
        (["sizes", "--widths", "128,wide"], "128,wide"),
        (["sizes", "--json", str(tmp_path / "no" / "out.json")], "no folder"),
    ):
        result = CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)
        assert result.exit_code == 2
        assert said in result.stderr
