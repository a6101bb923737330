"""``python -m benchmarks learning``."""

import json
from pathlib import Path

import pytest
from benchmarks.__main__ import app
from benchmarks.learning.budgets import Budget
from benchmarks.learning.entering import Outcome
from benchmarks.learning.entrants import ENTRANTS
from benchmarks.learning.jobs import Done, Job
from benchmarks.learning.results import OnText, verdicts
from benchmarks.learning.tables import table
from benchmarks.learning.texts import Text, read_text
from typer.testing import CliRunner


def a_text(folder: Path, name: str = "tiny_shakespeare") -> Text:
    path = folder / f"{name}.txt"
    path.write_text("to be or not to be, that is the question. " * 40)
    return read_text(str(path))


@pytest.mark.slow
def test_a_run_of_the_command(tmp_path: Path) -> None:
    text = a_text(tmp_path, "hamlet")
    out = tmp_path / "out.json"
    figure = tmp_path / "curves.png"
    arguments = ["--minutes", "0.002", "--seeds", "1", "--threads", "1", "--entrants", "gru-layers,6-gram"]
    files = ["--texts", text.source, "--json", str(out), "--figure", str(figure)]
    result = CliRunner().invoke(app, ["learning", *arguments, *files])
    assert result.exit_code == 0, result.output
    (told,) = json.loads(out.read_text())["texts"]
    assert told["scored"] == text.scored
    for name in ("gru-layers", "6-gram"):
        assert f"{told['entrants'][name]['mean']:.4f}" in result.stdout
        assert ENTRANTS[name].label in result.stdout
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_read_or_written_is_said_first(tmp_path: Path) -> None:
    for arguments, said in (
        (["--texts", "digits"], "not a text"),
        (["--texts", str(tmp_path / "none.txt")], "none.txt"),
        (["--entrants", "lstm,ngarm"], "ngarm"),
        (["--json", str(tmp_path / "no" / "out.json")], "no folder"),
    ):
        result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["learning", "--threads", "1", *arguments])
        assert result.exit_code == 2
        assert said in result.stderr


def measured(folder: Path, nats: dict[str, float], adaptive: float) -> OnText:
    """Two seeds of each, that far apart."""
    text = a_text(folder)
    on = OnText(text)
    for name, mean in nats.items():
        for seed, off in enumerate((-0.01, 0.01)):
            curve = [(10.0, mean + 1), (45.0, mean + 0.5)]
            outcome = Outcome(mean + off, 90.0, text.scored, "", curve=curve, adaptive={"both": adaptive})
            on.add(Done(Job(name, text, seed, Budget()), 0.0, outcome))
    return on


def test_targets(tmp_path: Path) -> None:
    good = {"lstm": 1.51, "chainrule-network": 1.45, "chainrule": 1.40, "chainrule-20": 1.6, "chainrule-35": 1.5}
    lines = verdicts(measured(tmp_path, good, adaptive=1.32))
    assert len(lines) == 5
    assert all(line.startswith("met") for line in lines)
    bad = {"lstm": 1.49, "chainrule-network": 1.47, "chainrule": 1.43, "chainrule-20": 1.6, "chainrule-35": 1.5}
    lines = verdicts(measured(tmp_path, bad, adaptive=1.34))
    assert len(lines) == 5
    assert all(line.startswith("NOT MET") for line in lines)


def test_the_table_is_80_columns_wide_and_tells_what_did_not_run(tmp_path: Path) -> None:
    on = measured(tmp_path, dict.fromkeys(ENTRANTS, 1.51), adaptive=1.4)
    lines = table(on).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("1.5100 ±0.0141" in line for line in lines) == len(ENTRANTS)
    job = Job("transformer", on.text, 0, Budget())
    on.add(Done(job, 0.0, not_run="not here"))
    on.add(Done(Job("gru", on.text, 0, Budget()), 0.0, failed="RuntimeError: out of luck"))
    told = table(on)
    assert "not run: not here" in told
    assert "FAILED: RuntimeError: out of luck" in told


def test_when_a_curve_reaches_a_score(tmp_path: Path) -> None:
    found = measured(tmp_path, {"lstm": 1.5}, adaptive=1.4).found["lstm"]
    assert found.reaches(3.0) == 10.0
    reached = found.reaches(1.75)
    assert reached is not None
    assert abs(reached - 67.5) < 1e-9
    assert found.reaches(1.4) is None
