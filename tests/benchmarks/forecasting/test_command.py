"""``python -m benchmarks forecasting``."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.__main__ import app
from benchmarks.forecasting.entrants import PEERS, Entrant
from typer.testing import CliRunner

from benchmarks.forecasting import jobs, sets
from tests.benchmarks.forecasting.cases import last_value


def test_a_set_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sets.SETS, "m4-weekly", replace(sets.SETS["m4-weekly"], horizon=4))
    monkeypatch.setitem(PEERS, "missing", Entrant("Peer missing", last_value, package="no_such_package"))
    monkeypatch.setattr(jobs, "alone", lambda do, asked, threads: do(asked))  # the benchmark of texts tests it
    rows = [",".join(f"V{k}" for k in range(1, 35))] + [
        f"W{k}," + ",".join(str(k + t % 5) for t in range(26 + k)) + ",9999" * 4 for k in range(4)
    ]
    path = tmp_path / "weekly.csv"
    path.write_text("\n".join(rows))
    out = tmp_path / "out.json"
    options = ["--models", "ar", "--peers", "missing", "--minutes", "0.005", "--threads", "1", "--json", str(out)]
    options += ["--earlier", "1", "--baselines", "naive"]  # so that what is at the end is not seen
    told = CliRunner().invoke(app, ["forecasting", f"m4-weekly={path}", *options])
    assert told.exit_code == 0, told.output
    for row in ("chainrule ar", "Peer missing", "naive"):
        assert f"\n{row} " in told.output
    found = json.loads(out.read_text())
    assert found["versions"]["chainrule"]
    (on,) = found["sets"]
    assert on["entrants"]["chainrule ar"]["metrics"]["mae"] < 100
    assert on["entrants"]["chainrule ar"]["training"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["m5=x.csv"], "m5=x.csv"), (["m4-weekly={here}", "--peers", "nhitz"], "nhitz is not among")],
)
def test_what_cannot_be_measured_is_said_first(arguments: list[str], said: str) -> None:
    given = [each.format(here=__file__) for each in arguments]
    refused = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["forecasting", *given])
    assert refused.exit_code == 2
    assert said in refused.stderr
