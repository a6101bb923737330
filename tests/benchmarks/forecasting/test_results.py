"""What came of entrants: scored, in the table whether they ran or not, and in JSON."""

import json

import pytest
from benchmarks.forecasting.entrants import Entrant
from benchmarks.forecasting.jobs import Done
from benchmarks.forecasting.results import ENSEMBLE, OnSet
from benchmarks.forecasting.tables import table

from benchmarks.forecasting import jobs
from chainrule_docs.measurements import forecast
from tests.benchmarks.forecasting.cases import SMALL, a_panel, asked_of, last_value, one_short, out_of_luck


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> OnSet:
    """Two models, and three peers, of which one is missing and two fail."""
    monkeypatch.setattr(jobs, "alone", lambda do, asked, threads: do(asked))
    panel = a_panel()

    def done(entrant: Entrant) -> Done:
        return jobs.done(entrant, asked_of(panel), threads=1)

    models = {f"chainrule {name}": done(Entrant(name, last_value)) for name in ("one", "other")}
    peers = {
        "Peer missing": done(Entrant("missing", last_value, package="no_such_package")),
        "Peer unlucky": done(Entrant("unlucky", out_of_luck)),
        "Peer short": done(Entrant("short", one_short)),
        "Peer fine": done(Entrant("fine", last_value)),
    }
    return OnSet("small", SMALL, panel, models, peers, ("naive",))


def test_the_table_has_a_row_for_every_entrant(on: OnSet) -> None:
    told = table(on, on.score()).splitlines()
    rows = {line[:22].strip(): line[23:] for line in told}
    assert rows["Peer missing"].startswith("not run: no_such_package is not installed")
    assert rows["Peer unlucky"] == "FAILED: RuntimeError: out of luck"
    assert rows["Peer short"].startswith("FAILED: RuntimeError: forecasts are of shape (2, 4, 11)")
    same = {rows[name].split()[0] for name in ("chainrule one", "Peer fine", ENSEMBLE, "naive")}
    assert len(same) == 1
    assert rows["Peer fine"].split()[-4:] == ["4", "1", "2", "3"]
    reasons = ("not run", "FAILED", "against")
    assert all(len(line) <= 80 for line in told if not any(reason in line for reason in reasons))


def test_all_numbers_are_written_and_shown(on: OnSet) -> None:
    score = on.score()
    assert score is not None
    told = json.loads(json.dumps(on.to_dict(score)))
    assert told["entrants"]["chainrule one"]["metrics"]["mase"] == score.rows["naive"].mase
    assert told["entrants"]["naive"] == {"metrics": told["entrants"]["naive"]["metrics"]}
    head, *rows = forecast({"sets": [told]})
    assert {len(cells) for cells in rows} == {len(head)}
    assert [cells[1] for cells in rows] == [*told["entrants"]]
    by_name = {cells[1]: cells for cells in rows}
    assert by_name["Peer missing"][2].startswith("not run: no_such_package")
    assert by_name["Peer unlucky"][2].startswith("failed: RuntimeError")
    assert by_name["Peer fine"][2] == by_name["naive"][2]


def test_where_no_model_was_fitted_nothing_is_scored(on: OnSet) -> None:
    none = OnSet("small", SMALL, on.panel, {"chainrule one": Done(failed="RuntimeError: out of luck")})
    assert none.score() is None
    assert "chainrule one          FAILED" in table(none, None)
